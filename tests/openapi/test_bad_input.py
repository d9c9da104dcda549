"""Input that somebody sends to break something: refused at once with the reason, or answered; never a defect."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bklog.openapi.codes import STATUSES
from bklog.query.conditions import OPERATORS, SAME
from tests.openapi.conftest import Platform

ALLOWED_SECONDS = 10.0
PIECES = st.sampled_from(
    [
        *("AND", "OR", "NOT", "(", ")", '"', "'", "/", "\\", "[", "]", "{", "}", " TO ", ":", ":>", "<=", "=", "~", "~2", "^2"),
        *("+", "-", "!", "*", "?", "|", "_exists_:", " ", "\n", "\x00", "\u3000", "支付", "🙂", "e\u0301", "level", "status"),
        *("502", "1e999", "deep.a", "fields.", "timeout", "/a+/", '"a b"~1', "2026-11-20", "\\u00", "\ud800", "\u202e"),
    ]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40)
VALUES = st.one_of(TEXTS, st.integers(), st.floats(), st.booleans(), st.none(), st.dictionaries(st.text(max_size=3), TEXTS))
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(["level", "status", "deep.a", "*", "", "log", "no.such", "time", "host"]) | TEXTS,
            "operator": st.sampled_from([*OPERATORS, *SAME, "is true", "≈"]),
        },
        optional={"value": VALUES | st.lists(VALUES, max_size=4), "condition": st.sampled_from(["and", "or", 1])},
    ),
    max_size=4,
)
FUZZ = settings(
    max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
RANGE = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}


def post(platform: Platform, path: str, body: bytes | dict[str, Any]) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"/api/v1/search/index_set/{platform.ids['index_set_id']}/{path}/"
    return Client().generic("POST", url, data, "application/json", headers=platform.headers)


def assert_answered(answer: Any, text: str | None = None) -> dict[str, Any]:
    """With rows, or with a stable code, what to do, and of a text the place."""
    content: dict[str, Any] = answer.json()
    if answer.status_code == 200:
        return content
    error = content["error"]
    assert answer.status_code in STATUSES[error["code"]], content
    assert answer.status_code < 500, content
    assert error["message"]
    assert error["hint"] or error.get("repair") or error.get("expected"), content
    if error["code"] == "query_syntax":
        assert text is not None
        assert 0 <= error["start"] <= error["end"] <= len(text), content
    return content


@FUZZ
@given(TEXTS)
def test_any_text_is_answered_or_refused_with_its_place(platform: Platform, text: str) -> None:
    found = assert_answered(post(platform, "search", {"query": text, "count": True, **RANGE}), text)
    shown = assert_answered(post(platform, "inspect", {"query": text, **RANGE}), text)
    if "valid" in shown:
        assert shown["valid"] == ("error" not in found), (found, shown)


@FUZZ
@given(CONDITIONS)
def test_any_conditions_are_answered_or_refused(platform: Platform, conditions: list[Any]) -> None:
    for path in ("search", "inspect", "fields"):
        assert_answered(post(platform, path, {"addition": conditions, **RANGE}), "")


def of_query(text: str) -> bytes:
    return json.dumps({"query": text, **RANGE}).encode()


def with_key(key: str, value: str) -> bytes:
    """The value as it is written, also where it is no JSON that Python would write."""
    return f'{{"{key}": {value}}}'.encode()


STORMS = {
    "100 kB of one word": (of_query("a" * 100_000), "query_too_large"),
    "100 kB of words": (of_query("timeout " * 12_500), "query_too_large"),
    "a million terms": (of_query("a OR " * 1_000_000 + "a"), "query_too_large"),
    "as many terms as a text may have": (of_query("a " * 9_999), "query_too_large"),
    "a storm of wildcards": (of_query("*a" * 5_000), "query_too_large"),
    "many wildcards in many words": (of_query(" OR ".join(["*a*b*c*d*e*"] * 400)), None),
    "brackets without end": (of_query("(" * 15_000 + ")" * 4_000), "query_too_large"),
    "nots without end": (of_query("NOT " * 4_900 + "a"), "query_too_large"),
    "an expression that backtracks elsewhere": (of_query("/(a+)+(b+)+c$/"), None),
    "an expression that grows": (of_query("/((a{100}){100}){100}/"), "bad_regex"),
    "an expression with a look-behind": (of_query("/(?<=a)b/"), "bad_regex"),
    "an expression of 19 kB": (of_query(f"/{'(a|b)?' * 3_000}/"), None),
    "a slop beyond all lines": (of_query('"a b"~999999999'), "query_syntax"),
    "a thousand conditions": (with_key("addition", json.dumps([{"field": "a", "operator": "="}] * 1_000)), "search_request"),
    "a million values": (
        with_key("addition", json.dumps([{"field": "level", "operator": "=", "value": ["a"] * 400_000}])),
        None,
    ),
    "JSON without end": (b"[" * 200_000, "no_json"),
    "objects without end": (b'{"a":' * 100_000, "no_json"),
    "a value without end": (b'{"addition": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "no_json"),
    "a number of many digits": (with_key("limit", "9" * 10_000), None),
    "no number at all": (with_key("start", "NaN"), "no_json"),
    "a number beyond all": (with_key("start", "1e400"), "time_syntax"),
    "a whole number beyond all": (with_key("start", "9" * 400), "time_syntax"),
    "a number below all": (with_key("end", "-Infinity"), "no_json"),
    "half a character": (with_key("query", '"\\ud800"'), None),
    "half a character as a key": (b'{"\\ud800": 1}', "search_request"),
    "half a character as a field": (with_key("fields", '["\\ud800"]'), None),
    "no characters": (b"\xff\xfe\x00", "no_json"),
    "a body of 30 MB": (with_key("query", f'"{"a" * 30_000_000}"'), "body_too_large"),
}


@pytest.mark.parametrize(("body", "code"), STORMS.values(), ids=STORMS)
def test_a_storm_is_refused_at_once(platform: Platform, body: bytes, code: str | None) -> None:
    for path in ("search", "aggs/terms", "inspect"):
        began = time.monotonic()
        answer = post(platform, path, body)
        seconds = time.monotonic() - began
        content = assert_answered(answer, "a" * 20_000)
        if code and path == "search":
            assert content["error"]["code"] == code, content
        assert seconds < ALLOWED_SECONDS
        assert len(answer.content) < 100_000


NUL = "%00"
REFUSED = [
    ("POST", "databus/collectors/{collector_id}/move/", {"store": {}}, "store"),
    ("POST", "search/index_set/{index_set_id}/export/", {"end": {}}, "time_syntax"),
    ("POST", "search/index_set/{index_set_id}/download/", {"start": []}, "time_syntax"),
    ("POST", "databus/collectors/", {"name": "nul", "description": "\x00"}, "nul"),
    ("POST", "databus/collectors/", {"name": "nul", "labels": {"a": "\x00"}}, "nul"),
    ("PATCH", "databus/collectors/{collector_id}/", {"description": "\x00"}, "nul"),
    ("POST", "pipelines/{run_id}/fail/", {"reason": "\x00"}, "nul"),
    ("PUT", "search/index_set/{index_set_id}/masking/", {"rules": [{"pattern": "a\x00", "operator": "replace"}]}, "nul"),
    ("POST", "search/index_set/{index_set_id}/export/", {"query": "\x00"}, "nul"),
    ("POST", "databus/collectors/", {"name": "half", "description": "\ud800"}, "no_json"),
    ("GET", f"databus/collectors/?name={NUL}", None, "nul"),
    ("GET", f"search/export/?owner={NUL}", None, "nul"),
    ("GET", f"pipelines/?subject={NUL}", None, "nul"),
    ("GET", f"clientlog/tasks/{NUL}/", None, "nul"),
    ("GET", f"clientlog/tasks/?user_id={NUL}", None, "nul"),
]


@pytest.mark.parametrize(("method", "path", "body", "code"), REFUSED)
def test_what_no_database_keeps_and_what_has_another_type_is_refused(
    platform: Platform, method: str, path: str, body: Any, code: str
) -> None:
    url = "/api/v1/" + path.format(**platform.ids)
    answer = Client().generic(method, url, json.dumps(body or {}), "application/json", headers=platform.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.content
