"""Dates, intervals, names and clauses, without an engine: what each of them means."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from bklog.elastic.dates import Clock, read_formats, write_date
from bklog.elastic.dsl import read_query
from bklog.elastic.intervals import calendar_key, fixed_key, fixed_width
from bklog.elastic.names import chosen
from bklog.elastic.tokens import make_token, read_keep_alive, read_token
from bklog.elastic.view import time_range_of
from bklog.errors import BadRequest, NotFound
from bklog.query.buckets import read_zone
from bklog.query.plan import EdgeKey, TimeKey
from bklog.records import to_nanoseconds

NOW = datetime(2026, 11, 25, 13, 47, 12, tzinfo=UTC)  # a Wednesday
CLOCK = Clock(NOW)


def moment(text: str) -> int:
    return to_nanoseconds(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("2026-11-20T10", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"),
        ("2026-11-20T10:05+08:00", "2026-11-20T02:05:00Z", "2026-11-20T02:06:00Z"),
        ("2026-11-20T10:05:07.250Z", "2026-11-20T10:05:07.250Z", "2026-11-20T10:05:07.251Z"),
        ("now/d", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
        ("now-1d/d", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("now/w", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("now-1M/M", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("now-1h/h", "2026-11-25T12:00:00Z", "2026-11-25T13:00:00Z"),
        ("2026-11-20||+1M/d", "2026-12-20T00:00:00Z", "2026-12-21T00:00:00Z"),
        ("2026-11-20||", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("2026-01-31||+1M", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
        (1795132800000, "2026-11-20T00:00:00Z", "2026-11-20T00:00:00.001Z"),
        ("1795132800000", "2026-11-20T00:00:00Z", "2026-11-20T00:00:00.001Z"),
    ],
)
def test_a_date_lasts_as_long_as_it_is_written(text: object, start: str, end: str) -> None:
    found = CLOCK.read(text)
    assert (found.start, found.end) == (moment(start), moment(end))


def test_a_date_may_have_a_zone_and_a_format() -> None:
    assert Clock(NOW, read_zone("Asia/Shanghai")).read("2026-11-20").start == moment("2026-11-19T16:00:00Z")
    assert Clock(NOW, read_zone("Asia/Shanghai")).read("now/d").start == moment("2026-11-24T16:00:00Z")
    assert Clock(NOW, formats=read_formats("epoch_second")).read(1795132800).start == moment("2026-11-20T00:00:00Z")
    assert write_date(moment("2026-11-20T00:00:00Z"), "epoch_millis") == "1795132800000"
    assert write_date(moment("2026-11-20T00:00:00Z"), zone=read_zone("+08:00")) == "2026-11-20T08:00:00.000+08:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "now-",
        "now/x",
        "now-1y/",
        "now+99999y",
        None,
        True,
        "9" * 30,
        math.nan,
        math.inf,
        1e308,
    ],
)
def test_what_is_no_date_is_refused(text: object) -> None:
    with pytest.raises(BadRequest, match="parse date"):
        CLOCK.read(text)


@pytest.mark.parametrize("far", [-(10**30), 10**30, "0001-01-01", "9999-12-31"])
def test_a_date_beyond_all_rows_is_the_end_of_time(far: object) -> None:
    found = CLOCK.read(far)
    assert -(2**63) < found.start < found.end < 2**63


def test_intervals() -> None:
    day = {"start": moment("2026-11-20T00:00:00Z"), "end": moment("2026-11-21T00:00:00Z")}
    key = fixed_key(fixed_width("7m"), **day, zone=UTC)
    assert isinstance(key, TimeKey)
    assert (day["start"] - key.first) % key.width == (day["start"] % key.width)
    shanghai = fixed_key(fixed_width("1d"), **day, zone=read_zone("Asia/Shanghai"))
    assert isinstance(shanghai, TimeKey)
    assert (moment("2026-11-19T16:00:00Z") - shanghai.first) % shanghai.width == 0
    autumn = {"start": moment("2026-10-24T00:00:00Z"), "end": moment("2026-10-27T00:00:00Z")}
    berlin = fixed_key(fixed_width("1h"), **autumn, zone=read_zone("Europe/Berlin"))
    assert isinstance(berlin, EdgeKey)
    assert len(berlin.edges) == 72
    with pytest.raises(BadRequest, match="clocks"):
        fixed_key(fixed_width("7m"), **autumn, zone=read_zone("Europe/Berlin"))
    quarters = calendar_key("quarter", start=moment("2026-02-15T00:00:00Z"), end=moment("2026-11-21T00:00:00Z"), zone=UTC)
    assert isinstance(quarters, EdgeKey)
    assert [write_date(edge)[:10] for edge in quarters.edges][-4:] == ["2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01"]
    for text in ("", "0s", "1x", "1ns", "99999999999d"):
        with pytest.raises(BadRequest, match="interval"):
            fixed_width(text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"match": {"log": "connection timeout"}}, "connection OR timeout"),
        ({"match": {"level": "not found"}}, 'level:"not found"'),
        ({"match": {"log": {"query": "a b c d", "minimum_should_match": "75%"}}}, "a b c OR a b d OR a c d OR b c d"),
        ({"bool": {"must_not": {"term": {"level": "debug"}}}}, 'NOT level:"debug"'),
        ({"bool": {"should": [{"match": {"log": "a"}}, {"match": {"log": "b"}}], "minimum_should_match": 3}}, "NOT *"),
        ({"range": {"@timestamp": {"gte": "now-1h/h", "lt": "now/h"}}},
         "time:[2026-11-25T12:00:00.000000000Z TO 2026-11-25T13:00:00.000000000Z}"),
        ({"query_string": {"query": "@timestamp:>=now-1d/d"}}, "time:>=2026-11-24T00:00:00.000000000Z"),
        ({"query_string": {"query": "a host:b", "fields": ["message", "log"]}}, "message:a OR a OR host:b"),
        ({"regexp": {"host": "web-[0-9]"}}, r"host:/\A(?s:web-[0-9])\z/"),
        ({"wildcard": {"host": "w*b?"}}, "host:w*b?"),
    ],
)  # fmt: skip
def test_a_clause_means(query: dict[str, Any], text: str) -> None:
    printed = str(read_query(query, clock=CLOCK, is_text=lambda name: name in ("log", "message")))
    assert printed.replace("(", "").replace(")", "") == text.replace("(", "").replace(")", "")


def test_the_range_of_a_query_is_known() -> None:
    node = read_query(
        {"bool": {"filter": [{"range": {"@timestamp": {"gte": "2026-11-20", "lte": "2026-11-20"}}}, {"match": {"log": "a"}}]}},
        clock=CLOCK,
        is_text=lambda name: True,
    )
    found = time_range_of(node)
    assert found is not None
    assert (found.start, found.end) == (datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


def test_names_of_indexes() -> None:
    known = ("pay", "shop", "shop-two")
    assert chosen((), known) == list(known)
    assert chosen(("_all", "-shop*"), known) == ["pay"]
    assert chosen(("s*-two", "pay"), known) == ["pay", "shop-two"]
    assert chosen(("nothing*",), known) == []
    assert chosen(("nothing", "pay"), known, ignore_missing=True) == ["pay"]
    with pytest.raises(NotFound, match="no such index"):
        chosen(("shop", "nothing"), known)


def test_a_token_is_of_its_kind_and_time() -> None:
    token = make_token("pit", {"names": ["商店"]}, now=NOW, keep_seconds=read_keep_alive("1m"))
    assert read_token("pit", token, now=NOW)["names"] == ["商店"]
    for kind, text, when in (("scroll", token, NOW), ("pit", token[:-1], NOW), ("pit", token, NOW.replace(minute=49))):
        with pytest.raises(NotFound):
            read_token(kind, text, now=when)
    for keep in ("", "1", "0s", "2d", "x"):
        with pytest.raises(BadRequest, match="keep alive"):
            read_keep_alive(keep)
    with pytest.raises(BadRequest, match="too long"):
        make_token("scroll", {"body": [f"{number * 7919}" for number in range(50_000)]}, now=NOW, keep_seconds=60)
