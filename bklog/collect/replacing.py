"""Another table takes the place of a collector's: with other rules, another index, or in another store.

begin ─▶ prepare ─▶ fill … fill ─▶ swap: close, drain, copy the rest, count ─▶ the collector has the new table ─▶ settle
                                     └─ not done in time ─▶ open again, fill on      └─ the old one ─in its time─▶ drop_replaced

Each may be repeated from anywhere. `give_up` ends it before the swap, and nothing but the time spent is lost. Until the swap
the new table holds rows of the old one and no others, each at most once: so equal counts are equal rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from bklog.clean import CleanRule
from bklog.collect.models import Collector, ReplacedTable, Replacement
from bklog.collect.versions import keep_version
from bklog.errors import BadRequest, Unavailable
from bklog.store import Copying, Keeping, LogTable, Piece, Rules, Store

WIDE: Final = timedelta(hours=1)  # spans of arrivals whose counts are compared
NARROW: Final = timedelta(minutes=1)  # the latest: the less is looked at closely, the shorter senders wait
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATE: Final = timedelta(hours=1)  # how far back lines of now may have arrived: an insert takes minutes, clocks differ
CLOSED_SECONDS: Final = 20.0  # senders keep their lines for longer, but nobody likes to wait
DRAIN_POLL_SECONDS: Final = 0.05
READY_ROWS: Final = 200_000  # so few are copied within a second or two, while the table is closed
logger = logging.getLogger("bklog.collect")


@dataclass(frozen=True, slots=True)
class Change:
    """What the collector is to be afterwards."""

    rule: CleanRule
    index: str
    store: str


@dataclass(frozen=True, slots=True)
class Filled:
    """How far the new table is: rows it has, and rows it lacks."""

    rows: int
    lacking: int

    @property
    def is_ready(self) -> bool:
        return self.lacking <= READY_ROWS


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two tables and what copies between them. `rules` is None where rows stay as they are."""

    source: LogTable
    target: LogTable
    rules: Rules | None
    store: Store

    @property
    def reading(self) -> Copying:
        return self.store.copying(self.source)

    @property
    def writing(self) -> Copying:
        return self.store.copying(self.target)

    @property
    def landing(self) -> LogTable:
        """Where a piece from another store stands before it is copied."""
        return _landing(self.target, types=self.source.types)


def require_change(collector: Collector, change: Change) -> None:
    """Raises BadRequest where there is nothing to change, or may not be."""
    if collector.scenario == Collector.Scenario.REJECTS:
        raise BadRequest("the collector of refused lines cannot be changed", hint="make another collector", code="collector")
    if change == Change(collector.rule, collector.index, collector.store):
        raise BadRequest(f"the collector {collector.name} is so already", hint="change something", code="nothing_to_change")


def begin(collector: Collector, change: Change, *, begun_by: str) -> Replacement:
    """The same `begun_by` meets its own again. Raises Unavailable while what another run left is not put in order."""
    found = Replacement.objects.filter(collector=collector).first()
    if found and found.begun_by == begun_by:
        return found
    require_change(collector, change)
    generation = collector.generation + 1
    try:
        with transaction.atomic():
            Collector.objects.filter(pk=collector.pk).update(generation=generation)
            return Replacement.objects.create(
                collector=collector,
                table=f"c{collector.pk}g{generation}_{collector.name.replace('-', '_')}"[:63],
                store=change.store,
                index=change.index,
                clean_rule=change.rule.as_dict(),
                begun_by=begun_by,
            )
    except IntegrityError as error:
        hint = "cancel that run, or retry it: `bklog pipeline list`; what a cancelled one left is put in order within a minute"
        message = f"what an earlier change of {collector.name} left is not put in order yet"
        raise Unavailable(message, retry_after_seconds=30, hint=hint, code="collector_busy") from error


