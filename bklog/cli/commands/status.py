"""bklog status"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from bklog.cli.written import print_json, print_lines
from bklog.supervise import status as fleet_status
from bklog.supervise.programs import Fleet, fleet_of
from bklog.supervise.status import Row, Status
from config.environ import load

if TYPE_CHECKING:
    from bklog.queues.broker import QueueState


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Show each program of the fleet, and what waits for the workers. The exit code is 1 if a program does not run."""
    fleet = fleet_of(load())
    found = fleet_status.read(fleet)
    if found.is_supervised:
        found = _with_queues(found, fleet)
    print_json(found.as_dict()) if as_json else print_lines(_table(found))
    ctx.exit(0 if found.is_running else 1)


def _with_queues(found: Status, fleet: Fleet) -> Status:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    # Celery is needed only where there are workers to ask about.
    from bklog.supervise.backlog import read_queues  # noqa: PLC0415

    return fleet_status.with_queues(found, fleet, read_queues)


def _table(found: Status) -> list[str]:
    head = f"{'program':<18}{'state':<10}{'pid':>8}{'uptime':>10}{'restarts':>10}{'rss MiB':>9}{'cpu s':>9}  port, queues"
    total = f"{sum(row.rss_bytes for row in found.programs) / 2**20:.0f} MiB resident, {found.url}"
    remedy = [] if found.is_running else ["start what does not run with `bklog up`"]
    note = [found.note] if found.note else []
    return [head, *map(_line, found.programs), total, *note, *remedy]


def _line(row: Row) -> str:
    numbers = f"{row.pid or '-':>8}{_duration(row.uptime_seconds):>10}{row.restarts:>10}{row.rss_bytes / 2**20:>9.0f}"
    return f"{row.name:<18}{row.state:<10}{numbers}{row.cpu_seconds:>9.1f}  {_remark(row)}".rstrip()


def _remark(row: Row) -> str:
    return "; ".join(filter(None, [str(row.port or ""), row.reason, *map(_queue, row.queues)]))


def _queue(state: QueueState) -> str:
    workers = "" if state.workers else ", no worker"
    oldest = f", oldest {state.oldest_seconds:.0f} s" if state.length else ""
    return f"{state.name} {state.length}{oldest}{workers}"


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
