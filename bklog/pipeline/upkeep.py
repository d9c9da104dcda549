"""What additional_task does for all runs: send again what was lost, end what is overdue, delete what ended long ago."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from bklog.pipeline import transitions
from bklog.pipeline.engine import is_overdue, lease_name, lost
from bklog.pipeline.messages import LOST_AFTER, Send, dispatch
from bklog.pipeline.models import PipelineRun
from bklog.pipeline.transitions import GOING, Overtaken, State
from bklog.queues.models import Lease

LONGEST_PAUSE: Final = timedelta(hours=1)  # while no worker takes it, messages must not pile up
AT_ONCE: Final = 1000
GIVEN_UP_AFTER: Final = timedelta(days=7)  # a run that failed may be retried until then
MADE_TABLES: Final = "made_tables"  # in a run's context: tables that are nobody's until the run is done


def sweep(send: Send) -> int:
    """Sends what has lost its message or its worker: its time has come and no process has it in hand. Returns how many."""
    due = PipelineRun.objects.filter(state__in=GOING, next_at__lte=timezone.now())
    in_hand = set(Lease.objects.filter(name__startswith=lease_name(""), until__gt=Now()).values_list("name", flat=True))
    lost_runs = [run for run in due.order_by("next_at")[:AT_ONCE] if lease_name(run.subject) not in in_hand]
    return sum(_take_up(run, send) for run in lost_runs)


def _take_up(run: PipelineRun, send: Send) -> bool:
    """Not a new turn: whoever begins with the run in this moment may go on."""
    if _end_overdue(run):
        return False
    later = timezone.now() + min(LOST_AFTER * 2 ** min(run.resent, 10), LONGEST_PAUSE)
    mine = PipelineRun.objects.filter(pk=run.pk, turn=run.turn, resent=run.resent)
    if not mine.update(resent=F("resent") + 1, next_at=later):
        return False
    dispatch(run, send)
    return True


def _end_overdue(run: PipelineRun) -> bool:
    """A step that its worker left in the middle for the second time, and whose time is over. One that waits is asked again."""
    step = transitions.current_step(run)
    if step is None or step.claimed_at is None or not step.losses or not is_overdue(step):
        return False
    try:
        transitions.fail(run, lost(step, step.losses + 1))
    except Overtaken:
        return False
    return True


def expire(*, keep_days: int) -> int:
    """Deletes what ended so long ago, with its steps. Returns how many runs."""
    old = PipelineRun.objects.filter(finished_at__lt=timezone.now() - timedelta(days=keep_days))
    keys = list(old.values_list("pk", flat=True)[: AT_ONCE * 5])
    for start in range(0, len(keys), AT_ONCE):
        PipelineRun.objects.filter(pk__in=keys[start : start + AT_ONCE]).delete()
    return len(keys)


def abandoned_tables() -> set[str]:
    """What runs have made that were cancelled, or failed so long ago, and that nobody goes on with."""
    given_up = Q(state=State.CANCELLED) | Q(state=State.FAILED, finished_at__lt=timezone.now() - GIVEN_UP_AFTER)
    found = PipelineRun.objects.filter(given_up).values_list("context", flat=True)
    going = PipelineRun.objects.filter(state__in=GOING).values_list("context", flat=True)
    return _tables(found.iterator()) - _tables(going.iterator())


def is_given_up(run: PipelineRun) -> bool:
    """Nobody goes on with it any more."""
    failed_long_ago = run.state == State.FAILED and run.finished_at and run.finished_at < timezone.now() - GIVEN_UP_AFTER
    return run.state in {State.CANCELLED, State.DONE} or bool(failed_long_ago)


def _tables(contexts: Iterable[dict[str, Any]]) -> set[str]:
    return {table for context in contexts for table in context.get(MADE_TABLES, ())}