def prepare(replacement: Replacement, *, store: Store) -> None:
    """Rows expire in neither of the two until the swap, so that the counts can be compared."""
    pair = _pair(replacement, store)
    store.create_table(pair.target)
    pair.writing.suspend_expiry(pair.target)
    pair.reading.suspend_expiry(pair.source)


def fill(replacement: Replacement, *, store: Store, seconds: float, is_lost: Callable[[], bool] = lambda: False) -> Filled:
    """Copies for so long at the most. Raises Unavailable where a killed program's piece is still being written."""
    pair = _pair(replacement, store)
    deadline = time.monotonic() + seconds
    for piece in _lacking(pair, since=EVER):
        if is_lost() or time.monotonic() > deadline:
            break
        _copy(pair, piece)
    rows = pair.writing.count(pair.target)
    return Filled(rows, pair.reading.count(pair.source) - rows)


def swap(replacement: Replacement, *, store: Store, by: str = "", closed_seconds: float = CLOSED_SECONDS) -> float | None:
    """Returns for how many seconds senders had to wait; None where it took too long, and the table is open again.

    `by` is who asked for the change: a rule that is another one becomes a version of that name.
    """
    pair = _pair(replacement, store)
    recent = timezone.now() - LATE
    _copy_all(pair, since=recent, deadline=None)  # what came since the last fill: the less is left, the shorter it is closed
    began = time.monotonic()
    _mark(replacement, Replacement.State.CLOSED)
    try:
        pair.reading.close_table(pair.source)
        is_whole = _finish(pair, recent, deadline=began + closed_seconds)
        if is_whole:
            _exchange(replacement, by)
            return time.monotonic() - began
    except BaseException:  # also where the worker is told to end: senders do not wait for its successor
        reopen(replacement, store=store)
        raise
    reopen(replacement, store=store)
    return None


def _finish(pair: _Pair, recent: datetime, *, deadline: float) -> bool:
    """Copies what is left, whose place is nearly always among the latest arrivals. True where the counts agree."""
    while pair.reading.inserting(pair.source):
        if time.monotonic() > deadline:
            return False
        time.sleep(DRAIN_POLL_SECONDS)
    for since in (recent, EVER):
        if not _copy_all(pair, since=since, deadline=deadline):
            return False
        if pair.reading.count(pair.source) == pair.writing.count(pair.target):
            return True
    return False


def reopen(replacement: Replacement, *, store: Store) -> bool:
    """Lines go on coming into the old table. False after the swap: it stays closed, whatever the caller believes."""
    found = Replacement.objects.select_related("collector").filter(pk=replacement.pk, table=replacement.table).first()
    if found is None:
        return False
    source = found.collector.log_table
    store.copying(source).open_table(source)
    _mark(found, Replacement.State.FILLING)
    return True


def give_up(replacement: Replacement, *, store: Store) -> None:
    """Before the swap: the collector stays as it is, and what was made for the change goes."""
    pair = _pair(replacement, store)
    if not reopen(replacement, store=store):
        return
    store.set_expiry(pair.source)
    _drop(pair.target, store)
    replacement.delete()


def settle(collector: Collector, *, store: Store) -> None:
    """After the swap: rows expire again, and none arrives from another store any more. The next change sees to its own."""
    if Replacement.objects.filter(collector=collector).exists():
        return
    current = collector.log_table
    store.set_expiry(current)
    store.drop_table(_landing(current))


def old_tables(*, keep_seconds: float) -> list[ReplacedTable]:
    """Those on which searches that began before the swap, and exports that read slice by slice, have had so long to end."""
    before = timezone.now() - timedelta(seconds=keep_seconds)
    return list(ReplacedTable.objects.select_related("collector").filter(replaced_at__lte=before))


def drop_all_replaced(collector_id: int, *, store: Keeping) -> None:
    """Of a collector that is deleted, whoever reads them."""
    for old in ReplacedTable.objects.filter(collector_id=collector_id):
        drop_replaced(old, store=store)


