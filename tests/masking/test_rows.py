"""Rows, chosen fields, files and counts of an index set that hides something, and who may see more."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from bklog.query import Masking
from tests.masking.reader import NAMES, PROBED, QUERIES, Reader
from tests.masking.shapes import LINES, PHONE, RULES, SECRETS, found_in


def test_the_search_for_secrets_finds_them(trusted: Reader) -> None:
    """Else the tests below would prove nothing."""
    raw = trusted.search("*", limit=1000, masking=False)
    assert set(found_in(raw.content)) == set(SECRETS)


@pytest.mark.parametrize("query", QUERIES)
def test_no_answer_to_a_search_tells_a_secret(reader: Reader, query: str) -> None:
    answer = reader.search(query, limit=1000)
    assert answer.status_code == 200, answer.content
    assert found_in(answer.content) == []
    for row in answer.json()["rows"]:
        assert all(0 <= start < end <= len(row["log"]) for start, end in row["highlight"])


def test_every_row_is_still_there(reader: Reader) -> None:
    assert len(reader.search("*", limit=1000).json()["rows"]) == 2 * len(LINES)
    pages, cursor = 0, None
    while pages == 0 or cursor:
        answer = reader.search("*", limit=40, cursor=cursor).json()
        assert found_in(json.dumps(answer).encode()) == []
        pages, cursor = pages + 1, answer["cursor"]
    assert pages == 2 * len(LINES) // 40 + 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "raw"])
def test_no_file_tells_a_secret(reader: Reader, trusted: Reader, form: str) -> None:
    """An export is written by the same statement as a download: tests/export/test_masked.py has its slices."""
    known = [name for name in NAMES if "@" not in name]
    asked: list[dict[str, Any]] = [{}, {"order": "unsorted"}, {"query": "NOT nothing", "order": "oldest"}]
    for one in asked + ([] if form == "raw" else [{"fields": known}]):
        answer = reader.post("download/", {"start": "now-1d", "format": form, **one})
        assert answer.status_code == 200, answer.content
        body = b"".join(answer)
        assert answer["X-Bklog-Rows"] == str(2 * len(LINES))
        assert found_in(body) == []
    raw = trusted.post("download/", {"start": "now-1d", "format": form, "masking": False})
    assert set(found_in(b"".join(raw))) == set(SECRETS)
    assert reader.post("download/", {"masking": False}).json()["error"]["code"] == "permission_missing"


def test_no_chosen_field_tells_a_secret(reader: Reader) -> None:
    known = [name for name in NAMES if "@" not in name and name not in ("fields", "log")]
    answer = reader.search("*", limit=1000, fields=known)
    assert answer.status_code == 200, answer.content
    assert found_in(answer.content) == []
    shown = [row["fields"] for row in answer.json()["rows"]]
    assert ("138***78", "某人") in [(one.get("user.phone"), one.get("user.name")) for one in shown]


@pytest.mark.parametrize("secret", PROBED)
def test_no_condition_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    """By its words, a piece, an expression: nothing is found with it and nothing is missing without it."""
    whole = json.dumps(secret, ensure_ascii=False)
    expression = "".join(f"[{one}]" if one not in '\\"/[]^' else "." for one in secret)
    everything = reader.count("*")
    for probe in (whole, f"/{expression}/", f"text:/.*{expression}.*/"):
        assert reader.count(probe) == 0, probe
        assert reader.count(f"NOT {probe}") == everything, probe


@pytest.mark.parametrize(
    "query", ["user.phone:138*", "NOT user.name:x", "card:>5", "pin:739", "user:x", "user.phone.deep.deeper:/.*/"]
)
def test_a_condition_on_a_masked_field_is_refused(reader: Reader, trusted: Reader, query: str) -> None:
    for asked in ({}, {"count": True}, {"explain": True}):
        refused = reader.search(query, **asked)
        if refused.json()["error"]["code"] != "unknown_field":
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "field_masked")
    assert trusted.search(query).json().get("error", {}).get("code") in ("field_masked", "unknown_field")
    assert trusted.search(query, masking=False).json().get("error", {}).get("code") in (None, "unknown_field")


def test_explain_shows_the_rules_and_no_rows(reader: Reader) -> None:
    answer = reader.search("call", explain=True)
    assert answer.status_code == 200
    assert found_in(answer.content) == []


def test_raw_values_are_for_the_permission_and_leave_a_line(
    reader: Reader, trusted: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused = reader.search("*", masking=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_missing")
    assert found_in(trusted.search("*", limit=1000).content) == []
    assert [one for one in caplog.records if one.message == "RawValuesRead"] == []
    assert PHONE in found_in(trusted.search(PHONE, masking=False).content)
    (line,) = (one for one in caplog.records if one.message == "RawValuesRead")
    assert (line.__dict__["reader"], line.__dict__["kind"], line.__dict__["query"]) == ("trusted", "search", PHONE)


def test_rules_are_changed_by_who_may_see_what_they_hide(reader: Reader, trusted: Reader) -> None:
    assert reader.put({"rules": []}).json()["error"]["code"] == "permission_missing"
    assert found_in(reader.search("*", limit=1000).content) == []
    changed = trusted.put({"rules": RULES[:1]})
    assert changed.json() == {"rules": Masking.from_list(RULES[:1]).as_list(), "other_index_sets": ["plain", "shop"]}
    assert PHONE not in found_in(reader.search("*", limit=1000).content)
    assert trusted.put({"rules": [{"pattern": "(", "operator": "shield"}]}).json()["error"]["code"] == "masking"
    assert trusted.put({"rules": []}).status_code == 200
    assert reader.count(PHONE) > 0


def test_a_preview_shows_lines_before_and_after(reader: Reader, trusted: Reader) -> None:
    shown = reader.post("masking/preview/", {"rules": RULES, "lines": LINES[:20]})
    assert [one["before"] for one in shown.json()["lines"]] == LINES[:20]
    assert found_in(json.dumps([(one["after"], one["fields"]) for one in shown.json()["lines"]]).encode()) == []
    assert reader.post("masking/preview/", {"rules": RULES}).json()["error"]["code"] == "permission_missing"
    newest = trusted.post("masking/preview/", {"rules": RULES}).json()["lines"]
    assert len(newest) == 20
    assert found_in(json.dumps([(one["after"], one["fields"]) for one in newest]).encode()) == []
