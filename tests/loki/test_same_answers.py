"""What Loki's clients are answered is what plain Python finds by reading the same rows one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from bklog.loki import service
from bklog.query.logql.parser import parse
from bklog.query.logql.samples_sql import Times
from bklog.query.logql.tree import LogQuery, Matcher
from tests.loki import plain
from tests.loki.site import NOW, LokiSite, asked, flat

SELECTORS = [
    '{index_set="web"}',
    '{index_set=~"web.*", collector!="back"}',
    '{collector=~"front|mysql"}',
    '{index_set="web", host="web-1"}',
    '{index_set="web", host=~"web-[12]", stream!="stdout"}',
    '{index_set="web", stream=""}',
    '{index_set="web", stream!=""}',
    '{index_set="web", service!~"api|web.*"}',
    '{index_set="web", service=~".*"}',
    '{index_set="web", service="Ünï"}',
    '{index_set="db", level=~"err.*|warn"}',
    '{index_set="web", nowhere=""}',
    '{index_set="web", nowhere="x"}',
    '{index_set="nowhere"}',
]
PIPELINES = [
    '|= "error"',
    '|= "Error" or "timeout" != "TIMEOUT"',
    '!= "a"',
    '|= "超时"',
    '|= "😀"',
    '|= "needle" |~ "hay$"',
    '|= ""',
    "|~ `two.lines|two\\nli.es`",
    "|~ `(?i)ERROR:? *timeout`",
    "|~ `\\d+\\.\\d+` or `^x$` !~ `[aeiou]`",
    "| json",
    '| json | __error__=""',
    "| json | a >= 2",
    '| json | b_c="x" or b_e_f > 2',
    "| json | took > 200ms",
    "| json | size >= 2KiB and size < 1MB",
    '| json x="list[1].x", y="b.c", msg | x="8" or y=~".+"',
    "|~ `^(level|msg)=` | logfmt",
    '|~ `^(level|msg)=` | logfmt | level_extracted="error", code = 500',
    '|~ `^(level|msg)=` | logfmt code, who="host" | code!=""',
    "|~ `^(level|msg)=` | logfmt | (code >= 400 and code < 500) or took > 1s",
    '| pattern `<ip> - <user> [<_>] "<method> <path> <_>" <status> <size>` | ip!=""',
    '| pattern `10.0.0.<n> - <rest>` | rest!=""',
    '| regexp `\\b(?P<key>[a-z]+)=(?P<value>\\w*)` | key="level"',
    '|~ `^(level|msg)=` | logfmt | line_format "{{.code}} {{.msg}}: {{__line__}}" | label_format code="<{{.code}}>", m=msg',
    '| level="error" | keep host, level, stream="stdout"',
    '| drop path, host=~"web-[0-3]", service',
    "| decolorize |= `red error`",
    '| host=~"web-1.*" and (stream="stderr" or level!="error")',
]
METRICS = [
    'count_over_time({index_set="web"}[10m])',
    'sum by (level) (count_over_time({index_set="web"}[10m]))',
    'sum by (host, nowhere) (rate({index_set=~".+"} |= "a" [7m]))',
    'sum(bytes_over_time({index_set="db"} | json | __error__="" [20m]))',
    'sum without (host, path) (bytes_rate({index_set="web"}[5m] offset 10m))',
    'sum by (collector) (count_over_time({index_set=~"web.*"}[1h]))',
    'avg(count_over_time({index_set="web"}[10m]))',
    'count(count_over_time({index_set="web"}[10m])) by (level)',
    'stddev by (level) (count_over_time({index_set="web"}[10m]))',
    'max by (level) (sum by (level, host) (count_over_time({index_set="web"}[10m])))',
    'topk(1, sum by (level) (bytes_over_time({index_set="web"}[30m])))',
    'bottomk(1, sum by (level, stream) (bytes_over_time({index_set="web"}[30m]))) by (stream)',
    'sum by (code) (count_over_time({index_set="web"} |~ `^(level|msg)=` | logfmt | code!="" [15m]))',
    'sum_over_time({index_set="web"} | unwrap latency [10m])',
    'sum by (level) (sum_over_time({index_set="web"} | unwrap latency [10m]))',
    'avg_over_time({index_set="web"} | unwrap latency [10m]) by (level)',
    'min by (level) (min_over_time({index_set="web"} | unwrap latency [10m]))',
    'max_over_time({index_set="web"} | unwrap latency [10m]) without (host, path, stream, service)',
    'stdvar_over_time({index_set="web"} | unwrap latency [10m]) by (level)',
    'quantile_over_time(0.95, {index_set="web"} | unwrap latency [20m]) by (level)',
    'quantile_over_time(0, {index_set="web"} | unwrap latency [20m]) by (collector)',
    'first_over_time({index_set="web"} | unwrap latency [20m]) by (level)',
    'last_over_time({index_set="web"} | unwrap latency [20m]) by (level)',
    'rate({index_set="web"} | unwrap latency [20m])',
    'sum(sum_over_time({index_set="web"} |~ `^(level|msg)=` | logfmt | took!="" | unwrap duration(took) | __error__="" [30m]))',
    'sum(max_over_time({index_set="web"} |~ `^(level|msg)=` | logfmt | unwrap bytes(size) [30m]))',
    'sum by (status) (count_over_time({index_set="web"} | status >= 404 [30m]))',
    'sum(count_over_time({index_set="web"} |= "error" [10m])) / sum(count_over_time({index_set="web"}[10m])) * 100',
    'sum by (level) (count_over_time({index_set="web"}[10m])) > 20',
    '20 < bool sum by (level) (count_over_time({index_set="web"}[10m]))',
    '2 ^ sum by (level) (rate({index_set="web"}[10m])) - 1',
    'sum by (level) (rate({index_set="web"}[10m])) >= sum by (level) (rate({index_set="db"}[10m]))',
    'sum by (level) (count_over_time({index_set="web"}[10m])) % 7',
]
TIMES = [(600, 4, 0), (70, 17, 60), (1800, 2, 900)]  # step in seconds, count, first: windows that meet, overlap, leave gaps
START = 1_767_308_400  # where the rows begin


@pytest.mark.parametrize(
    ("query", "direction"),
    [
        (query, ("backward", "forward")[place % 2])
        for place, query in enumerate((*SELECTORS, *(f'{{index_set="web"}} {pipeline}' for pipeline in PIPELINES)))
    ],
)
def test_the_same_lines_with_the_same_labels(site: LokiSite, query: str, direction: str) -> None:
    tree = parse(query)
    assert isinstance(tree, LogQuery)
    expected = shown(plain.lines(tree, site.lines()))
    answer = service.query_range(asked(query, limit="5000", direction=direction), now=NOW, place=site.place)
    assert sorted(flat(answer["data"]["result"])) == sorted(expected)
    for stream in answer["data"]["result"]:
        moments = [int(moment) for moment, _ in stream["values"]]
        assert moments == sorted(moments, reverse=direction == "backward")


def test_every_query_but_the_empty_ones_finds_something(site: LokiSite) -> None:
    """What finds nothing proves nothing."""
    lines = site.lines()
    found = {pipeline: plain.lines(parse(f'{{index_set="web"}} {pipeline}'), lines) for pipeline in PIPELINES}  # type: ignore[arg-type]
    assert [pipeline for pipeline, held in found.items() if not held] == []
    assert all(len(held) <= 5000 for held in found.values())


def test_a_page_has_the_newest_or_the_oldest_lines(site: LokiSite) -> None:
    lines = [line for line in site.lines() if line.labels["collector"] == "back"]
    for direction, expected in (("backward", lines[-7:]), ("forward", lines[:7])):
        for query in ('{collector="back"}', '{collector="back"} |~ `(?s)^.*$`'):
            answer = service.query_range(asked(query, limit="7", direction=direction), now=NOW, place=site.place)
            assert sorted(flat(answer["data"]["result"])) == sorted(shown(expected))


@pytest.mark.parametrize(
    ("query", "step", "count", "first"),
    [(query, *times) for place, query in enumerate(METRICS) for times in (TIMES if place < 6 else TIMES[place % 3 :][:1])],
)
def test_the_same_samples(site: LokiSite, query: str, step: int, count: int, first: int) -> None:
    others = [name for name in ("latency", "status") if name in query]
    start = START + first
    times = Times(start * plain.SECOND, step * plain.SECOND, count)
    expected = plain.samples(parse(query), site.lines(*others), times)
    parameters = asked(query, start=str(start), end=str(start + step * (count - 1)), step=str(step))
    answer = service.query_range(parameters, now=NOW, place=site.place)
    assert answer["data"]["resultType"] == "matrix"
    found: list[dict[plain.Key, float]] = [{} for _ in range(count)]
    for series in answer["data"]["result"]:
        for moment, value in series["values"]:
            found[(moment - start) // step][key_of(series["metric"])] = float(value)
    assert any(expected)
    for at, wanted in zip(found, expected, strict=True):
        assert at == {key: pytest.approx(value) for key, value in wanted.items()}


@pytest.mark.parametrize("query", METRICS[::4])
def test_an_instant_query_is_one_of_these_times(site: LokiSite, query: str) -> None:
    moment = START + 900
    others = [name for name in ("latency", "status") if name in query]
    (expected,) = plain.samples(parse(query), site.lines(*others), Times(moment * plain.SECOND, 1, 1))
    answer = service.query(asked(query, time=str(moment)), now=NOW, place=site.place)
    assert answer["data"]["resultType"] == "vector"
    found = {key_of(series["metric"]): float(series["value"][1]) for series in answer["data"]["result"]}
    assert found == {key: pytest.approx(value) for key, value in expected.items()}
    assert {series["value"][0] for series in answer["data"]["result"]} <= {moment}


def test_a_collector_of_several_index_sets_counts_once(site: LokiSite) -> None:
    answer = service.query(
        asked('sum by (index_set, collector) (count_over_time({index_set=~"web.*"}[2d]))', time="2026-01-03T00:00:00Z"),
        now=NOW,
        place=site.place,
    )
    metrics = [series["metric"] for series in answer["data"]["result"]]
    assert metrics == [{"collector": "back", "index_set": "web"}, {"collector": "front", "index_set": "web"}]


@pytest.mark.parametrize(
    ("query", "series"),
    [
        ('sum(rate({index_set="nowhere"}[5m])) / sum(rate({index_set="web"}[5m]))', 0),
        ('sum(count_over_time({index_set="web"}[100y]))', 1),
        ('sum(count_over_time({index_set="web"}[100y] offset 100y))', 0),
    ],
)
def test_what_reaches_beyond_all_rows_finds_those_that_are_there(site: LokiSite, query: str, series: int) -> None:
    answer = service.query(asked(query, time=str(START + 900)), now=NOW, place=site.place)
    assert len(answer["data"]["result"]) == series


def test_what_a_matcher_means_of_labels_that_are_not_there() -> None:
    assert plain.holds(Matcher("a", "=", ""), {})
    assert not plain.holds(Matcher("a", "=~", ".+"), {})


def shown(lines: list[plain.Line]) -> list[tuple[int, str, str]]:
    return [(line.time, line.text, json.dumps(line.labels, sort_keys=True, ensure_ascii=False)) for line in lines]


def key_of(metric: Mapping[str, Any]) -> plain.Key:
    return tuple(sorted(metric.items()))
