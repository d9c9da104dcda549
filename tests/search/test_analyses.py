"""Each analysis gives what a plain computation over the same rows gives: with an index, without one, over two tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bklog.errors import BadRequest, QuerySyntax
from bklog.query import UNMASKED
from bklog.search.catalogue import FieldCatalogue
from bklog.search.field_list import field_list
from bklog.search.histogram import date_histogram
from bklog.search.numbers import numbers, statistics
from bklog.search.question import Searched
from bklog.search.terms import distinct, terms, values
from bklog.store import LogTable
from tests.search import plain_analyses as plain
from tests.search.conftest import TABLES
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.lines import TYPES
from tests.search.reference import COLUMNS, ascii_lower

Rows = list[dict[str, Any]]
RANGE = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-04T00:00:00Z"}
QUERIES = (
    "*", "level:error", "_exists_:mixed", "NOT _exists_:service", "authentication failure", "连接",
    "service:web-front OR status:>=404", "http.method:GET AND NOT level:info", "nosuchword",
)  # fmt: skip
FIELDS = (
    "level", "host", "stream", "path", "log", "message", "service", "status", "latency", "ok", "size", "mixed", "http.method",
    "http.ratio", "日志", "odd`na\\me", "with space", "tags", "time",
)  # fmt: skip
AMOUNTS = ("12", "-3.5", "1e3", "abc", " 7", "", "0x10", "nan", "9" * 25, "٣", "5.", "1_000", 17, 2.25, True)
# Another collector of the index set: its rule types other fields, and some of its rows' fields are in no other row.
OTHER = LogTable("lines_other", 3_650, "none", {"size": "int", "mixed": "keyword", "latency": "string"})
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", params=["full", "none"])
def ask(request: pytest.FixtureRequest, store: EngineStore, catalogue: FieldCatalogue) -> Ask:
    searched = Searched([TABLES[request.param]], UNMASKED, store, catalogue, LIMITS)
    return lambda analysis, **asked: analysis({**RANGE, **asked}, now=datetime.now(UTC), searched=searched)


@pytest.fixture(scope="module")
def other(store: EngineStore) -> Iterator[Rows]:
    rows = [
        {
            "time": f"2026-01-02 10:00:{place % 60:02d}.{place:09d}",
            "ingest_time": "2026-01-02 11:00:00.000000",
            "batch": f"00000009-0000-7000-8000-{place % 4:012d}",
            "row": place,
            "host": f"db-{place % 3}",
            "path": "",
            "stream": "",
            "level": ["info", "fatal"][place % 2],
            "log": f"line {place} 😀",
            "fields": {
                "amount": AMOUNTS[place % len(AMOUNTS)],
                "size": place % 50,
                "mixed": ["text", "2156", ""][place % 3],
                "only": {"here": place % 2 == 0},
            },
            "parse_error": "",
        }
        for place in range(300)
    ]
    store.create_table(OTHER)
    store.insert(OTHER.name, rows)
    yield rows
    store.drop_table(OTHER)


@pytest.fixture(scope="module")
def ask_both(store: EngineStore, catalogue: FieldCatalogue, other: Rows) -> Ask:
    assert other
    searched = Searched([TABLES["full"], OTHER], UNMASKED, store, catalogue, LIMITS)
    return lambda analysis, **asked: analysis({**RANGE, **asked}, now=datetime.now(UTC), searched=searched)


def without(answer: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in (*keys, "statistics", "approximate")}


@pytest.mark.parametrize("query", QUERIES)
def test_terms_are_those_of_the_rows(ask: Ask, stored: Rows, query: str) -> None:
    rows = plain.matching(stored, query)
    for field in FIELDS:
        answer = ask(terms, query=query, fields=[field], limits=[7])
        assert without(answer) == plain.terms(rows, [field], [7]), field
        assert answer["approximate"] is False


@pytest.mark.parametrize("fields", [("level", "host"), ("mixed", "service"), ("service", "ok", "status"), ("log", "level")])
@pytest.mark.parametrize("query", ["*", "_exists_:mixed", "nosuchword"])
def test_nested_terms_are_those_within_each_term(ask: Ask, stored: Rows, query: str, fields: tuple[str, ...]) -> None:
    limits = [3, 2, 2][: len(fields)]
    answer = ask(terms, query=query, fields=list(fields), limits=limits)
    assert without(answer) == plain.terms(plain.matching(stored, query), fields, limits)


def test_terms_of_two_tables_are_those_of_all_their_rows(ask_both: Ask, stored: Rows, other: Rows) -> None:
    for fields in (["level"], ["size"], ["host", "level"], ["amount"], ["only.here"], ["time"]):
        answer = ask_both(terms, fields=fields, limits=[5] * len(fields))
        assert without(answer) == plain.terms([*stored, *other], fields, [5] * len(fields)), fields


def test_a_field_that_only_one_of_two_tables_types_has_the_values_of_both(ask_both: Ask, stored: Rows, other: Rows) -> None:
    """In the table that types it as a keyword the empty text is no value."""
    answer = ask_both(terms, fields=["mixed"], limits=[4])
    here = Counter(filter(None, (plain.value(row, "mixed") for row in [*stored, *other])))
    assert [(one["key"], one["count"]) for one in answer["buckets"]] == plain.by_count(here)[:4]
    assert answer["missing"] == len(stored) + len(other) - here.total()


@pytest.mark.parametrize("query", QUERIES)
def test_distinct_values_are_counted(ask: Ask, stored: Rows, query: str) -> None:
    rows = plain.matching(stored, query)
    for field in FIELDS:
        exact = {one for row in rows if (one := plain.value(row, field)) is not None}
        assert ask(distinct, query=query, field=field)["distinct"] == {"value": len(exact), "approximate": False}, field
        about = ask(distinct, query=query, field=field, approximate=True)["distinct"]
        assert about["approximate"] is True
        assert abs(about["value"] - len(exact)) <= 0.03 * len(exact), field


@pytest.mark.parametrize("field", ["level", "host", "mixed", "log", "size"])
def test_approximate_top_values_say_by_how_much_they_may_be_too_high(ask: Ask, stored: Rows, field: str) -> None:
    counts = Counter(one for row in stored if (one := plain.value(row, field)) is not None)
    answer = ask(terms, fields=[field], limits=[5], approximate=True)
    assert answer["approximate"] is True
    assert answer["missing"] == len(stored) - counts.total()
    assert len(answer["buckets"]) == min(5, len(counts))
    for one in answer["buckets"]:
        assert one["count"] - one["error"] <= counts[one["key"]] <= one["count"]


@pytest.mark.parametrize(
    ("field", "prefix"),
    [("service", "W"), ("service", "ü"), ("service", "Ü"), ("host", ""), ("mixed", "1"), ("log", "foo"), ("日志", "中"),
     ("tags", "[")],
)  # fmt: skip
def test_values_for_completion_begin_with_what_was_typed(ask: Ask, stored: Rows, field: str, prefix: str) -> None:
    typed = ascii_lower(prefix)
    here = Counter(one for row in stored if (one := plain.value(row, field)) and ascii_lower(one).startswith(typed))
    answer = ask(values, field=field, prefix=prefix, limit=3)
    assert [(one["key"], one["count"]) for one in answer["values"]] == plain.by_count(here)[:3]
    assert answer["more"] == (len(here) > 3)


@pytest.mark.parametrize("interval", ["30s", "5m", "1h", "1d", "1w", "1M"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Asia/Kathmandu"])
def test_a_histogram_counts_every_row_in_its_bucket(ask: Ask, stored: Rows, interval: str, zone: str) -> None:
    narrow = {"start": "2026-01-01T22:59:59Z", "end": "2026-01-02T01:10:00Z"}
    for query in ("*", "level:error", "nosuchword"):
        rows = [row for row in plain.matching(stored, query) if "2026-01-01 22:59:59" <= row["time"] < "2026-01-02 01:10:00"]
        expected = Counter(plain.bucket_start(row, interval, zone) for row in rows)
        answer = ask(date_histogram, query=query, interval=interval, zone=zone, **narrow)
        assert {one["start"]: one["count"] for one in answer["buckets"] if one["count"]} == expected
        assert answer["total"] == len(rows)
        assert all(one["end"] == after["start"] for one, after in zip(answer["buckets"], answer["buckets"][1:], strict=False))


@pytest.mark.parametrize("field", ["level", "service", "mixed", "ok", "log"])
@pytest.mark.parametrize("interval", ["auto", "5m", "1M"])
def test_a_histogram_is_broken_down_by_any_field(ask: Ask, stored: Rows, field: str, interval: str) -> None:
    for query in ("*", "_exists_:mixed", "nosuchword"):
        rows = plain.matching(stored, query)
        top = plain.terms(rows, [field], [3])
        answer = ask(date_histogram, query=query, interval=interval, field=field, limit=3)
        assert [{"key": one["key"], "count": one["count"]} for one in answer["series"]] == top["buckets"]
        assert (answer["other"]["count"], answer["missing"]["count"]) == (top["other"], top["missing"])
        parts = [*answer["series"], answer["other"], answer["missing"]]
        assert [sum(counts) for counts in zip(*(one["counts"] for one in parts), strict=True)] == [
            one["count"] for one in answer["buckets"]
        ]
        if interval == "5m":
            for one in answer["series"]:
                starts = Counter(plain.bucket_start(row, "5m", "UTC") for row in rows if plain.value(row, field) == one["key"])
                counts = zip(answer["buckets"], one["counts"], strict=True)
                assert {bucket["start"]: count for bucket, count in counts if count} == starts


def test_a_histogram_across_a_change_of_the_clocks_counts_every_row_once(store: EngineStore) -> None:
    """Where an hour comes twice the buckets have several widths, and are found by their edges."""
    table = LogTable("lines_clocks", 3_650, "none")
    hours = [f"2026-11-01 {hour:02d}:30:00" for hour in range(24)]
    store.create_table(table)
    try:
        row = {
            "ingest_time": "2026-11-01 00:00:00",
            "batch": "00000001-0000-7000-8000-000000000001",
            "log": "x",
            "level": "info",
        }
        store.insert(table.name, [{**row, "time": time, "row": place} for place, time in enumerate(hours)])
        searched = Searched([table], UNMASKED, store, FieldCatalogue(store, LIMITS), LIMITS)
        asked = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z", "interval": "2h", "zone": "America/New_York"}
        answer = date_histogram({**asked, "field": "level"}, now=datetime.now(UTC), searched=searched)
    finally:
        store.drop_table(table)
    starts = {one["start"]: one["count"] for one in answer["buckets"]}
    assert starts["2026-11-01T00:00:00-04:00"] == 3, "midnight to 02:00 took three hours"
    assert set(starts.values()) == {1, 2, 3}, "the first and the last lie in the range only in part"
    assert len(starts) == 12
    assert answer["total"] == answer["series"][0]["count"] == 24


@pytest.mark.parametrize("query", QUERIES)
def test_numbers_amount_to_what_the_rows_hold(ask: Ask, stored: Rows, query: str) -> None:
    rows = plain.matching(stored, query)
    for field in ("status", "latency", "size", "mixed", "http.ratio", "ok", "log", "service", "tags"):
        check_numbers(ask(numbers, query=query, field=field, percentiles=[0, 25, 50, 99.9, 100]), rows, field)


def test_numbers_that_stand_in_text_count(ask_both: Ask, stored: Rows, other: Rows) -> None:
    answer = ask_both(numbers, field="amount", percentiles=[50])
    check_numbers(answer, [*stored, *other], "amount")
    assert answer["not_numbers"] > 0
    assert answer["count"] > 0


def check_numbers(answer: dict[str, Any], rows: Rows, field: str) -> None:
    found = sorted(one for row in rows if (one := plain.number(row, field)) is not None)
    present = sum(plain.value(row, field) is not None for row in rows)
    assert (answer["total"], answer["missing"]) == (len(rows), len(rows) - present)
    assert (answer["count"], answer["not_numbers"]) == (len(found), present - len(found))
    if not found:
        assert {answer[name] for name in ("min", "max", "avg", "sum", "percentiles")} == {None}
        return
    assert (answer["min"], answer["max"]) == (found[0], found[-1])
    assert math.isclose(answer["sum"], math.fsum(found), rel_tol=1e-9)
    assert math.isclose(answer["avg"], math.fsum(found) / len(found), rel_tol=1e-9)
    for name, value in answer["percentiles"]["values"].items():
        assert value == plain.percentile(found, float(name)), f"{name} of {field}"


def test_sums_of_whole_numbers_are_exact(ask: Ask, stored: Rows) -> None:
    assert ask(numbers, field="status")["sum"] == sum(row["fields"].get("status", 0) for row in stored)


def test_approximate_percentiles_are_marked_and_near(ask: Ask, stored: Rows) -> None:
    found = sorted(row["fields"]["size"] for row in stored if "size" in row["fields"])
    answer = ask(numbers, field="size", approximate=True)["percentiles"]
    assert answer["approximate"] is True
    for name, value in answer["values"].items():
        assert abs(value - plain.percentile(found, float(name))) <= 1


def test_the_statistics_of_a_field_are_its_values_and_its_numbers(ask: Ask, stored: Rows) -> None:
    for query in ("*", "level:error", "nosuchword"):
        rows = plain.matching(stored, query)
        answer = ask(statistics, query=query, field="mixed", limit=4, percentiles=[50])
        top = plain.terms(rows, ["mixed"], [4])
        assert {key: answer[key] for key in top} == top
        check_numbers(answer["numbers"], rows, "mixed")
        texts = sorted({one.encode() for row in rows if (one := plain.value(row, "mixed")) is not None})
        assert answer["ends"] == ({"first": texts[0].decode(), "last": texts[-1].decode()} if texts else None)
        about = ask(statistics, query=query, field="mixed", approximate=True)
        assert about["approximate"] is True
        assert about["missing"] == top["missing"]


@pytest.mark.parametrize("query", QUERIES)
def test_the_field_list_has_every_field_of_the_rows_with_its_share(ask: Ask, stored: Rows, query: str) -> None:
    rows = plain.matching(stored, query)
    counts = Counter(path for row in rows for path, one in plain.paths(row["fields"]).items() if not is_no_text(path, one))
    counts.update(name for row in rows for name in COLUMNS if row[name] != "")
    counts.update({"time": len(rows), "ingest_time": len(rows)} if rows else {})
    answer = ask(field_list, query=query)
    assert {one["name"]: one["rows"] for one in answer["fields"]} == counts
    assert all(math.isclose(one["coverage"], one["rows"] / len(rows), abs_tol=1e-6) for one in answer["fields"])
    assert (answer["total"], answer["sampled"], answer["approximate"]) == (len(rows), len(rows), False)


def is_no_text(path: str, stored: Any) -> bool:
    return TYPES.get(path) in ("string", "keyword") and stored == ""


def test_the_field_list_says_which_types_a_field_has(ask: Ask) -> None:
    types = {one["name"]: (one["from"], one["type"], set(one["types"])) for one in ask(field_list)["fields"]}
    assert types["mixed"] == ("fields", "mixed", {"int", "string"})
    assert types["status"] == ("fields", "int", {"int"})
    assert types["service"] == ("fields", "keyword", {"keyword"})
    assert types["http.ratio"] == ("fields", "float", {"float"})
    assert types["tags"] == ("fields", "array", {"array"})
    assert types["level"] == ("column", "keyword", {"keyword"})
    assert types["time"] == ("column", "time", {"time"})


def test_a_sampled_field_list_is_marked_and_near(ask: Ask, stored: Rows) -> None:
    exact = {one["name"]: one["coverage"] for one in ask(field_list)["fields"]}
    answer = ask(field_list, sample=800)
    assert answer["approximate"] is True
    assert answer["total"] == len(stored)
    assert 700 <= answer["sampled"] <= 900
    for one in answer["fields"]:
        assert abs(one["coverage"] - exact[one["name"]]) < 0.1, one["name"]


def test_the_field_list_of_two_tables_is_that_of_all_rows(ask_both: Ask, stored: Rows, other: Rows) -> None:
    fields = {one["name"]: one for one in ask_both(field_list)["fields"]}
    assert fields["only.here"]["rows"] == len(other)
    assert fields["level"]["rows"] == sum(row["level"] != "" for row in [*stored, *other])
    sampled = ask_both(field_list, sample=1000)
    share = {one["name"]: one["coverage"] for one in sampled["fields"]}["only.here"]
    assert abs(share - len(other) / (len(stored) + len(other))) < 0.03


def test_every_answer_says_what_it_cost_and_that_it_is_complete(ask: Ask) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = [
        (date_histogram, {}), (terms, {"fields": ["level"]}), (distinct, {"field": "level"}), (numbers, {"field": "size"}),
        (statistics, {"field": "size"}), (values, {"field": "host"}), (field_list, {}),
    ]  # fmt: skip
    for analysis, given in asked:
        cost = ask(analysis, **given)["statistics"]
        assert cost["rows_read"] > 0, analysis.__name__
        assert cost["milliseconds"] > 0
        assert cost["complete"] is True


def test_an_explained_analysis_is_not_run(ask: Ask) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = [(date_histogram, {"field": "level"}), (terms, {"fields": ["level"]})]
    for analysis, given in asked:
        explanation = ask(analysis, **given, explain=True, query="level:error")["explanation"]
        assert explanation["query"] == "level:error"
        assert "error" in explanation["statement"]["params"].values()
        assert "error" not in explanation["statement"]["text"]


@pytest.mark.parametrize(
    ("analysis", "given", "code"),
    [
        (date_histogram, {"interval": "7m"}, "interval"),
        (date_histogram, {"interval": "1s"}, "interval"),
        (date_histogram, {"zone": "Mars/Olympus"}, "zone"),
        (date_histogram, {"buckets": 0}, "limit"),
        (date_histogram, {"field": "nosuchfield"}, "unknown_field"),
        (date_histogram, {"what": 1}, "search_request"),
        (terms, {}, "unknown_field"),
        (terms, {"fields": ["nosuchfield"]}, "unknown_field"),
        (terms, {"fields": []}, "search_request"),
        (terms, {"fields": ["a", "b", "c", "d"]}, "search_request"),
        (terms, {"fields": "level"}, "search_request"),
        (terms, {"fields": ["level"], "limits": [0]}, "limit"),
        (terms, {"fields": ["level"], "limits": [True]}, "search_request"),
        (terms, {"fields": ["level", "host"], "limits": [1]}, "limit"),
        (terms, {"fields": ["level", "host"], "limits": [1000, 1000]}, "limit"),
        (terms, {"fields": ["level", "host"], "approximate": True}, "limit"),
        (values, {"field": "level", "prefix": "x" * 1001}, "limit"),
        (values, {"field": "level", "limit": 10_001}, "limit"),
        (distinct, {}, "unknown_field"),
        (distinct, {"field": 5}, "search_request"),
        (numbers, {"field": "size", "percentiles": [101]}, "percentiles"),
        (numbers, {"field": "size", "percentiles": [float("nan")]}, "percentiles"),
        (numbers, {"field": "size", "percentiles": ["50"]}, "search_request"),
        (statistics, {"field": "level", "explain": True}, "search_request"),
        (field_list, {"sample": 10_000_000}, "limit"),
        (field_list, {"end": "never"}, "time_syntax"),
        (date_histogram, {"start": "now-500000d"}, "time_syntax"),
        (field_list, {"end": "now+500000d"}, "time_syntax"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(
    store: EngineStore, catalogue: FieldCatalogue, analysis: Any, given: dict[str, Any], code: str
) -> None:
    searched = Searched([TABLES["full"]], UNMASKED, store, catalogue, LIMITS)
    with pytest.raises(BadRequest) as refused:
        analysis({**RANGE, **given}, now=datetime.now(UTC), searched=searched)
    assert refused.value.stable_code == code
    assert refused.value.hint


def test_the_widest_range_can_be_asked_for(ask: Ask, stored: Rows) -> None:
    widest = {"start": "1900-01-01T00:00:00Z", "end": "2262-04-11T00:00:00Z"}
    answer = ask(date_histogram, **widest, field="level")
    assert (answer["interval"], answer["total"]) == ("1y", len(stored))
    assert ask(field_list, **widest, sample=100)["total"] == len(stored)


def test_conditions_beside_the_text_count_too(ask: Ask, stored: Rows) -> None:
    addition = [{"field": "level", "operator": "=", "value": ["error"]}]
    answer = ask(terms, fields=["host"], query="_exists_:mixed", addition=addition)
    rows = plain.matching(stored, "_exists_:mixed AND level:error")
    assert without(answer) == plain.terms(rows, ["host"], [10])


def test_an_error_of_the_query_has_its_place(ask: Ask) -> None:
    with pytest.raises(QuerySyntax) as refused:
        ask(date_histogram, query="level:error (")
    assert refused.value.span.start == 13
