"""What a query means is told without searching; what is typed never ends in anything but an answer or a refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bklog.errors import BadRequest
from bklog.query import UNMASKED
from bklog.query.conditions import OPERATORS
from bklog.query.pipe.reader import has_steps
from bklog.search.catalogue import FieldCatalogue
from bklog.search.inspect import inspect
from bklog.search.question import Searched
from bklog.search.request import SearchRequest, parse_request
from bklog.search.service import search
from bklog.search.table import table
from tests.query.texts import SOUP
from tests.search.conftest import RANGE, TABLES
from tests.search.engine_store import LIMITS, EngineStore

NOW = datetime(2026, 1, 4, tzinfo=UTC)
TABLE = TABLES["full"]


def asked(query: str, addition: Any = None, **more: Any) -> SearchRequest:
    start, end = RANGE.start.isoformat(), RANGE.end.isoformat()
    return parse_request({"query": query, "addition": addition, "start": start, "end": end, **more}, now=NOW)


def inspected(request: SearchRequest, store: EngineStore, catalogue: FieldCatalogue) -> dict[str, Any]:
    return inspect(request, tables=[TABLE], masking=UNMASKED, store=store, catalogue=catalogue, limits=LIMITS).as_dict()


def numbers(request: SearchRequest, store: EngineStore, catalogue: FieldCatalogue) -> set[int]:
    return {
        row["row"]
        for row in search(request, tables=[TABLE], masking=UNMASKED, store=store, catalogue=catalogue, limits=LIMITS).rows
    }


def test_a_query_is_told_again_with_its_fields_its_notes_and_as_conditions(
    store: EngineStore, catalogue: FieldCatalogue
) -> None:
    found = inspected(asked("status:>=404^2 timeout or (foo OR host:web-1)"), store, catalogue)
    assert found["valid"]
    assert found["query"] == "status:>=404 timeout or (foo OR host:web-1)"
    assert found["fields"] == ["status", "host"]
    assert [(note["start"], note["end"]) for note in found["notes"]] == [(12, 14), (23, 25)]
    assert found["notes"][1]["repair"] == "status:>=404^2 timeout OR (foo OR host:web-1)"
    assert found["addition"] == [
        {"field": "status", "operator": ">=", "value": ["404"]},
        {"field": "*", "operator": "=", "value": ["timeout"]},
        {"field": "*", "operator": "=", "value": ["or"]},
    ]
    assert found["rest"] == "foo OR host:web-1"
    assert found["error"] is None


@pytest.mark.parametrize(
    ("query", "code", "place", "expected", "repair"),
    [
        ("foo (bar", "query_syntax", (4, 5), "a closing )", "foo (bar)"),
        ("foo stauts:404", "unknown_field", (4, 14), "a field that a row has", "foo status:404"),
        ("stat:404", "unknown_field", (0, 8), "a field that a row has", "status:404"),
        ("10:15", "unknown_field", (0, 5), "a field that a row has", '"10:15"'),
        ("foo status:abc", "bad_value", (4, 14), "a number", 'foo "status:abc"'),
        ("ok:5", "bad_value", (0, 4), "true or false", '"ok:5"'),
        ('service:"a b"~2', "bad_value", (0, 15), "a value", '"a b"'),
        ('"连接 超时"~2', "bad_value", (0, 9), "words", '"连接 超时"'),
        ('"a b c d e f g"~50', "bad_value", (0, 18), "less", '"a b c d e f g"'),
        ("foo /a(b/", "bad_regex", (4, 9), "an expression of RE2", 'foo "a(b"'),
        (r"foo /(?=x)y/", "bad_regex", (4, 12), "an expression of RE2", 'foo "(?=x)y"'),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_a_repair_that_is_right(
    query: str, code: str, place: tuple[int, int], expected: str, repair: str, store: EngineStore, catalogue: FieldCatalogue
) -> None:
    found = inspected(asked(query), store, catalogue)
    error = found["error"]
    assert not found["valid"]
    assert (error["code"], error["start"], error["end"], error["expected"]) == (code, *place, expected)
    assert error["repair"] == repair
    assert error["message"]
    assert error["hint"]
    assert inspected(asked(repair), store, catalogue)["valid"]


def test_steps_are_told_with_the_columns_that_they_make(store: EngineStore, catalogue: FieldCatalogue) -> None:
    text = "level:error or status:>=500 |stats count(), avg(size) as mean by service |where mean>3|sort -count"
    found = inspected(asked(text), store, catalogue)
    assert found["error"] is None
    assert found["query"] == (
        "level:error or status:>=500 | stats count(), avg(size) as mean by service | where mean > 3 | sort -count"
    )
    assert found["fields"] == ["level", "status", "size", "service"]
    assert found["steps"] == ["stats count(), avg(size) as mean by service", "where mean > 3", "sort -count"]
    assert found["columns"] == [
        {"name": "service", "type": "text"},
        {"name": "count", "type": "integer"},
        {"name": "mean", "type": "number"},
    ]
    assert [one["value"] for one in found["addition"]] == [["error"], ["or"], ["500"]]
    (note,) = found["notes"]
    assert (note["start"], note["end"]) == (12, 14)
    assert note["repair"].startswith("level:error OR status:>=500 |stats count()")
    again = inspected(asked(found["query"]), store, catalogue)
    assert (again["query"], again["steps"]) == (found["query"], found["steps"])
    assert inspected(asked("level:error"), store, catalogue)["steps"] == []


@pytest.mark.parametrize(
    ("query", "code", "place", "repair"),
    [
        ("foo | stat count()", "query_syntax", (6, 10), "foo | stats count()"),
        ("foo | stats count() by (", "query_syntax", (23, 24), ""),
        ("stauts:404 | limit 5", "unknown_field", (0, 10), "status:404 | limit 5"),
        ("status:abc | top 5 host", "bad_value", (0, 10), '"status:abc" | top 5 host'),
        ("(foo | stats count()", "query_syntax", (0, 1), "(foo )| stats count()"),
        ("foo | stats count() by servce", "unknown_field", (23, 29), "foo | stats count() by service"),
        ("foo | stats count() as all | sort -al", "unknown_field", (35, 37), "foo | stats count() as all | sort -all"),
        ("/a(b/ | limit 5", "bad_regex", (0, 5), '"a(b" | limit 5'),
        ("foo | where host =~ /a(?=b)/", "bad_regex", (12, 16), ""),
        ("foo |", "query_syntax", (5, 5), "foo "),
    ],
)
def test_what_is_wrong_with_steps_is_told_with_its_place_in_the_whole_text(
    query: str, code: str, place: tuple[int, int], repair: str, store: EngineStore, catalogue: FieldCatalogue
) -> None:
    found = inspected(asked(query), store, catalogue)
    error = found["error"]
    assert (error["code"], error["start"], error["end"], error.get("repair", "")) == (code, *place, repair)
    assert not repair or inspected(asked(repair), store, catalogue)["valid"]


@pytest.mark.parametrize(
    ("addition", "text"),
    [
        ([{"field": "level", "operator": "=", "value": ["error"]}], "level:error"),
        ([{"field": "level", "operator": "!=", "value": "error", "condition": "and"}], "NOT level:error"),
        ([{"field": "status", "operator": "is one of", "value": [200, 404]}], "status:(200 OR 404)"),
        ([{"field": "status", "operator": ">", "value": [200]}, {"field": "host", "operator": "=~", "value": ["web-*"]}],
         "status:>200 host:web-*"),
        ([{"field": "ok", "operator": "=", "value": [True]}], "ok:true"),
        ([{"field": "*", "operator": "contains match phrase", "value": ["foo bar", "reset"]}], '"foo bar" OR reset'),
        ([{"field": "log", "operator": "all contains match phrase", "value": ["foo", "bar"]}], "foo bar"),
        ([{"field": "log", "operator": "all not contains match phrase", "value": ["foo", "bar"]}], "NOT (foo bar)"),
        ([{"field": "service", "operator": "does not exists"}], "NOT _exists_:service"),
        ([{"field": "log", "operator": "contains", "value": ["连接"]}], "连接"),
    ],
)  # fmt: skip
def test_conditions_find_what_their_text_finds(
    addition: list[dict[str, Any]], text: str, store: EngineStore, catalogue: FieldCatalogue
) -> None:
    found = numbers(asked("", addition, limit=10_000), store, catalogue)
    assert found
    assert found == numbers(asked(text, limit=10_000), store, catalogue)
    both = numbers(asked("a", addition, limit=10_000), store, catalogue)
    assert both == found & numbers(asked("a", limit=10_000), store, catalogue)


@pytest.mark.parametrize(
    ("addition", "code", "says"),
    [
        ({}, "search_request", "no list"),
        (["x"], "search_request", "no object"),
        ([{"field": "a"}], "search_request", "are strings"),
        ([{"field": "a", "operator": "=", "value": [{}]}], "search_request", "a value is"),
        ([{"field": "a", "operator": "=", "values": [1]}], "search_request", "unknown key 'values'"),
        ([{"field": "a", "operator": "=", "value": [1], "condition": "or"}], "search_request", "joined by and"),
        ([{"field": "a", "operator": "=", "value": [1]}] * 101, "search_request", "at most 100"),
        ([{"field": "a", "operator": "like", "value": [1]}], "condition", "no operator 'like'"),
        ([{"field": "nothing", "operator": "=", "value": [1]}], "unknown_field", "no row has a field nothing"),
        ([{"field": "status", "operator": "=", "value": ["abc"]}], "bad_value", "is a number"),
        ([{"field": "status", "operator": "=", "value": [1] * 400}] * 2, "query_too_large", "800 terms"),
    ],
)
def test_conditions_that_mean_nothing_are_refused_without_a_place_in_the_text(
    addition: Any, code: str, says: str, store: EngineStore, catalogue: FieldCatalogue
) -> None:
    with pytest.raises(BadRequest, match=says) as caught:
        numbers(asked("*", addition), store, catalogue)
    assert caught.value.stable_code == code
    assert caught.value.hint
    assert "start" not in caught.value.fields


def test_an_answer_notes_what_was_passed_over_and_an_empty_one_what_was_perhaps_meant(
    store: EngineStore, catalogue: FieldCatalogue
) -> None:
    def note(query: str) -> str:
        return search(asked(query), tables=[TABLE], masking=UNMASKED, store=store, catalogue=catalogue, limits=LIMITS).note

    assert note("foo") == ""
    assert note("foo^3") == "the weight ^3 is passed over: rows are ordered by time"
    assert "a field is compared with status:>=900; no row matches" in note("status>=900")


def test_words_that_are_near_each_other_are_shown(store: EngineStore, catalogue: FieldCatalogue) -> None:
    rows = search(asked('"foo baz"~1'), tables=[TABLE], masking=UNMASKED, store=store, catalogue=catalogue, limits=LIMITS).rows
    shown = {tuple(row["log"][start:end] for start, end in row["highlight"]) for row in rows}
    assert shown == {("foo", "baz")}


conditions = st.fixed_dictionaries(
    {
        "field": st.one_of(st.sampled_from(["*", "status", "level", "log", "message", "size", "time", "ok"]), SOUP),
        "operator": st.sampled_from([*OPERATORS, "is true", "nonsense"]),
        "value": st.lists(st.one_of(SOUP, st.integers(), st.floats(), st.booleans()), max_size=3),
    }
)


expressions = st.lists(
    st.sampled_from([*"()[]{}|*+?.^$\\a1-,:é\0", r"\d", r"\Q", r"\pL", "(?i)", "(?P<n>", "{2,3}"]), min_size=1, max_size=8
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(SOUP, expressions.map(lambda parts: f"/{''.join(parts)}/")), st.lists(conditions, max_size=2))
def test_whatever_is_typed_is_answered_or_refused(
    store: EngineStore, catalogue: FieldCatalogue, text: str, addition: list[dict[str, Any]]
) -> None:
    error = inspected(asked(text, addition), store, catalogue)["error"]
    if has_steps(text):
        refused = table_refusal(text, addition, store, catalogue)
    else:
        refused = refusal(asked(text, addition, limit=5), store, catalogue)
    assert (refused and refused.stable_code) == (error and error["code"])


def table_refusal(
    text: str, addition: list[dict[str, Any]], store: EngineStore, catalogue: FieldCatalogue
) -> BadRequest | None:
    asked = {"query": text, "addition": addition, "start": RANGE.start.isoformat(), "end": RANGE.end.isoformat(), "limit": 5}
    try:
        table(asked, now=NOW, searched=Searched([TABLE], UNMASKED, store, catalogue, LIMITS))
    except BadRequest as error:
        return error
    return None


def refusal(request: SearchRequest, store: EngineStore, catalogue: FieldCatalogue) -> BadRequest | None:
    try:
        search(request, tables=[TABLE], masking=UNMASKED, store=store, catalogue=catalogue, limits=LIMITS)
    except BadRequest as error:
        return error
    return None
