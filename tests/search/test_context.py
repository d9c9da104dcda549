"""The rows around one: its stream in the order in which it was sent, whatever the times say, and wider scopes by time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from bklog.errors import BadRequest, NotFound
from bklog.query import UNMASKED
from bklog.search.catalogue import FieldCatalogue
from bklog.search.context import MAX_LINES, context
from bklog.search.question import Searched
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore

TABLE = LogTable("lines_streams", 3_650, "full")
EMPTY = LogTable("lines_no_streams", 3_650, "full")
BATCHES = 30
SCOPES = {"stream": ("host", "path", "stream"), "path": ("host", "path"), "host": ("host",), "collector": ()}
Ask = Callable[..., dict[str, Any]]


def lines() -> Iterator[dict[str, Any]]:
    """Batches of 12 hosts and files, minutes to days apart. Times run backwards within some, and are equal within others."""
    for number in range(BATCHES):
        source = number % 4
        for row in range(7):
            hour, minute = divmod(number * number, 60)
            second = {0: row, 1: 50 - row, 2: 0}[number % 3]
            yield {
                "time": f"2026-01-02 {hour:02d}:{minute // 10 * 10:02d}:{second:02d}.{row % 2:09d}",
                "ingest_time": f"2026-01-{2 + number // 10:02d} {hour:02d}:{minute:02d}:59.{number:06d}",
                "batch": str(UUID(int=(number * 0x9E3779B97F4A7C15) % 2**128)),
                "row": row,
                "host": ["web-1", "web-2"][source % 2],
                "path": f"/var/log/app{source // 2}.log",
                "stream": ["stdout", "stderr"][number // 4 % 2],
                "level": "",
                "log": f"batch {number} line {row} 第{row}行 😀",
                "fields": {"n": number},
                "parse_error": "",
            }


@pytest.fixture(scope="module")
def streams(store: EngineStore) -> Iterator[list[dict[str, Any]]]:
    rows = list(lines())
    for table in (EMPTY, TABLE):
        store.create_table(table)
    for start in range(0, len(rows), 70):
        store.insert(TABLE.name, rows[start : start + 70])
    yield rows
    for table in (EMPTY, TABLE):
        store.drop_table(table)


@pytest.fixture(scope="module")
def ask(store: EngineStore, streams: list[dict[str, Any]]) -> Ask:
    assert streams
    searched = Searched([EMPTY, TABLE], UNMASKED, store, FieldCatalogue(store, LIMITS), LIMITS)
    return lambda **asked: context(asked, now=datetime.now(UTC), searched=searched)


def identity(row: dict[str, Any]) -> dict[str, Any]:
    return {"time": row["time"].replace(" ", "T") + "Z", "batch": row["batch"], "row": row["row"]}


def expected(streams: list[dict[str, Any]], row: dict[str, Any], scope: str) -> list[str]:
    """No two batches have one arrival, so that nothing else decides but the row."""
    same = [one for one in streams if all(one[name] == row[name] for name in SCOPES[scope])]
    arrival = [(one["ingest_time"], one["row"]) for one in same]
    keys = arrival if scope == "stream" else [(one["time"], *key) for one, key in zip(same, arrival, strict=True)]
    return [one["log"] for _, one in sorted(zip(keys, same, strict=True), key=lambda pair: pair[0])]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_context_has_the_neighbours_in_their_order(ask: Ask, streams: list[dict[str, Any]], scope: str) -> None:
    for row in streams[::29]:
        whole = expected(streams, row, scope)
        place = whole.index(row["log"])
        for before, after in ((3, 2), (0, 5), (9, 0), (0, 0)):
            answer = ask(**identity(row), scope=scope, before=before, after=after)
            start, end = max(0, place - before), place + after + 1
            assert [one["log"] for one in answer["rows"]] == whole[start:end]
            assert answer["rows"][answer["anchor"]]["log"] == row["log"]
            assert (answer["before_cursor"] is None, answer["after_cursor"] is None) == (start == 0, end >= len(whole))


@pytest.mark.parametrize("scope", SCOPES)
def test_cursors_go_on_to_both_ends_with_every_row_once(ask: Ask, streams: list[dict[str, Any]], scope: str) -> None:
    row = streams[len(streams) // 2]
    first = ask(**identity(row), scope=scope, before=2, after=2)
    found = [one["log"] for one in first["rows"]]
    cursor = first["before_cursor"]
    while cursor:
        answer = ask(cursor=cursor, scope=scope, before=4, after=0)
        assert answer["rows"][answer["anchor"]]["log"] == found[0], "the cursor's own row comes again, as the anchor"
        found = [one["log"] for one in answer["rows"][:-1]] + found
        cursor = answer["before_cursor"]
    cursor = first["after_cursor"]
    while cursor:
        answer = ask(cursor=cursor, scope=scope, before=0, after=4)
        found += [one["log"] for one in answer["rows"][1:]]
        cursor = answer["after_cursor"]
    assert found == expected(streams, row, scope)


def test_a_row_of_a_context_is_as_a_search_gives_it(ask: Ask, streams: list[dict[str, Any]]) -> None:
    row = streams[8]
    answer = ask(**identity(row), before=0, after=0)
    (found,) = answer["rows"]
    assert {name: found[name] for name in ("batch", "row", "host", "path", "stream", "log", "fields")} == {
        name: row[name] for name in ("batch", "row", "host", "path", "stream", "log", "fields")
    }
    assert found["time"] == identity(row)["time"]
    assert answer["statistics"]["rows_read"] > 0
    assert answer["statistics"]["complete"] is True


def test_near_rows_are_found_without_looking_far(ask: Ask, streams: list[dict[str, Any]], store: EngineStore) -> None:
    store.statements.clear()
    ask(**identity(streams[3]), before=1, after=1)
    assert len(store.statements) == 2, "one to find the row, and one for what stands beside it in its batch"


@pytest.mark.parametrize("change", [{"row": 4_000_000}, {"batch": str(UUID(int=7))}, {"time": "2026-01-02T00:00:00.5Z"}])
def test_a_row_that_is_not_there_is_said(ask: Ask, streams: list[dict[str, Any]], change: dict[str, Any]) -> None:
    with pytest.raises(NotFound) as missing:
        ask(**{**identity(streams[0]), **change})
    assert missing.value.stable_code == "row_not_found"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "row_identity"),
        ({"time": "yesterday"}, "row_identity"),
        ({"batch": "no-uuid"}, "row_identity"),
        ({"row": None}, "row_identity"),
        ({"row": -1}, "limit"),
        ({"row": "1"}, "search_request"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"scope": "galaxy"}, "scope"),
        ({"before": MAX_LINES + 1}, "limit"),
        ({"after": -1}, "limit"),
        ({"query": "error"}, "search_request"),
    ],
)
def test_what_names_no_row_is_refused(ask: Ask, streams: list[dict[str, Any]], given: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ask(**({**identity(streams[0]), **given} if given else {}))
    assert refused.value.stable_code == code
    assert refused.value.hint
