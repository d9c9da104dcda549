"""The watch over a whole fleet: crashes found with a search, what is wrong shown everywhere, metrics as their page says."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import redis
import urllib3
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from config.environ import ROOT
from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = [pytest.mark.fleet, pytest.mark.alone]
HTTP: Final = urllib3.PoolManager(retries=False)
ROW: Final = re.compile(r"^\| `(?P<name>bklog_\w+)` \| (?P<type>\w+) \| (?P<labels>[^|]*) \| (?P<meaning>.*) \|$", re.MULTILINE)


def programs(fleet: RunningFleet) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in fleet.api("GET", "/api/v1/fleet/")["programs"]}


def health(fleet: RunningFleet, query: str = "") -> tuple[int, bytes]:
    answer = HTTP.request("GET", f"{fleet.url}/healthz/{query}", timeout=30)
    return answer.status, answer.data


def metrics(fleet: RunningFleet) -> dict[str, Metric]:
    answer = HTTP.request("GET", f"{fleet.url}/metrics", headers=fleet.api_headers, timeout=30)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {_name(family): family for family in text_string_to_metric_families(answer.data.decode())}


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_every_program_runs_and_every_part_is_healthy(fleet: RunningFleet) -> None:
    shown = json.loads(fleet.bklog("status", "--json"))
    assert {one["state"] for one in shown["programs"]} == {"RUNNING"}
    queues = [queue for one in shown["programs"] for queue in one["queues"]]
    assert {"default", "celery", "async_export", "tgpa_task", "pipeline"} <= {queue["name"] for queue in queues}
    wait_until(lambda: all(queue["workers"] == 1 for one in programs(fleet).values() for queue in one["queues"]), seconds=15)
    answered = fleet.api("GET", "/api/v1/fleet/")
    assert [one["name"] for one in answered["programs"]] == [one["name"] for one in shown["programs"]]
    assert (answered["is_running"], answered["note"]) == (True, "")
    status, body = health(fleet)
    assert (status, json.loads(body)["healthy"]) == (200, True), body
    assert fleet.try_bklog("healthz", "--include", "disk,queues").stdout.count("ok  ") == 2
    assert fleet.try_bklog("healthz", "--include", "dsk").returncode == 2


def test_the_watch_is_small(fleet: RunningFleet) -> None:
    assert programs(fleet)["watch"]["rss_bytes"] < 25 * 2**20


@pytest.mark.parametrize("program", ["celery", "ingest"])
def test_a_crash_is_found_with_a_search(fleet: RunningFleet, program: str) -> None:
    former = programs(fleet)[program]
    killed = former["pid"]
    began = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: programs(fleet)[program]["state"] == "RUNNING" and programs(fleet)[program]["pid"] != killed, seconds=15)
    assert time.monotonic() - began < 5
    query = f"ProgramCrashed AND SIGKILL AND program:{program} AND pid:{killed}"
    wait_until(lambda: fleet.count(query, "bklog-platform") == 1, seconds=30)
    assert programs(fleet)[program]["restarts"] == former["restarts"] + 1


def test_nothing_of_the_platform_is_shipped_that_is_no_json(fleet: RunningFleet) -> None:
    assert fleet.count("path:*supervisord.log", "bklog-platform") == 0


def test_a_program_that_is_given_up_is_seen_everywhere(fleet: RunningFleet) -> None:
    _make_fatal(fleet, "tgpa_task")
    shown = fleet.try_bklog("status")
    assert shown.returncode == 1
    assert re.search(
        r"^tgpa_task +FATAL .*gave up after 6 failed starts, the last: ended by SIGKILL", shown.stdout, re.MULTILINE
    )
    status, body = health(fleet, "?format_type=k8s&include=service_module,disk")
    assert status == 503
    assert "[-]service_module tgpa_task is FATAL, gave up after 6 failed starts" in body.decode()
    assert "[+]disk" in body.decode()
    assert fleet.try_bklog("healthz").returncode == 1
    wait_until(lambda: fleet.count("ProgramFatal AND program:tgpa_task", "bklog-platform") == 1, seconds=30)

    _fill_a_queue(fleet, "tgpa_task")
    fleet.bklog("up")
    assert fleet.try_bklog("status").returncode == 0
    assert health(fleet)[0] == 200


def _make_fatal(fleet: RunningFleet, program: str) -> None:
    """Killed at each start, as if it could not start."""
    end = time.monotonic() + 90
    while (row := programs(fleet)[program])["state"] != "FATAL":
        assert time.monotonic() < end
        if row["pid"]:
            os.kill(row["pid"], signal.SIGKILL)
        time.sleep(0.2)


def _fill_a_queue(fleet: RunningFleet, queue: str) -> None:
    """Its worker does not run. Full or old, it is a failure; emptied, it is none."""
    broker = redis.Redis(unix_socket_path=str(fleet.home / "run" / "broker.sock"))

    def messages(count: int, age_seconds: float) -> None:
        broker.lpush(queue, *[json.dumps({"headers": {"bklog_sent_at": time.time() - age_seconds}})] * count)

    for count, age_seconds, status in [(9_999, 1, 200), (10_000, 1, 503), (1, 590, 200), (1, 610, 503)]:
        messages(count, age_seconds)
        answered, body = health(fleet, "?include=queues")
        broker.delete(queue)
        assert answered == status, body
        assert (f"{queue} has {count}" in body.decode()) is (status == 503)
    broker.close()


def test_a_broker_that_hangs_holds_nothing_up(fleet: RunningFleet) -> None:
    broker = programs(fleet)["broker"]["pid"]
    os.kill(broker, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with ThreadPoolExecutor() as pool:  # each waits for the broker as long as it may, and no longer
            asked = pool.submit(fleet.api, "GET", "/api/v1/fleet/")
            checked, scraped = pool.submit(health, fleet), pool.submit(metrics, fleet)
        answered, (status, body), found = asked.result(), checked.result(), scraped.result()
        assert answered["note"].startswith("the message queue has not answered within 5 seconds")
        assert {one["state"] for one in answered["programs"]} == {"RUNNING"}
        assert (status, [part["name"] for part in json.loads(body)["parts"] if not part["ok"]]) == (503, ["mq", "queues"])
        (ok,) = [one.value for one in found["bklog_scrape_ok"].samples if one.labels["source"] == "queues"]
        assert ok == 0.0
        assert time.monotonic() - began < 25
    finally:
        os.kill(broker, signal.SIGCONT)
    wait_until(lambda: health(fleet)[0] == 200, seconds=30)


def test_the_metrics_are_those_of_their_page(fleet: RunningFleet) -> None:
    """In both directions: name, type, labels and meaning."""
    made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "shop"})
    lines = b"one\n" + b"x" * (2**20 + 1) + b"\n"
    for _ in range(2):
        fleet.send("/ingest/v1/lines", lines, token=made["ingest_token"], key="k1")
    fleet.bklog("search", "one", "--index-set", "shop", "--since", "1h")
    fleet.try_bklog("search", "(", "--index-set", "shop")
    wait_until(lambda: bool(metrics(fleet)["bklog_tasks_total"].samples), seconds=90)
    found = metrics(fleet)
    page = {row["name"]: row for row in ROW.finditer((ROOT / "docs" / "metrics.md").read_text())}
    assert sorted(page) == sorted(found)
    for name, family in found.items():
        assert page[name]["type"] == family.type, name
        assert page[name]["meaning"] == family.documentation
        labels = sorted({label for sample in family.samples for label in sample.labels if label != "le"})
        assert not labels or labels == sorted(re.findall(r"`(\w+)`", page[name]["labels"])), name


def test_the_metrics_say_what_happened(fleet: RunningFleet) -> None:
    found = metrics(fleet)
    outcomes = {sample.labels["outcome"]: sample.value for sample in found["bklog_ingest_lines_total"].samples}
    assert outcomes["stored"] > 1
    assert outcomes["duplicate"] >= 2, "the batch that came twice, and what the agent sent again to a killed ingest"
    assert outcomes["rejected"] == 1
    assert {one.labels["source"]: one.value for one in found["bklog_scrape_ok"].samples} == dict.fromkeys(
        ("programs", "queues", "store", "ledger"), 1.0
    )
    up = {one.labels["program"]: one.value for one in found["bklog_program_up"].samples}
    assert set(up.values()) == {1.0}
    ledger = {tuple(one.labels.values()): one.value for one in found["bklog_ledger_lines"].samples}
    assert ledger["shop", "stored"] == 1.0
    routes = {one.labels["route"] for one in found["bklog_http_requests_total"].samples}
    assert "/api/v1/search/index_set/<int:index_set_id>/search/" in routes


def test_the_metrics_are_not_for_everybody(fleet: RunningFleet) -> None:
    assert HTTP.request("GET", f"{fleet.url}/metrics").status == 401
    assert HTTP.request("GET", f"{fleet.url}/metrics", headers={"Authorization": "Bearer wrong"}).status == 401
