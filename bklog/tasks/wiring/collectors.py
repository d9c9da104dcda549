"""The pipelines of collectors, wired to the store, the agent of this machine and its tokens.

onboarding: collector ─▶ table ─▶ token ─▶ agent ─▶ first_line (waits, may be skipped) ─▶ running
deletion:   refuse ─▶ agent ─▶ drain (waits) ─▶ table ─▶ rows

Each step may run again at any point: what it makes is found under the name that the run's context or the collector gives.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone

from bklog.collect import actions, selectors
from bklog.collect.agent.rules import add_input, remove_input
from bklog.collect.models import Collector
from bklog.collect.onboarding import DELETION, ONBOARDING, Onboarding
from bklog.collect.own import ensure_ingest_token
from bklog.collect.replacing import drop_all_replaced
from bklog.collect.tokens import forget_token, token_path
from bklog.ingest.destination import LONGEST_KNOWN_SECONDS
from bklog.pipeline.definition import Answer, Done, Pipeline, Step, Wait, Work
from bklog.records import MAIN_STORE
from bklog.store import LogTable
from bklog.tasks.wiring.store import the_store

FIRST_LINE_SECONDS: Final = 3600.0
DRAIN_SECONDS: Final = LONGEST_KNOWN_SECONDS + 5.0  # the clocks of two machines may differ
_SHORT_SECONDS: Final = 600.0  # how long a step is tried that has nothing to wait for
_FIRST_LINE_REMEDY: Final = (
    "send a line with the collector's token (POST /ingest/v1/lines), look at the agent's log, then retry; or skip this step"
)


def onboarding() -> Pipeline:
    return Pipeline(
        ONBOARDING,
        (
            Step("collector", _enter, _SHORT_SECONDS),
            Step("table", _make_table, _SHORT_SECONDS),
            Step("token", _make_token, _SHORT_SECONDS),
            Step("agent", _add_to_agent, _SHORT_SECONDS),
            Step(
                "first_line",
                _await_first_line,
                FIRST_LINE_SECONDS,
                longest_pause_seconds=15.0,
                may_skip=True,
                remedy=_FIRST_LINE_REMEDY,
            ),
            Step("running", _activate, _SHORT_SECONDS),
        ),
    )


def deletion() -> Pipeline:
    return Pipeline(
        DELETION,
        (
            Step("refuse", _refuse_lines, _SHORT_SECONDS),
            Step("agent", _remove_from_agent, _SHORT_SECONDS),
            Step("drain", _drain, DRAIN_SECONDS + _SHORT_SECONDS, longest_pause_seconds=5.0),
            Step("table", _drop_table, _SHORT_SECONDS),
            Step("rows", _remove_rows, _SHORT_SECONDS),
        ),
    )


def _enter(work: Work) -> Answer:
    by = work.context.get("asked_by", "")
    collector = actions.enter_collector(_wanted(work).draft, entered_by=f"pipeline-run-{work.run_id}", by=by)
    return Done({"collector_id": collector.pk, "table": collector.table})


def _make_table(work: Work) -> Answer:
    the_store().create_table(_collector(work).log_table)
    return Done()


def _make_token(work: Work) -> Answer:
    name = _collector(work).name
    ensure_ingest_token(name, token_path(_home(), name))
    return Done(note=f"kept on {socket.gethostname()}")


def _add_to_agent(work: Work) -> Answer:
    rule, collector = _wanted(work).rule, _collector(work)
    if rule is None:
        return Done(note="no files to follow: the lines come from elsewhere")
    add_input(_agent_file(), {"name": collector.table, "collector": collector.name, **rule.as_dict()}, home=_home())
    return Done(note=f"followed by the agent of {socket.gethostname()}")


def _await_first_line(work: Work) -> Answer:
    table = _collector(work).table
    rows = next((usage.rows for usage in the_store().usage() if usage.table == table), 0)
    return Done(note=f"{rows} lines are stored") if rows else Wait("no line has come yet")


def _activate(work: Work) -> Answer:
    actions.activate(_collector(work).pk)
    return Done()


def _refuse_lines(work: Work) -> Answer:
    """From now on its table stays what it is, which it may not have been when the run was asked for."""
    actions.refuse_lines(work.context["collector_id"])
    table = selectors.get_collector(work.context["collector_id"]).log_table
    return Done({"table": table.name, "store": table.store})


def _remove_from_agent(work: Work) -> Answer:
    removed = remove_input(_agent_file(), work.context.get("account", work.context["table"]), home=_home())
    return Done(note="the agent follows its files no more" if removed else "the agent of this machine follows nothing for it")


def _drain(work: Work) -> Answer:
    """Until no instance of ingest can answer any more that a line was stored: each has asked whether it still may."""
    left = DRAIN_SECONDS - (timezone.now() - work.started_at).total_seconds()
    return Wait(f"senders are refused; what is under way ends within {left:.0f} seconds") if left > 0 else Done()


def _drop_table(work: Work) -> Answer:
    drop_all_replaced(work.context["collector_id"], store=the_store())
    the_store().drop_table(LogTable(work.context["table"], retention_days=1, store=work.context.get("store", MAIN_STORE)))
    return Done()


def _remove_rows(work: Work) -> Answer:
    collector = Collector.objects.filter(pk=work.context["collector_id"]).first()
    if collector:
        forget_token(token_path(_home(), collector.name))
        actions.remove_collector(collector)
    return Done()


def _wanted(work: Work) -> Onboarding:
    return Onboarding.from_dict(work.context["wanted"], retention_days=settings.BKLOG_RETENTION_DAYS)


def _collector(work: Work) -> Collector:
    """Raises NotFound where it was deleted meanwhile."""
    return selectors.get_collector(work.context["collector_id"])


def _home() -> Path:
    return Path(settings.BKLOG_HOME)


def _agent_file() -> Path:
    return _home() / "agent" / "agent.json"
