"""An analysis that takes long, in slices: what one statement would have counted, or marked, with a bound that holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from bklog.errors import BadRequest, StoreError
from bklog.query import UNMASKED
from bklog.records import Limits, Rows, Statement
from bklog.search import histogram, terms
from bklog.search.catalogue import FieldCatalogue
from bklog.search.failures import SearchTimeout
from bklog.search.histogram import asked_histogram
from bklog.search.question import Searched
from bklog.search.sliced import Asked
from bklog.search.terms import asked_terms
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
RANGE = {"start": BEGIN.isoformat(), "end": (BEGIN + timedelta(days=1)).isoformat()}
TABLES = [LogTable("sliced_one", 3650), LogTable("sliced_two", 3650)]
ROWS = 1_500
Ask = Callable[..., Asked]


class Slow:
    """The real engine, to which all of a range is too much at once, and which takes a moment for a slice."""

    def __init__(self, store: EngineStore, *, seconds: float = 0.0) -> None:
        self._store = store
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def of(self, _: object) -> Slow:
        return self

    def select(self, statement: Statement, limits: Limits) -> Rows:
        if not limits.threads:
            raise StoreError("too slow", engine_code=159)
        time.sleep(self._seconds)
        return self._store.select(statement, limits)


@pytest.fixture(scope="module")
def store() -> Iterator[EngineStore]:
    made = EngineStore()
    for place, table in enumerate(TABLES):
        made.create_table(table)
        rows = [
            {
                "time": f"{BEGIN + timedelta(seconds=57 * number + place):%Y-%m-%d %H:%M:%S}",
                "row": number,
                "log": f"line {number}",
                "level": ["info", "warn", "error"][(number // 7) % 3],
                # Some have a user each, most one of few, and a tenth has none.
                "fields": {}
                if number % 10 == 3
                else {"user": f"u{number * 7 % 40 if number % 5 else number}", "超时": number % 4},
            }
            for number in range(ROWS)
        ]
        made.insert(table.name, rows)
    yield made
    for table in TABLES:
        made.drop_table(table)


@pytest.fixture
def ask(store: EngineStore) -> Ask:
    """`slow` is in slices, else at once."""

    def of(way: Callable[..., Asked], *, slow: bool, seconds: float = 0.0, within: Limits = LIMITS, **asked: Any) -> Asked:
        engine: Any = Slow(store, seconds=seconds) if slow else store
        searched = Searched(TABLES, UNMASKED, engine, FieldCatalogue(store, LIMITS), within)
        return way({**RANGE, **asked}, now=datetime.now(UTC), searched=searched)

    return of


def without_costs(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["statistics"]["complete"] is True
    return {key: value for key, value in answer.items() if key != "statistics"}


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (asked_histogram, {"interval": "1h"}),
        (asked_histogram, {"interval": "1h", "query": "nosuchword"}),
        (asked_histogram, {"interval": "1M", "field": "level"}),
        (asked_histogram, {"interval": "3h", "field": "user", "limit": 7, "zone": "Asia/Shanghai"}),
        (asked_histogram, {"field": "超时", "query": "NOT level:warn"}),
        (asked_terms, {"fields": ["level"]}),
        (asked_terms, {"fields": ["user"], "limits": [15]}),
        (asked_terms, {"fields": ["user"], "limits": [1000]}),
        (asked_terms, {"fields": ["超时"], "query": "line AND level:error"}),
        (asked_terms, {"fields": ["user"], "query": "NOT _exists_:user"}),
        (asked_terms, {"fields": ["user"], "query": "nosuchword"}),
    ],
)
def test_slices_count_what_one_statement_counts(ask: Ask, way: Callable[..., Asked], asked: dict[str, Any]) -> None:
    at_once, in_slices = list(ask(way, slow=False, **asked).events()), list(ask(way, slow=True, **asked).events())
    assert [next(iter(event)) for event in at_once] == ["result"]
    assert [next(iter(event)) for event in in_slices] == [*["partial", "progress"] * (len(in_slices) // 2), "result"]
    assert len(in_slices) > 6
    assert without_costs(in_slices[-1]["result"]) == without_costs(at_once[-1]["result"])


def test_partial_answers_grow_from_the_newest_on(ask: Ask) -> None:
    events = list(ask(asked_histogram, slow=True, interval="1h", field="level").events())
    partial = [event["partial"] for event in events if "partial" in event]
    starts = [event["progress"]["start"] for event in events if "progress" in event]
    for before, after in pairwise([*partial, events[-1]["result"]]):
        assert before["total"] <= after["total"]
        assert all(one["count"] <= other["count"] for one, other in zip(before["buckets"], after["buckets"], strict=True))
    assert [bucket["count"] > 0 for bucket in partial[0]["buckets"]] == [False] * 23 + [True]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize("most", [1, 3, 10])
def test_where_a_slice_had_more_values_the_answer_says_by_how_much_it_may_be_wrong(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(terms, "SLICE_TERMS", most)
    monkeypatch.setattr(histogram, "SLICE_SERIES", most)
    exact = {
        one["key"]: one["count"] for one in ask(asked_terms, slow=False, fields=["user"], limits=[1000]).answer()["buckets"]
    }
    found = ask(asked_terms, slow=True, fields=["user"], limits=[10]).answer()
    shown = ask(asked_histogram, slow=True, field="user", limit=10).answer()
    for answer, told in ((found, found["buckets"]), (shown, shown["series"])):
        assert answer["approximate"] is True
        assert told
        for one in told:
            assert one["count"] <= exact[one["key"]] <= one["count"] + answer["too_low_by_at_most"]
        assert answer["total"] == 2 * ROWS
    assert shown["other"]["count"] + shown["missing"]["count"] + sum(one["count"] for one in shown["series"]) == 2 * ROWS


def test_a_budget_gives_the_counts_of_what_it_covers(ask: Ask) -> None:
    answer = ask(asked_histogram, slow=True, seconds=0.6, interval="1h", budget_seconds=1).answer()
    read = answer["statistics"]
    assert read["complete"] is False
    within = {**RANGE, "start": read["covered"]["start"]}
    assert within["start"] > RANGE["start"]
    assert answer["total"] == ask(asked_histogram, slow=False, interval="1h", start=within["start"]).answer()["total"]


def test_nothing_is_counted_where_there_was_no_time(ask: Ask) -> None:
    short = Limits(seconds=0.02, memory_bytes=1 << 30, result_rows=1000)
    answer = ask(asked_terms, slow=True, within=short, fields=["level"], budget_seconds=10).answer()
    assert (answer["total"], answer["buckets"], answer["statistics"]["complete"]) == (0, [], False)
    assert answer["statistics"]["covered"]["start"] == answer["statistics"]["covered"]["end"]
    with pytest.raises(SearchTimeout):
        ask(asked_terms, slow=True, within=short, fields=["level"]).answer()


@pytest.mark.parametrize("asked", [{"fields": ["level", "user"], "limits": [3, 3]}, {"fields": ["user"], "approximate": True}])
def test_what_cannot_be_put_together_is_one_statement(ask: Ask, asked: dict[str, Any]) -> None:
    assert [next(iter(event)) for event in ask(asked_terms, slow=False, **asked).events()] == ["result"]
    with pytest.raises(BadRequest, match="counted in slices"):
        ask(asked_terms, slow=False, budget_seconds=5, **asked)
