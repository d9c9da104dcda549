"""Who may read /metrics: nobody without a token, unless the setting says so."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from bklog.accounts.tokens import replace_api_token
from bklog.api.middleware import authenticate

BEARER = "HTTP_AUTHORIZATION"


def status_of(path: str, headers: Mapping[str, str]) -> int:
    def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse("metrics")

    return authenticate(view)(RequestFactory().get(path, **dict(headers))).status_code  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_metrics_need_a_token_unless_the_setting_opens_them(settings: Settings, path: str) -> None:
    assert status_of(path, {}) == 401
    assert status_of(path, {BEARER: "Bearer "}) == 401
    assert status_of(path, {BEARER: "Bearer wrong"}) == 401
    assert status_of(path, {BEARER: f"Bearer {replace_api_token('prometheus')}"}) == 200
    settings.BKLOG_METRICS_TOKEN = "scrape-me"
    assert status_of(path, {BEARER: "Bearer scrape-me"}) == 200
    assert status_of(path, {BEARER: "Basic scrape-me"}) == 401
    assert status_of(path, {BEARER: "Bearer scrape-m"}) == 401
    assert status_of("/api/v1/fleet/", {BEARER: "Bearer scrape-me"}) == 401, "it opens nothing else"
    settings.BKLOG_METRICS_TOKEN, settings.BKLOG_METRICS_OPEN = "", True
    assert status_of(path, {}) == 200
    assert status_of("/api/v1/fleet/", {}) == 401


@pytest.mark.django_db(transaction=True)
def test_sources_that_do_not_answer_are_left_out_and_named(settings: Settings) -> None:
    settings.BKLOG_METRICS_OPEN = True
    page = Client().get("/metrics").content.decode()
    assert 'bklog_scrape_ok{source="ledger"} 0.0' in page
    assert "bklog_store_up 0.0" in page
    assert "bklog_http_requests_total" in page
    assert 'bklog_program_up{program="supervisor"} 0.0' in page


@pytest.mark.django_db(transaction=True)
def test_a_fleet_that_does_not_run_is_shown_with_the_reason_why_it_has_no_queues() -> None:
    shown = Client().get("/api/v1/fleet/", HTTP_AUTHORIZATION=f"Bearer {replace_api_token('me')}").json()
    assert shown["is_running"] is False
    assert {one["state"] for one in shown["programs"]} == {"STOPPED"}
    assert "the message queue does not answer" in shown["note"]
