"""bklog clientlog list | show | submit | retry"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import uuid4

import click

from bklog.cli.client import api
from bklog.cli.written import print_json, print_lines

TASKS: Final = "/api/v1/clientlog/tasks/"
ENDED: Final = {"success", "failed", "expired"}
POLL_SECONDS: Final = 1.0
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def clientlog() -> None:
    """Client logs of phones and PCs: files that are fetched, unpacked and stored."""


@clientlog.command("list")
@click.option("--state", default="", help="Only those in this state: pending, success, failed, …")
@click.option("--user", default="", help="Only those of this user.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def list_tasks(*, state: str, user: str, limit: int, as_json: bool) -> None:
    """List tasks, newest first."""
    given = {name: value for name, value in {"state": state, "user_id": user, "limit": limit}.items() if value}
    items = api("GET", f"{TASKS}?{urlencode(given)}")["items"]
    print_json(items) if as_json else print_lines(_table(items))


@clientlog.command()
@click.argument("task_id")
@json_option
@click.pass_context
def show(ctx: click.Context, *, task_id: str, as_json: bool) -> None:
    """Show a task, and what became of each of its files. The exit code is 1 if it failed."""
    _print(ctx, api("GET", _path(task_id)), as_json=as_json)


@clientlog.command()
@click.argument("source")
@click.option("--task-id", default="", help="Names the task: sent again, nothing is done twice. Chosen where it is left out.")
@click.option("--user", "user_id", default="", help="Whose log it is.")
@click.option("--device", default="", help="The phone or PC it comes from.")
@click.option("--platform", default="", help="android, ios, windows, …")
@click.option("--meta", multiple=True, metavar="NAME=VALUE", help="A field of each line; may be repeated.")
@click.option("--wait", type=click.FloatRange(min=0), default=0.0, help="Seconds to wait for its end.")
@json_option
@click.pass_context
def submit(
    ctx: click.Context, /, *, source: str, task_id: str, meta: Sequence[str], wait: float, as_json: bool, **about: str
) -> None:
    """Take the file at SOURCE: an http(s) URL, or a key in the object storage."""
    kind = "url" if source.startswith(("http://", "https://")) else "object_key"
    body = {"task_id": task_id or f"cli-{uuid4().hex}", kind: source, **about, "metadata": dict(map(_pair, meta))}
    _print(ctx, _wait(api("POST", TASKS, json=body), wait), as_json=as_json)


@clientlog.command()
@click.argument("task_id")
@click.option("--wait", type=click.FloatRange(min=0), default=0.0, help="Seconds to wait for its end.")
@json_option
@click.pass_context
def retry(ctx: click.Context, *, task_id: str, wait: float, as_json: bool) -> None:
    """Try a task again that has failed."""
    _print(ctx, _wait(api("POST", f"{_path(task_id)}retry/"), wait), as_json=as_json)


def _wait(task: dict[str, Any], seconds: float) -> dict[str, Any]:
    ends = time.monotonic() + seconds
    while task["state"] not in ENDED and time.monotonic() < ends:
        time.sleep(POLL_SECONDS)
        task = api("GET", _path(task["task_id"]))
    return task


def _path(task_id: str) -> str:
    return f"{TASKS}{quote(task_id, safe='')}/"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--meta")
    return name, value


def _print(ctx: click.Context, task: dict[str, Any], *, as_json: bool) -> None:
    print_json(task) if as_json else print_lines(_report(task))
    ctx.exit(1 if task["state"] == "failed" else 0)


def _table(items: Sequence[dict[str, Any]]) -> list[str]:
    head = f"{'task':<40}{'state':<12}{'files':>7}{'lines':>12}  reason"
    return [head, *(_row(item) for item in items)]


def _row(item: dict[str, Any]) -> str:
    counts = f"{item['file_count']:>7}{item['line_count']:>12}"
    return f"{item['task_id']:<40}{item['state']:<12}{counts}  {item['reason']}".rstrip()


def _report(task: dict[str, Any]) -> list[str]:
    reason = [f"reason: {task['reason']} [{task['code']}]"] if task["reason"] else []
    hint = [f"hint: {task['hint']}"] if task["hint"] else []
    files = [_file(file) for file in task.get("files", [])]
    search = task["search"]
    counts = f"{task['stored_lines']} of {task['line_count']} lines stored, attempt {task['attempts']}"
    return [
        f"{task['task_id']}: {task['state']}, {counts}",
        *reason,
        *hint,
        *files,
        f"bklog search '{search['query']}' --index-set {search['index_set']} --since {search['start']}",
    ]


def _file(file: dict[str, Any]) -> str:
    rejected = sum(file["rejected_lines"].values())
    note = file["reason"] or (f"{rejected} rejected" if rejected else "")
    return f"  {file['state']:<8}{file['line_count']:>10} lines {file['encoding']:<10} {file['name']}  {note}".rstrip()
