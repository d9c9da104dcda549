"""bklog status"""

from __future__ import annotations

import json

import click

from bklog.supervise import status as fleet_status
from bklog.supervise.programs import fleet_of
from bklog.supervise.status import Row, Status
from config.environ import load


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Show each program of the fleet. The exit code is 1 if one does not run."""
    found = fleet_status.read(fleet_of(load()))
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else _table(found))
    ctx.exit(0 if found.is_running else 1)


def _table(found: Status) -> str:
    head = f"{'program':<12}{'state':<10}{'pid':>8}{'uptime':>10}{'restarts':>10}{'rss MiB':>9}{'cpu s':>9}  port"
    total = f"{sum(row.rss_bytes for row in found.programs) / 2**20:.0f} MiB resident, {found.url}"
    remedy = [] if found.is_running else ["start what does not run with `bklog up`"]
    return "\n".join([head, *map(_line, found.programs), total, *remedy])


def _line(row: Row) -> str:
    numbers = f"{row.pid or '-':>8}{_duration(row.uptime_seconds):>10}{row.restarts:>10}{row.rss_bytes / 2**20:>9.0f}"
    return f"{row.name:<12}{row.state:<10}{numbers}{row.cpu_seconds:>9.1f}  {row.port or ''}{row.reason}".rstrip()


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