def drop_replaced(old: ReplacedTable, *, store: Keeping) -> None:
    _drop(old.log_table, store)
    old.delete()  # last: while it is there, the table is somebody's


def _drop(table: LogTable, store: Keeping) -> None:
    """With what may have landed for it. One whose store the settings no longer name is only forgotten: it goes with that."""
    if table.store in store.places():
        store.drop_table(_landing(table))
        store.drop_table(table)
    else:
        logger.warning("TableForgotten", extra={"table": table.name, "store": table.store})


def _landing(table: LogTable, *, types: Mapping[str, str] | None = None) -> LogTable:
    return LogTable(f"in_{table.name}"[:63], 1, "none", types or {}, store=table.store)


def _pair(replacement: Replacement, store: Store) -> _Pair:
    collector = replacement.collector
    rules = None if replacement.rule == collector.rule else Rules(collector.rule, replacement.rule)
    return _Pair(collector.log_table, replacement.log_table, rules, store)


def _lacking(pair: _Pair, *, since: datetime) -> Iterator[Piece]:
    """Pieces of the source of which the target has fewer rows, oldest first."""
    width = WIDE if since == EVER else NARROW
    there = pair.writing.arrivals(pair.target, since=since, width=width)
    for start, rows in sorted(pair.reading.arrivals(pair.source, since=since, width=width).items()):
        if there.get(start, 0) < rows:
            for piece in pair.reading.pieces(pair.source, start, width=width):
                if pair.writing.count(pair.target, piece) < piece.rows:
                    yield piece


def _copy_all(pair: _Pair, *, since: datetime, deadline: float | None) -> bool:
    """False where the time was over before the last piece."""
    for piece in _lacking(pair, since=since):
        if deadline is not None and time.monotonic() > deadline:
            return False
        _copy(pair, piece)
    return True


def _copy(pair: _Pair, piece: Piece) -> None:
    kept_since = timezone.now() - timedelta(days=pair.target.retention_days)
    source = pair.source
    if pair.source.store != pair.target.store:
        source = _land(pair, piece)
    pair.writing.copy(piece, source, pair.target, rules=pair.rules, kept_since=kept_since)


def _land(pair: _Pair, piece: Piece) -> LogTable:
    """The piece as bytes from the one store into an empty table of the other; the landing of a killed program goes first."""
    pair.store.drop_table(pair.landing)
    pair.store.create_table(pair.landing)
    pair.writing.suspend_expiry(pair.landing)
    pair.writing.write_piece(pair.landing, pair.reading.read_piece(piece, pair.source))
    arrived = pair.writing.count(pair.landing)
    if arrived < piece.rows:
        message = f"{arrived} of {piece.rows} rows came from the store {pair.source.store} to {pair.target.store}"
        raise Unavailable(message, retry_after_seconds=5, hint="it is tried again", code="piece_incomplete")
    return pair.landing


def _mark(replacement: Replacement, state: Replacement.State) -> None:
    replacement.state = state
    replacement.save(update_fields=["state", "changed_at"])


def _exchange(replacement: Replacement, by: str) -> None:
    """One transaction: whoever reads the collector finds the old table with its rules, or the new one with its own."""
    collector = replacement.collector
    old = ReplacedTable(collector=collector, table=collector.table, store=collector.store)
    is_read_anew = replacement.rule != collector.rule
    collector.account = replacement.log_table.account
    changed = ("table", "store", "index", "clean_rule")
    for name in changed:
        setattr(collector, name, getattr(replacement, name))
    with transaction.atomic():
        deleted, _ = Replacement.objects.filter(pk=collector.pk, table=replacement.table).delete()
        if not deleted:  # whoever lost the lease meanwhile: the new table may be gone
            raise Unavailable(f"the change of {collector.name} was given up", hint="start another one", code="no_replacement")
        collector.save(update_fields=[*changed, "account"])
        if is_read_anew:
            keep_version(collector, by=by)
        old.save()
