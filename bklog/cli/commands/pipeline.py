"""bklog pipeline list | show | retry | skip | fail | cancel"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import click

from bklog.cli.client import api
from bklog.cli.runs import exit_code_of, report_run, wait_for_end
from bklog.cli.written import print_json, print_lines

RUNS: Final = "/api/v1/pipelines/"
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
wait_option = click.option("--wait", type=click.FloatRange(min=0), default=0.0, help="Seconds to wait for the run's end.")


@click.group()
def pipeline() -> None:
    """Runs of pipelines: work in several steps that goes on after any restart."""


@pipeline.command("list")
@click.option("--state", default="", help="Only those that are running, waiting, done, failed or cancelled.")
@click.option("--pipeline", "name", default="", help="Only those of this pipeline.")
@click.option("--subject", default="", help="Only those that work on this, such as collector:shop.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def list_runs(*, state: str, name: str, subject: str, limit: int, as_json: bool) -> None:
    """List runs, newest first."""
    given = {"state": state, "pipeline": name, "subject": subject, "limit": limit}
    items = api("GET", f"{RUNS}?{urlencode({key: value for key, value in given.items() if value})}")["items"]
    print_json(items) if as_json else print_lines(_table(items))


@pipeline.command()
@click.argument("run_id", type=int)
@wait_option
@json_option
@click.pass_context
def show(ctx: click.Context, *, run_id: int, wait: float, as_json: bool) -> None:
    """Show a run and each of its steps. The exit code is 1 if it failed."""
    _print(ctx, wait_for_end(api("GET", f"{RUNS}{run_id}/"), wait), as_json=as_json)


@pipeline.command()
@click.argument("run_id", type=int)
@wait_option
@json_option
@click.pass_context
def retry(ctx: click.Context, *, run_id: int, wait: float, as_json: bool) -> None:
    """Begin anew with the step that failed."""
    _print(ctx, wait_for_end(api("POST", f"{RUNS}{run_id}/retry/"), wait), as_json=as_json)


@pipeline.command()
@click.argument("run_id", type=int)
@wait_option
@json_option
@click.pass_context
def skip(ctx: click.Context, *, run_id: int, wait: float, as_json: bool) -> None:
    """Leave out the step that it is at, where that is possible."""
    _print(ctx, wait_for_end(api("POST", f"{RUNS}{run_id}/skip/"), wait), as_json=as_json)


@pipeline.command()
@click.argument("run_id", type=int)
@click.option("--reason", default="", help="Kept with the run.")
@json_option
def fail(*, run_id: int, reason: str, as_json: bool) -> None:
    """End a run as failed: it can be retried."""
    _echo(api("POST", f"{RUNS}{run_id}/fail/", json={"reason": reason}), as_json=as_json)


@pipeline.command()
@click.argument("run_id", type=int)
@json_option
def cancel(*, run_id: int, as_json: bool) -> None:
    """End a run for good."""
    _echo(api("POST", f"{RUNS}{run_id}/cancel/"), as_json=as_json)


def _print(ctx: click.Context, run: dict[str, Any], *, as_json: bool) -> None:
    _echo(run, as_json=as_json)
    ctx.exit(exit_code_of(run))


def _echo(run: dict[str, Any], *, as_json: bool) -> None:
    print_json(run) if as_json else print_lines(report_run(run))


def _table(items: Sequence[dict[str, Any]]) -> list[str]:
    head = f"{'run':>8}  {'pipeline':<24}{'subject':<36}{'state':<11}{'step':<18}"
    return [head.rstrip(), *map(_row, items)]


def _row(run: dict[str, Any]) -> str:
    place = f"{run['step']} {run['steps_done']}/{run['steps_total']}".strip()
    said = run["reason"] or run["note"]
    return f"{run['id']:>8}  {run['pipeline']:<24}{run['subject']:<36}{run['state']:<11}{place:<18}{said}".rstrip()
