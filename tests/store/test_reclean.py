"""Re-cleaning, against the real store: the rows of another rule are those that the lines would have become under it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.binding import bind_query

from bklog.clean import CleanRule
from bklog.errors import StoreError, Unavailable
from bklog.records import COLUMNS, Statement
from bklog.store import NOTHING_ATTACHED, Attached, LineBatch, LogTable, Piece, Rules, Source, upkeep
from bklog.store import copies as copies_module
from bklog.store import reclean as sql
from bklog.store.clickhouse import LOOKUP_LIMITS, ClickHouseStore
from bklog.store.schema import Layout
from tests.engine import ENGINE
from tests.store.conftest import wait_for

NOW = datetime.now(UTC).replace(microsecond=123456)
KEPT_SINCE = NOW - timedelta(days=30)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TEXT = CleanRule("text")
JSON = CleanRule("json")
TIMED = CleanRule("json", types={"status": "int", "user.name": "keyword"}, time_field="ts", level_field="severity")
OTHER = CleanRule("json", types={"status": "string", "load": "float"}, time_field="at", time_format="unix_milliseconds")
PATTERN = CleanRule(
    "regexp", types={"code": "int"}, time_field="day", level_field="",
    pattern=r'^(?P<day>\d{4}-\d\d-\d\d) [A-Z]+ (?P<message>\w+) (?P<host>.*)$|(?P<code>"[a-z]+": \d+)',
)  # fmt: skip
PAIRS = CleanRule("logfmt", types={"n": "float"}, level_field="lvl")
YESTERDAY = NOW - timedelta(days=1, hours=3)
LINES = [
    f'{{"ts": "{YESTERDAY.isoformat()}", "severity": "WARNING", "status": 502, "user": {{"name": "张伟", "id": 7}}}}',
    f'{{"at": {int(YESTERDAY.timestamp() * 1000)}, "level": "err", "status": "five", "load": 0.25, "tags": ["a", {{"b": 1}}]}}',
    '{"ts": "never", "day": "2026-01-02", "when": "2026-01-02 03:04:05", "null": null, "ok": true, "big": 9007199254740993}',
    '{"host": "own", "meta": {"net": "4G", "deep": {"x": 1}}, "a": 1.0, "e": 1e300}',
    "2026-11-23 ERROR connection refused 连接被拒绝",
    "[1, 2]",
    '{"broken": ',
    "",
    "{}",
    'lvl=warn n=1.5 host=own meta="a b"',
]
ATTACHED = Attached('{"host":"sent","meta":{"net":"5G","op":"移动"},"quote\'d":"a\\"b"}', first_line=41)


def table(name: str, rule: CleanRule, days: int = 30, index: str = "full") -> LogTable:
    return LogTable(name, days, index=index, types=rule.types)


def batch(
    to: LogTable, rule: CleanRule, lines: list[str], *, attached: Attached = NOTHING_ATTACHED, named: UUID, at: datetime = NOW
) -> LineBatch:
    body = "\n".join(lines).encode()
    source = Source("web-1", "/var/log/a.log", "stdout")
    return LineBatch(to, rule, source, named, at, body, (len(lines),), 10_000, keyed=True, attached=attached)


def everything(store: ClickHouseStore, name: str) -> list[dict[str, Any]]:
    columns = ", ".join(column.name for column in COLUMNS if column.name != "fields")
    select = f"SELECT {columns}, toString(time) AS exact, toJSONString(fields) AS f, JSONAllPathsWithTypes(fields) AS types"
    return store.select(Statement(f"{select} FROM {store.table(name)} ORDER BY batch, row"), LOOKUP_LIMITS).as_dicts()


def reclean(store: ClickHouseStore, source: LogTable, target: LogTable, rules: Rules | None) -> None:
    copying = store.copying(source)
    for hour in copying.arrivals(source, since=LONG_AGO, width=HOUR):
        for piece in copying.pieces(source, hour, width=HOUR):
            copying.copy(piece, source, target, rules=rules, kept_since=KEPT_SINCE)


@pytest.mark.parametrize("attached", [NOTHING_ATTACHED, ATTACHED], ids=["plain", "attached"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        *pairwise([TEXT, JSON, TEXT, TIMED, OTHER, TIMED, TEXT, PATTERN, TIMED, PAIRS, PATTERN, PAIRS, TEXT]),
        *((JSON, OTHER), (OTHER, JSON), (PATTERN, JSON)),
    ],
)
def test_rows_become_what_the_new_rule_would_have_made_of_their_lines(
    store: ClickHouseStore, old: CleanRule, new: CleanRule, attached: Attached
) -> None:
    source, target, direct = table("c1_old", old), table("c1_new", new), table("c1_direct", new)
    for one in (source, target, direct):
        store.create_table(one)
    name = uuid4()
    store.insert_lines(batch(source, old, LINES, attached=attached, named=name))
    store.insert_lines(batch(direct, new, LINES, attached=attached, named=name))

    reclean(store, source, target, Rules(old, new))
    assert everything(store, "c1_new") == everything(store, "c1_direct")
    reclean(store, source, target, Rules(old, new))
    assert len(everything(store, "c1_new")) == len(LINES), "a piece that is copied twice is there once"


def test_rows_that_keep_their_rule_stay_as_they_are(store: ClickHouseStore) -> None:
    source, target = table("c1_old", TIMED), table("c1_new", TIMED, index="bloom")
    for one in (source, target):
        store.create_table(one)
    store.insert_lines(batch(source, TIMED, LINES, attached=ATTACHED, named=uuid4()))
    reclean(store, source, target, None)
    assert everything(store, "c1_new") == everything(store, "c1_old")


def test_a_line_whose_new_time_is_past_its_retention_stays_at_its_arrival_and_says_so(store: ClickHouseStore) -> None:
    source, target = table("c1_old", TEXT, 10), table("c1_new", TIMED, 10)
    for one in (source, target):
        store.create_table(one)
    ages = {0: "", 9: "", 11: "time_too_old", 4000: "time_too_old"}
    lines = [f'{{"ts": "{(NOW - timedelta(days=age)).isoformat()}", "age": {age}}}' for age in ages]
    store.insert_lines(batch(source, TEXT, lines, named=uuid4()))
    copying = store.copying(source)
    [piece] = copying.pieces(source, NOW.replace(minute=0, second=0, microsecond=0), width=HOUR)
    copying.copy(piece, source, target, rules=Rules(TEXT, TIMED), kept_since=NOW - timedelta(days=10))
    found = everything(store, "c1_new")
    assert [row["parse_error"] for row in found] == list(ages.values())
    assert [row["time"].date() for row in found] == [NOW.date(), (NOW - timedelta(days=9)).date(), NOW.date(), NOW.date()]


def test_a_piece_is_bounded_and_never_cuts_an_arrival(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_module, "PIECE_BYTES", 4000)
    source, target = table("c1_old", TEXT), table("c1_new", JSON)
    for one in (source, target):
        store.create_table(one)
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    for number in range(20):
        at = hour + timedelta(minutes=number, microseconds=number)
        store.insert_lines(batch(source, TEXT, ["x" * 50] * 5, named=uuid4(), at=at))
    copying = store.copying(source)
    pieces = copying.pieces(source, hour, width=HOUR)
    assert sum(piece.rows for piece in pieces) == 100
    assert {piece.rows for piece in pieces} <= {15, 20}, "3 or 4 arrivals of 5 lines of 250 bytes"
    assert [copying.count(source, piece) for piece in pieces] == [piece.rows for piece in pieces]
    assert all(one.end <= next_one.start for one, next_one in pairwise(pieces))
    reclean(store, source, target, Rules(TEXT, JSON))
    assert copying.count(target) == 100


def test_what_came_into_a_piece_after_it_was_copied_is_copied_alone(store: ClickHouseStore) -> None:
    source, target = table("c1_old", TEXT), table("c1_new", TIMED)
    for one in (source, target):
        store.create_table(one)
    store.insert_lines(batch(source, TEXT, LINES, named=uuid4()))
    reclean(store, source, target, Rules(TEXT, TIMED))
    store.insert_lines(batch(source, TEXT, LINES, named=uuid4()))  # of the same arrival
    reclean(store, source, target, Rules(TEXT, TIMED))
    found = everything(store, "c1_new")
    assert len({(row["batch"], row["row"]) for row in found}) == len(found) == 2 * len(LINES)


def test_a_closed_table_takes_no_line_and_is_read_as_before(store: ClickHouseStore) -> None:
    one = table("c1_old", TEXT)
    store.create_table(one)
    first = batch(one, TEXT, LINES, named=uuid4())
    store.insert_lines(first)
    copying = store.copying(one)
    for _ in range(2):
        copying.close_table(one)
    for keyed in (uuid4(), uuid4()):
        with pytest.raises(Unavailable) as refused:
            store.insert_lines(batch(one, TEXT, LINES, named=keyed))
        assert (refused.value.stable_code, refused.value.status) == ("table_closed", 503)
    assert store.insert_lines(first)[0].duplicate == len(LINES), "what stands there is known, closed or not"
    assert copying.inserting(one) == 0
    assert len(everything(store, "c1_old")) == len(LINES)
    for _ in range(2):
        copying.open_table(one)
    assert store.insert_lines(batch(one, TEXT, LINES, named=uuid4()))[0].stored == len(LINES)


def test_an_insert_that_runs_is_seen(store: ClickHouseStore) -> None:
    one, other = table("c1_old", TEXT), table("c1_older", TEXT)
    for each in (one, other):
        store.create_table(each)
    copying = store.copying(one)
    slow = "SELECT now64(9), toString(sleepEachRow(0.5)) FROM numbers(6) SETTINGS max_block_size = 1"
    thread = threading.Thread(target=store._command, args=(f"INSERT INTO {store.table('c1_old')} (time, log) {slow}",))
    thread.start()
    wait_for(lambda: copying.inserting(one) == 1, what="the insert to be seen")
    assert copying.inserting(other) == 0
    with pytest.raises(Unavailable) as refused:
        copying.copy(Piece(LONG_AGO, NOW, 1), other, one, rules=None, kept_since=LONG_AGO)
    assert refused.value.stable_code == "copy_running"
    copying.close_table(one)
    assert copying.inserting(one) == 1, "what began before still runs, and adds its rows"
    thread.join()
    assert (copying.inserting(one), copying.count(one)) == (0, 6)


CLUSTER = Layout(database="logs", cluster="main")


@pytest.mark.parametrize(
    "statement",
    [
        *map(Statement, (upkeep.close("c1_old", CLUSTER), upkeep.reopen("c1_old", CLUSTER))),
        *map(Statement, (upkeep.remove_expiry("c1_old", CLUSTER), *upkeep.set_expiry("c1_old", 30, CLUSTER))),
        upkeep.inserting("c1_old", CLUSTER),
        *(
            sql.copy(Piece(LONG_AGO, NOW, 1), table("c1_old", TIMED), table("c1_new", OTHER), rules, NOW, CLUSTER)
            for rules in (None, Rules(TIMED, OTHER), Rules(PATTERN, PAIRS))
        ),
    ],
)
def test_the_engine_parses_what_a_cluster_is_told(statement: Statement) -> None:
    text, bound = bind_query(statement.text, dict(statement.params))
    ENGINE.rows(f"EXPLAIN AST {text!s}", {name.removeprefix("param_"): value for name, value in bound.items()})
    assert ("ON CLUSTER `main`" in statement.text) == statement.text.startswith("ALTER")


def test_a_table_that_is_gone_says_so_to_who_reads_and_is_closed_to_who_sends(store: ClickHouseStore) -> None:
    one = table("c1_gone", TEXT)
    with pytest.raises(StoreError) as gone:
        everything(store, one.name)
    assert gone.value.stable_code == "table_gone"
    with pytest.raises(Unavailable) as refused:
        store.insert_lines(batch(one, TEXT, LINES, named=uuid4()))
    assert refused.value.stable_code == "table_closed"


def test_a_batch_that_was_copied_is_a_duplicate_in_the_new_table_and_its_half_is_made_whole(store: ClickHouseStore) -> None:
    """Half a batch is what a store leaves that is killed between the days of an insert."""
    source, target = table("c1_old", TIMED), table("c1_new", TIMED)
    for one in (source, target):
        store.create_table(one)
    lines = [f'{{"ts": "{(NOW - timedelta(days=age)).isoformat()}"}}' for age in (0, 1, 0, 1)] + ['{"ts": "2001-01-01"}']
    whole, half = (batch(source, TIMED, lines, named=uuid4()) for _ in range(2))
    assert [store.insert_lines(sent)[0].stored for sent in (whole, half)] == [4, 4]
    store._command(
        f"DELETE FROM {store.table('c1_old')} WHERE batch = '{half.batch}' AND toDate(time) = '{NOW.date()}'",
        settings={"mutations_sync": 2},
    )
    reclean(store, source, target, None)
    again = [batch(target, TIMED, lines, named=sent.batch, at=NOW + timedelta(hours=1)) for sent in (whole, half)]
    outcomes = [store.insert_lines(sent)[0] for sent in again]
    assert [(said.stored, said.duplicate, said.rejected) for said in outcomes] == [(0, 5, {}), (2, 3, {})]
    found = everything(store, "c1_new")
    assert len({(row["batch"], row["row"]) for row in found}) == len(found) == 8


def test_expiry_can_be_suspended_and_comes_back_for_the_rows_that_are_there(store: ClickHouseStore) -> None:
    one = table("c1_old", TEXT, 5)
    store.create_table(one)
    copying = store.copying(one)
    for _ in range(2):
        copying.suspend_expiry(one)
    assert store.expiry_days()["c1_old"] == 0
    store.insert_lines(batch(one, TEXT, LINES, named=uuid4()))
    store.set_expiry(one)
    parts = Statement(
        "SELECT max(toDate(delete_ttl_info_max)) FROM system.parts "
        "WHERE active AND table = 'c1_old' AND database = {database:String}",
        {"database": store._layout.database},
    )
    wait_for(lambda: store.select(parts, LOOKUP_LIMITS).rows == [(NOW.date() + timedelta(days=5),)], what="the last day")


def test_pieces_go_from_one_store_to_another_as_they_are(store: ClickHouseStore) -> None:
    source, target = table("c1_old", TIMED), table("c2_new", TIMED)
    for one in (source, target):
        store.create_table(one)
    store.insert_lines(batch(source, TIMED, LINES, attached=ATTACHED, named=uuid4()))
    copying = store.copying(source)
    [piece] = copying.pieces(source, NOW.replace(minute=0, second=0, microsecond=0), width=HOUR)
    copying.write_piece(target, copying.read_piece(piece, source))
    assert everything(store, "c2_new") == everything(store, "c1_old")


def test_a_piece_of_nothing_is_nothing(store: ClickHouseStore) -> None:
    one, other = table("c1_old", TEXT), table("c1_new", TEXT)
    for each in (one, other):
        store.create_table(each)
    copying = store.copying(one)
    empty = Piece(LONG_AGO, NOW, 0)
    assert (
        copying.arrivals(one, since=LONG_AGO, width=HOUR),
        copying.pieces(one, LONG_AGO, width=HOUR),
        copying.count(one, empty),
    ) == ({}, [], 0)
    copying.copy(empty, one, other, rules=Rules(TEXT, JSON), kept_since=LONG_AGO)
    assert copying.count(other) == 0
