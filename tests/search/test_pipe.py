"""Tables made by random pipes are those of an evaluator in plain Python, over rows where every field is missing somewhere."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bklog.errors import BadRequest, QuerySyntax
from bklog.query import Masking
from bklog.query.pipe.steps import (
    Among,
    Bucket,
    Compared,
    Condition,
    Dedup,
    Either,
    Extract,
    Figure,
    Has,
    Histogram,
    Name,
    Number,
    Opposite,
    Show,
    Sort,
    SortKey,
    Stats,
    Step,
    Take,
    Text,
    Top,
    Where,
    both,
    either,
)
from bklog.query.tree import Regex
from bklog.search.catalogue import FieldCatalogue
from bklog.search.question import Searched
from bklog.search.table import table
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore

TYPES = {"status": "int", "latency": "float", "service": "keyword"}
TABLES = [LogTable("pipe_one", 3650, types=TYPES), LogTable("pipe_two", 3650, types=TYPES)]
HOUR = {"start": "2026-01-02T03:00:00Z", "end": "2026-01-02T04:00:00Z"}
MINUTE = 60_000_000_000
START = int(datetime(2026, 1, 2, 3, tzinfo=UTC).timestamp()) * 1_000_000_000
Row = dict[str, Any]
TEXTS = ("host", "level", "service", "size", "mixed")
NUMBERS = ("status", "latency")


def made() -> Iterator[tuple[int, Row]]:
    """(table, row): `size` is a number that no rule types, `mixed` is now and then one."""
    for place in range(60):
        fields: Row = {}
        if place % 2:
            fields |= {"status": [200, 404, 500][place % 3], "size": place % 7}
        if place % 3:
            fields |= {
                "latency": place % 10 / 4,
                "service": ["api", "网关", "web"][place % 3],
                "mixed": place if place % 4 else "x",
            }
        line = f"user={['ann', 'bob', 'ann', '李'][place % 4]} took {place}ms"
        found = {"host": ["a", "b", ""][place % 3], "level": ["info", "error", "warn", ""][place % 4], "log": line}
        yield place % 2, {**found, "fields": fields, "time": START + place * MINUTE + place % 5, "row": place}


def stored(row: Row) -> Row:
    moment = datetime.fromtimestamp(row["time"] // 1_000_000_000, UTC)
    written = f"{moment:%Y-%m-%d %H:%M:%S}.{row['time'] % 1_000_000_000:09d}"
    return {**row, "time": written, "ingest_time": "2026-01-02 05:00:00", "batch": "00000000-0000-0000-0000-000000000001"}


def read(row: Row) -> Row:
    """A row as a pipe sees it: texts, numbers of typed fields, nothing where it has nothing."""
    fields = row["fields"]
    found = {name: row[name] or None for name in ("host", "level", "log")}
    found |= {name: fields.get(name) for name in (*NUMBERS, "service")}
    found |= {name: None if name not in fields else str(fields[name]) for name in ("size", "mixed")}
    return found | {"time": row["time"]}


@pytest.fixture(scope="module")
def searched() -> Iterator[Searched]:
    store = EngineStore()
    for number, one in enumerate(TABLES):
        store.create_table(one)
        store.insert(one.name, [stored(row) for of, row in made() if of == number])
    yield Searched(TABLES, Masking(), store, FieldCatalogue(store, LIMITS), LIMITS)
    for one in TABLES:
        store.drop_table(one)


def asked(searched: Searched, query: str, **more: Any) -> Row:
    return table({"query": query, **HOUR, **more}, now=datetime.now(UTC), searched=searched)


# ── the evaluator ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def number_of(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    return None if value is None else value


def evaluate(rows: list[Row], steps: Sequence[Step]) -> list[Row]:
    rows = sorted(rows, key=lambda row: -row["time"])
    for step in steps:
        rows = STEPS[type(step)](rows, step)
    return rows


def stats(rows: list[Row], step: Stats) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = {} if step.by else {(): []}
    for row in rows:
        groups.setdefault(tuple(key_of(row, key) for key in step.by), []).append(row)
    names = ["time" if isinstance(key, Bucket) else key.text for key in step.by]
    found = [
        dict(zip(names, values, strict=True)) | {one.name: figure(group, one) for one in step.figures}
        for values, group in groups.items()
    ]
    return sort(found, Sort(tuple(SortKey(Name(name)) for name in names))) if names else found


WIDTHS = {"5m": 5 * MINUTE, "20m": 20 * MINUTE, "1h": 60 * MINUTE}


def key_of(row: Row, key: Name | Bucket) -> Any:
    if isinstance(key, Name):
        return row[key.text]
    width = WIDTHS[key.interval]
    return row["time"] // width * width


def histogram(rows: list[Row], step: Histogram) -> list[Row]:
    """All buckets of the hour, where it is not broken down."""
    found = stats(rows, Stats((Figure("count"),), (step.bucket, *step.by)))
    if step.by:
        return found
    counts = {row["time"]: row["count"] for row in found}
    times = range(START, START + 60 * MINUTE, WIDTHS[step.bucket.interval])
    return [{"time": time, "count": counts.get(time, 0)} for time in times]


def figure(rows: list[Row], one: Figure) -> Any:
    if one.column is None:
        return len(rows)
    values = [row[one.column.text] for row in rows if row[one.column.text] is not None]
    if one.function in ("count", "distinct"):
        return len(values) if one.function == "count" else len(set(values))
    numbers = sorted(number for value in values if (number := number_of(value)) is not None)
    if not numbers:
        return None
    if one.function in ("median", "percentile"):
        level = (50.0 if one.level is None else one.level) / 100
        return numbers[int(level * len(numbers)) if level < 1 else -1]
    plain: dict[str, Callable[[list[float]], float]] = {
        "sum": sum,
        "min": min,
        "max": max,
        "avg": lambda found: math.fsum(found) / len(found),
    }
    return plain[one.function](numbers)


def sort(rows: list[Row], step: Sort) -> list[Row]:
    for key in reversed(step.keys):
        for of_key in (whole, number_of):  # the last counts most
            known = [row for row in rows if of_key(row[key.column.text]) is not None]
            unknown = [row for row in rows if of_key(row[key.column.text]) is None]

            def worth(row: Row, of_key: Callable[[Any], Any] = of_key, name: str = key.column.text) -> Any:
                return of_key(row[name])

            rows = sorted(known, key=worth, reverse=key.descending) + unknown
    return rows


def whole(value: Any) -> Any:
    """Texts by their bytes; what is a number is sorted as one."""
    return value.encode() if isinstance(value, str) else value


def top(rows: list[Row], step: Top) -> list[Row]:
    known = [row for row in rows if all(row[name.text] is not None for name in step.columns)]
    counted = stats(known, Stats((Figure("count"),), tuple(dict.fromkeys(step.columns))))
    return sort(counted, Sort((SortKey(Name("count"), descending=True),)))[: step.number]


def dedup(rows: list[Row], step: Dedup) -> list[Row]:
    seen: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        seen.setdefault(tuple(row[name.text] for name in step.columns), row)
    return list(seen.values())


def extract(rows: list[Row], step: Extract) -> list[Row]:
    pattern = re.compile(step.pattern.pattern.replace("(?<", "(?P<"))
    found = []
    for row in rows:
        hit = pattern.search(row[step.column.text if step.column else "log"] or "")
        found.append(
            row
            | ({name: value or None for name, value in hit.groupdict().items()} if hit else dict.fromkeys(pattern.groupindex))
        )
    return found


def holds(row: Row, condition: Condition) -> bool:
    match condition:
        case Opposite(inner):
            return not holds(row, inner)
        case Has(name):
            return row[name.text] is not None
        case Among(name, operands):
            return any(holds(row, Compared(name, "=", one)) for one in operands)
        case Compared(name, operator, operand):
            return compare(row, row[name.text], operator, operand)
        case Either(conditions):
            return any(holds(row, one) for one in conditions)
        case several:
            return all(holds(row, one) for one in several.conditions)


def compare(row: Row, value: Any, operator: str, operand: Any) -> bool:
    if value is None:
        return False
    if operator == "contains":
        return operand.text in str(value)
    if isinstance(operand, Regex):
        return bool(re.search(operand.pattern, str(value))) is (operator == "=~")
    other = row[operand.text] if isinstance(operand, Name) else operand.text if isinstance(operand, Text) else operand.value
    as_numbers = isinstance(operand, Number) or (
        isinstance(operand, Name) and (operand.text in NUMBERS or isinstance(value, int | float) or operator not in ("=", "!="))
    )
    if as_numbers:
        value, other = number_of(value), number_of(other)
    elif isinstance(value, str) and isinstance(other, str):
        value, other = value.encode(), other.encode()
    if value is None or other is None:
        return False
    if operator in ("=", "!="):
        return bool(value == other) is (operator == "=")
    return bool({"<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other}[operator])


STEPS: dict[type, Callable[[list[Row], Any], list[Row]]] = {
    Stats: stats,
    Histogram: histogram,
    Top: top,
    Sort: sort,
    Take: lambda rows, step: rows[: step.number],
    Show: lambda rows, step: [{name.text: row[name.text] for name in step.columns} for row in rows],
    Dedup: dedup,
    Where: lambda rows, step: [row for row in rows if holds(row, step.condition)],
    Extract: extract,
}

# ── random pipes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

texts = st.sampled_from(TEXTS).map(Name)
numbers = st.sampled_from(NUMBERS).map(Name)
fields = st.one_of(texts, numbers)
buckets = st.builds(Bucket, st.sampled_from(["5m", "20m", "1h"]))
orders = ["=", "!=", "<", "<=", ">", ">="]
literals = st.one_of(st.sampled_from([0, 1, 2.25, 200, 404, 5]).map(Number))
comparisons: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Compared, fields, st.sampled_from(orders), literals),
    st.builds(Compared, texts, st.sampled_from(orders), st.sampled_from(["a", "error", "网关", "5", "x"]).map(Text)),
    st.builds(Compared, fields, st.sampled_from(orders), fields),
    st.builds(Compared, texts, st.just("contains"), st.sampled_from(["a", "关", "1"]).map(Text)),
    st.builds(Compared, texts, st.sampled_from(["=~", "!~"]), st.sampled_from(["^[ab]", "r+", "5$"]).map(Regex)),
    st.builds(Has, fields),
    st.builds(Among, texts, st.lists(st.sampled_from(["a", "info", "3"]).map(Text), min_size=1, max_size=2).map(tuple)),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Opposite, inner),
        st.lists(inner, min_size=2, max_size=2).map(both),
        st.lists(inner, min_size=2, max_size=2).map(either),
    ),
    max_leaves=4,
)
figures = st.one_of(
    st.just(Figure("count")),
    st.builds(Figure, st.sampled_from(["count", "distinct", "sum", "avg", "min", "max", "median"]), fields),
    st.builds(Figure, st.just("percentile"), fields, st.sampled_from([0.0, 25.0, 90.0, 100.0])),
)


def several(one: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, min_size=1, max_size=most, unique_by=str).map(tuple)


rowwise = st.one_of(
    st.builds(Sort, several(st.builds(SortKey, fields, st.booleans()))),
    st.builds(Take, st.integers(1, 40)),
    st.builds(Dedup, several(fields)),
    st.builds(Where, conditions),
    st.just(Extract(Regex(r"user=(?<user>\w+) took (?<ms>[0-9]+)"))),
)
keys = st.one_of(st.just(()), several(fields), buckets.map(lambda one: (one,)), st.tuples(buckets, fields))
endings = st.one_of(
    st.builds(Stats, several(figures, 3), keys),
    st.builds(Histogram, buckets, st.one_of(st.just(()), several(fields))),
    st.builds(Top, st.integers(1, 5), several(fields)),
    st.builds(Show, several(fields, 4)),
)
after = st.one_of(st.builds(Take, st.integers(1, 4)), st.just(Where(Compared(Name("count"), ">", Number(1)))))
PIPES = st.tuples(st.lists(rowwise, max_size=3), endings, st.booleans(), after)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(PIPES)
def test_a_random_pipe_gives_what_the_evaluator_gives(searched: Searched, pipe: tuple[Any, ...]) -> None:
    before, ending, goes_on, last = pipe
    steps = [*before, ending]
    if goes_on and (isinstance(last, Take) or isinstance(ending, Top | Histogram)):
        steps.append(last)
    answer = asked(searched, " | ".join(["*", *map(str, steps)]))
    expected = evaluate([read(row) for _, row in made()], steps)
    names = [column["name"] for column in answer["columns"]]
    found = [dict(zip(names, row, strict=True)) for row in answer["rows"]]
    assert [plain(row) for row in found] == [plain(row) for row in expected]


def plain(row: Row) -> Row:
    return {name: close(value) for name, value in row.items()}


def close(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"2026-01-02T\S+Z", value):
        moment, rest = value.removesuffix("Z").split(".")
        return int(datetime.fromisoformat(f"{moment}+00:00").timestamp()) * 1_000_000_000 + int(rest)
    return round(float(value), 6) if isinstance(value, int | float) and abs(value) < 1e15 else value


# ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_table_says_its_types_and_what_a_chart_draws(searched: Searched) -> None:
    answer = asked(searched, "* | stats count(), avg(latency), max(status) by bucket(20m), host")
    assert answer["columns"] == [
        {"name": "time", "type": "time"},
        {"name": "host", "type": "text"},
        {"name": "count", "type": "integer"},
        {"name": "avg(latency)", "type": "number"},
        {"name": "max(status)", "type": "integer"},
    ]
    assert answer["chart"] == {
        "time": "time", "interval": "20m", "series": ["host"], "values": ["count", "avg(latency)", "max(status)"],
    }  # fmt: skip
    assert asked(searched, "* | top 3 host")["chart"] is None
    assert answer["statistics"]["rows_read"] == 60
    assert sum(row[2] for row in answer["rows"]) == 60


def test_more_than_the_limit_is_said(searched: Searched) -> None:
    answer = asked(searched, "* | fields host", limit=3)
    assert (len(answer["rows"]), answer["more"]) == (3, True)
    assert not asked(searched, "* | stats count()", limit=1)["more"]
    rows = asked(searched, "took", limit=1)
    assert [column["name"] for column in rows["columns"]] == ["time", "host", "path", "stream", "level", "log", "fields"]
    assert rows["rows"][0][-1]["latency"] == 2.25


def test_buckets_follow_the_clocks_of_the_zone(searched: Searched) -> None:
    answer = asked(searched, "* | histogram 1d", zone="+05:30")
    assert answer["rows"] == [["2026-01-01T18:30:00.000000000Z", 60]]


def test_empty_buckets_of_any_width_are_there(searched: Searched) -> None:
    """But not where something is known of none of them."""
    half_a_year = {"start": "2025-11-15T00:00:00Z", "end": "2026-03-10T00:00:00Z"}
    months = asked(searched, "* | histogram 1M", **half_a_year, zone="Asia/Shanghai")["rows"]
    begins = ["2025-10-31T16", "2025-11-30T16", "2025-12-31T16", "2026-01-31T16", "2026-02-28T16"]
    assert [(row[0][:13], row[1]) for row in months] == list(zip(begins, [0, 0, 60, 0, 0], strict=True))
    assert [row[1] for row in asked(searched, "nothing | histogram 20m")["rows"]] == [0, 0, 0]
    assert asked(searched, "nothing | histogram 20m by host")["rows"] == []
    assert asked(searched, "nothing | histogram 20m | where count = 0 | stats count()")["rows"] == [[3]]


def test_buckets_of_buckets_lie_in_them(searched: Searched) -> None:
    answer = asked(searched, "* | histogram 1h | stats sum(count) by bucket(5m)")
    assert answer["rows"] == [["2026-01-02T03:00:00.000000000Z", 60]]


def test_one_statement_is_run_and_explain_shows_it(searched: Searched) -> None:
    assert isinstance(searched.store, EngineStore)
    before = len(searched.store.statements)
    asked(searched, "* | where latency > 1 | top 3 host")
    assert len(searched.store.statements) == before + 1
    secret = "' OR 1=1 --"
    explanation = asked(searched, f'* | where host = "{secret}" or service =~ /{secret}/ | top 3 host', explain=True)[
        "explanation"
    ]
    assert secret not in explanation["statement"]["text"]
    assert secret in explanation["statement"]["params"].values()


@pytest.mark.parametrize(
    ("query", "place", "code", "repair"),
    [
        ("* | stats avg(latncy)", "latncy", "unknown_field", "* | stats avg(latency)"),
        ("* | top 3 host | sort -cont", "cont", "unknown_field", "* | top 3 host | sort -count"),
        ("statu:5 | top 3 host", "statu:5", "unknown_field", "status:5 | top 3 host"),
        ("* | stats count() | sort host", "host", "unknown_field", ""),
        ("* | fields host | where level = 1", "level", "unknown_field", ""),
        ("* | stats sum(time)", "sum(time)", "bad_value", ""),
        ("* | stats count() by fields", "fields", "bad_value", ""),
        ("* | top 3 host | histogram 1m", "1m", "unknown_field", ""),
        ("* | stats count(), count()", "count()", "bad_value", ""),
        ("* | stats count() by host, host", "count()", "bad_value", ""),
        ("* | histogram 1ms", "1ms", "interval", ""),
        ("* | histogram 7m", "7m", "interval", ""),
        ('* | where status = "x"', "status", "bad_value", ""),
        ('* | where time > "noon"', "time", "bad_value", ""),
        ("* | where time > 5", "time", "bad_value", ""),
        ("* | extract /(?<x>a)/ from status", "/(?<x>a)/", "bad_value", ""),
        ("* | statz count()", "statz", "query_syntax", "* | stats count()"),
    ],
)
def test_what_has_no_meaning_is_refused_with_its_place(
    searched: Searched, query: str, place: str, code: str, repair: str
) -> None:
    with pytest.raises(QuerySyntax) as refused:
        asked(searched, query)
    error = refused.value
    assert (query[error.span.start : error.span.end], error.stable_code, error.repair) == (place, code, repair)


def test_an_expression_that_the_engine_does_not_read_is_refused(searched: Searched) -> None:
    for query in ("* | where host =~ /a(?!b)/", "* | extract /(?<x>a)(?=b)/", "* | where log =~ /(a{1000}){1000}/"):
        with pytest.raises(BadRequest) as refused:
            asked(searched, query)
        assert refused.value.stable_code == "bad_regex", query
