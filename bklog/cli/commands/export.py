"""bklog export QUERY, and bklog export list | show | download | cancel | retry | delete"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import click

from bklog.cli.asked import index_set_id, moment
from bklog.cli.client import api
from bklog.cli.completion import index_sets
from bklog.cli.fetch import fetch, require_new
from bklog.cli.index_set import WHICH
from bklog.cli.progress_bar import progress_bar
from bklog.cli.written import print_json, print_lines
from bklog.records import Compression, Form

EXPORTS: Final = "/api/v1/search/export/"
ENDED: Final = {"success", "failed", "cancelled", "expired"}
FAILED: Final = {"failed", "cancelled"}
POLL_SECONDS: Final = 0.5
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
output_option = click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: the export's own name]"
)
force_option = click.option("--force", is_flag=True, help="Replace a file that exists.")


class QueryOrCommand(click.Group):
    """`bklog export timeout` is `bklog export create timeout`: what is no command is the beginning of a new export."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group(cls=QueryOrCommand)
def export() -> None:
    """Write all rows of a query to a file: bklog export QUERY, with the options of `create`."""


@export.command()
@click.argument("query", default="*")
@click.option("--index-set", "name", help=WHICH, shell_complete=index_sets)
@click.option("--since", default="24h", show_default=True, help="Start: how long ago (15m, 2h, 3d), or a time.")
@click.option("--until", default="now", show_default=True, help="End: how long ago, or a time.")
@click.option("--format", "form", type=click.Choice([one.value for one in Form]), default="csv", show_default=True)
@click.option("--compression", type=click.Choice([one.value for one in Compression]), default="none", show_default=True)
@click.option("--fields", help="Columns in their order, separated by commas.  [default: all]")
@click.option(
    "--order",
    type=click.Choice(["newest", "oldest", "unsorted"]),
    default="newest",
    show_default=True,
    help="Which rows come first; unsorted is quickest.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Most rows.  [default: what everybody may export]")
@click.option("--mail", "mail_to", multiple=True, help="Tell this address when it has ended; may be repeated.")
@click.option("--unmasked", is_flag=True, help="With the values that the index set hides; needs a permission.")
@click.option("--no-wait", is_flag=True, help="Only ask for it: `bklog export download ID` fetches the file later.")
@output_option
@force_option
@json_option
@click.pass_context
def create(ctx: click.Context, /, *, name: str | None, since: str, until: str, form: str, **given: Any) -> None:
    """Export all rows that QUERY finds, wait for the file, and download it."""
    output, as_json = given["output"], given["as_json"]
    if output:
        require_new(output, is_forced=given["force"])
    chosen = {key: given[key] for key in ("query", "compression", "order", "limit") if given[key]}
    body = {**chosen, "start": moment(since), "end": moment(until), "format": form, "mail_to": list(given["mail_to"])}
    if given["unmasked"]:
        body["masking"] = False
    if given["fields"]:
        body["fields"] = [one.strip() for one in given["fields"].split(",") if one.strip()]
    made = api("POST", f"/api/v1/search/index_set/{index_set_id(name)}/export/", json=body)
    if given["no_wait"]:
        _print(ctx, made, as_json=as_json)
        return
    ended = _wait(made)
    if ended["state"] == "success":
        _fetch(ended, output, is_forced=given["force"])
    _print(ctx, ended, as_json=as_json)


@export.command("list")
@click.option("--owner", default="", help="Only those of this owner; `me` for your own.")
@click.option("--state", default="", help="Only those in this state: waiting, running, success, failed, …")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
def list_exports(*, owner: str, state: str, limit: int, as_json: bool) -> None:
    """List exports, newest first."""
    given = {key: value for key, value in {"owner": owner, "state": state, "limit": limit}.items() if value}
    items = api("GET", f"{EXPORTS}?{urlencode(given)}")["items"]
    print_json(items) if as_json else print_lines(_table(items))


@export.command()
@click.argument("export_id", type=int)
@json_option
@click.pass_context
def show(ctx: click.Context, *, export_id: int, as_json: bool) -> None:
    """Show an export. The exit code is 1 if it failed or was cancelled."""
    _print(ctx, api("GET", f"{EXPORTS}{export_id}/"), as_json=as_json)


@export.command()
@click.argument("export_id", type=int)
@output_option
@force_option
@json_option
@click.pass_context
def download(ctx: click.Context, *, export_id: int, output: Path | None, force: bool, as_json: bool) -> None:
    """Wait for an export where it has not ended, and download its file."""
    if output:
        require_new(output, is_forced=force)
    ended = _wait(api("GET", f"{EXPORTS}{export_id}/"))
    if ended["state"] in ("success", "expired"):
        _fetch(ended, output, is_forced=force)
    _print(ctx, ended, as_json=as_json)


