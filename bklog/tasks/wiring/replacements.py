"""The pipelines that put another table in the place of a collector's, wired to the stores; and what tidies up after them.

reclean, move:   begin ─▶ fill (again and again) ─▶ swap
put_in_order:    a run that ended before its swap ─▶ given up; the old tables of swaps go in their time
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from django.conf import settings

from bklog.clean import CleanRule
from bklog.collect import replacing, selectors
from bklog.collect.changes import MOVE, RECLEAN
from bklog.collect.models import Collector, Replacement
from bklog.collect.replacing import Change
from bklog.errors import BklogError
from bklog.pipeline.definition import Again, Answer, Done, Pipeline, Step, Wait, Work
from bklog.pipeline.engine import lease_name
from bklog.pipeline.models import PipelineRun
from bklog.pipeline.transitions import GOING
from bklog.pipeline.upkeep import is_given_up
from bklog.queues.leases import LeaseHeld, lease
from bklog.tasks.wiring.store import the_store

FILL_SECONDS: Final = 20.0  # between two looks at what others want of this worker
_LONG_SECONDS: Final = 7 * 86_400.0
_BEGUN_BY: Final = "pipeline-run-"
_FILL_REMEDY: Final = "lines come in faster than they are copied: try again at a quieter time, or on a larger machine"
_SWAP_REMEDY: Final = "see whether inserts into the table end: `bklog status`; the old table takes lines until then"
logger = logging.getLogger("bklog.pipeline")


def reclean() -> Pipeline:
    return Pipeline(RECLEAN, _steps(), former=_former_steps())


def move() -> Pipeline:
    return Pipeline(MOVE, _steps(), former=_former_steps())


def _steps() -> tuple[Step, ...]:
    return (
        Step("begin", _begin, 3600.0),
        Step("fill", _fill, _LONG_SECONDS, remedy=_FILL_REMEDY),
        Step("swap", _swap, 6 * 3600.0, remedy=_SWAP_REMEDY),
    )


def _former_steps() -> tuple[Step, ...]:
    return (Step("drop_old", _drop_old, 600.0),)


def _begin(work: Work) -> Answer:
    wanted = work.context["wanted"]
    change = Change(CleanRule.from_dict(wanted["clean_rule"]), wanted["index"], wanted["store"])
    collector = selectors.get_collector(work.context["collector_id"])
    replacement = replacing.begin(collector, change, begun_by=f"{_BEGUN_BY}{work.run_id}")
    replacing.prepare(replacement, store=the_store())
    return Done({"old_table": collector.table, "new_table": replacement.table})


def _fill(work: Work) -> Answer:
    filled = replacing.fill(_replacement(work), store=the_store(), seconds=FILL_SECONDS, is_lost=work.is_lost)
    note = f"{filled.rows} rows are copied, {filled.lacking} are not yet"
    return Done(note=note) if filled.is_ready else Again(note=note)


def _swap(work: Work) -> Answer:
    collector_id, seconds = work.context["collector_id"], None
    if selectors.get_collector(collector_id).table != work.context["new_table"]:
        seconds = replacing.swap(_replacement(work), store=the_store(), by=work.context.get("asked_by", ""))
        if seconds is None:
            return Wait("the rest could not be copied in time; the old table takes lines again until the next try")
    replacing.settle(selectors.get_collector(collector_id), store=the_store())
    if seconds is None:  # this step's former attempt came so far
        return Done()
    return Done({"closed_seconds": round(seconds, 3)}, note=f"senders waited for {seconds:.2f} seconds")


def _replacement(work: Work) -> Replacement:
    """Raises NotFound where somebody gave it up, also where another run has begun another one since."""
    return selectors.get_replacement(work.context["collector_id"], begun_by=f"{_BEGUN_BY}{work.run_id}")


def _drop_old(work: Work) -> Answer:
    """The last step of runs that a former release began: what it did is done by `put_in_order`."""
    replacing.settle(selectors.get_collector(work.context["collector_id"]), store=the_store())
    return Done()


def put_in_order() -> None:
    """What one store or collector refuses, and what a run has in hand, keeps the others from nothing."""
    for replacement in Replacement.objects.select_related("collector"):
        if not _goes_on(replacement):
            _alone(replacement.collector, partial(_tidy, replacement), about=replacement.table)
    for old in replacing.old_tables(keep_seconds=settings.BKLOG_REPLACED_KEEP_SECONDS):
        _alone(old.collector, partial(_settle, old.collector_id), about=old.table)
        with _reported(old.table):
            replacing.drop_replaced(old, store=the_store())


def _run_of(replacement: Replacement) -> PipelineRun | None:
    return PipelineRun.objects.filter(pk=replacement.begun_by.removeprefix(_BEGUN_BY)).first()


def _goes_on(replacement: Replacement) -> bool:
    run = _run_of(replacement)
    return run is not None and run.state in GOING


def _tidy(seen: Replacement) -> None:
    """A run that failed may be retried, and what it copied is kept for it; but senders do not wait for that."""
    replacement = Replacement.objects.select_related("collector").filter(pk=seen.pk, table=seen.table).first()
    if replacement is None or _goes_on(replacement):
        return
    run = _run_of(replacement)
    if run is None or is_given_up(run):
        about = {"table": replacement.table, "collector": replacement.collector.name}
        replacing.give_up(replacement, store=the_store())
        logger.warning("ReplacementGivenUp", extra=about)
    elif replacement.state == Replacement.State.CLOSED:
        replacing.reopen(replacement, store=the_store())


def _settle(collector_id: int) -> None:
    """Where a run was killed behind its swap, and then cancelled."""
    replacing.settle(selectors.get_collector(collector_id), store=the_store())


def _alone(collector: Collector, do: Callable[[], None], *, about: str) -> None:
    """Nothing is done where somebody works on the collector: who does puts in order what it leaves."""
    try:
        with lease(lease_name(selectors.subject_of(collector.name))), _reported(about):
            do()
    except LeaseHeld:
        logger.info("a collector that is to be put in order is being worked on", extra={"table": about})


@contextmanager
def _reported(table: str) -> Iterator[None]:
    try:
        yield
    except BklogError as error:
        logger.warning("TableNotPutInOrder", extra={"table": table, "reason": error.message, "code": error.stable_code})