@export.command()
@click.argument("export_id", type=int)
@json_option
def cancel(*, export_id: int, as_json: bool) -> None:
    """Stop an export that waits or runs; nothing of it is kept."""
    _echo(api("POST", f"{EXPORTS}{export_id}/cancel/"), as_json=as_json)


@export.command()
@click.argument("export_id", type=int)
@json_option
def retry(*, export_id: int, as_json: bool) -> None:
    """Try an export again that failed or was cancelled."""
    _echo(api("POST", f"{EXPORTS}{export_id}/retry/"), as_json=as_json)


@export.command()
@click.argument("export_id", type=int)
def delete(*, export_id: int) -> None:
    """Remove an export that has ended, with its file."""
    api("DELETE", f"{EXPORTS}{export_id}/")
    click.echo(f"export {export_id} is deleted")


def _wait(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        asked = _poll(asked, lambda now: now["progress"]["slices"] > 0)
        with _bar(asked["progress"]["rows_total"]) as bar:
            return _poll(asked, lambda now: bar(now["progress"]["rows"], now["progress"]["rows"], now["size_bytes"]))
    except KeyboardInterrupt:
        click.echo(f"the export goes on: bklog export show {asked['id']}, or cancel {asked['id']}", err=True)
        raise


def _poll(asked: dict[str, Any], is_enough: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    while asked["state"] not in ENDED and not is_enough(asked):
        time.sleep(POLL_SECONDS)
        asked = api("GET", f"{EXPORTS}{asked['id']}/")
    return asked


def _fetch(ended: dict[str, Any], output: Path | None, *, is_forced: bool) -> None:
    link = api("GET", f"{EXPORTS}{ended['id']}/link/")
    target = output or Path(link["file_name"])
    require_new(target, is_forced=is_forced)
    with _bar(link["size_bytes"]) as bar:
        fetch(
            link["url"],
            target,
            size_bytes=link["size_bytes"],
            sha256=link["sha256"],
            show=lambda size: bar(size, ended["rows"] * size // max(1, link["size_bytes"]), size),
        )
    ended["file"] = str(target)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int, int, int], None]]:
    if not sys.stderr.isatty():
        yield lambda _position, _lines, _size: None
        return
    with progress_bar(total) as bar:
        yield lambda position, lines, size: bar.show(position=position, lines=lines, size=size)


def _print(ctx: click.Context, shown: dict[str, Any], *, as_json: bool) -> None:
    _echo(shown, as_json=as_json)
    ctx.exit(1 if shown["state"] in FAILED else 0)


def _echo(shown: dict[str, Any], *, as_json: bool) -> None:
    print_json(shown) if as_json else print_lines(_report(shown))


def _table(items: Sequence[dict[str, Any]]) -> list[str]:
    head = f"{'id':>6} {'state':<10}{'owner':<14}{'rows':>14}{'MB':>10}  {'format':<16}index set, query"
    return [head, *(_row(item) for item in items)]


def _row(item: dict[str, Any]) -> str:
    form = item["format"] if item["compression"] == "none" else f"{item['format']}.{item['compression']}"
    counts = f"{item['progress']['rows']:>14,}{item['size_bytes'] / 1e6:>10,.1f}"
    about = f"{item['index_set']}: {item['query'] or '*'}"
    return f"{item['id']:>6} {item['state']:<10}{item['owner']:<14}{counts}  {form:<16}{about}  {item['reason']}".rstrip()


def _report(shown: dict[str, Any]) -> list[str]:
    done = shown["progress"]
    rows = f"{shown['rows']:,} rows" if shown["state"] in ENDED else f"{done['rows']:,} of {done['rows_total']:,} rows"
    lines = [f"export {shown['id']}: {shown['state']}, {rows}, {shown['size_bytes']:,} bytes, {shown['seconds']:,.1f} s"]
    if shown.get("file"):
        lines.append(f"written to {shown['file']}, sha256 {shown['sha256']}")
    if shown["note"]:
        lines.append(f"INCOMPLETE: {shown['note']}")
    if shown["reason"]:
        lines += [f"reason: {shown['reason']} [{shown['code']}]", f"hint: {shown['hint']}"]
    if shown["mail_error"]:
        lines.append(f"mail: {shown['mail_state']}: {shown['mail_error']}")
    return lines
