"""bklog collector list | onboard | change | rules | move | delete | reactivate | token"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from bklog.cli.clean_rule import find_template, find_version, read_rule
from bklog.cli.client import api
from bklog.cli.collectors import COLLECTORS, find_collector
from bklog.cli.completion import collectors
from bklog.cli.ingest_tokens import token
from bklog.cli.runs import exit_code_of, report_run, wait_for_end
from bklog.cli.written import print_json, print_lines
from bklog.errors import BadRequest

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
wait_option = click.option("--wait", type=click.FloatRange(min=0), default=0.0, help="Seconds to wait for the run's end.")


@click.group()
def collector() -> None:
    """Collectors: what is taken in, cleaned and kept under one name."""


collector.add_command(token)


@collector.command("list")
@json_option
def list_collectors(*, as_json: bool) -> None:
    """List collectors by name."""
    items = api("GET", COLLECTORS)["items"]
    print_json(items) if as_json else print_lines(_table(items))


@collector.command()
@click.argument("name")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="Files that the fleet's agent follows; may be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Files among them that it leaves out; may be repeated.")
@click.option("--from-end", is_flag=True, help="Leave out what the files have now.")
@click.option("--clean", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How lines are read.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long rows are kept.  [default: BKLOG_RETENTION_DAYS]")
@wait_option
@json_option
@click.pass_context
def onboard(  # noqa: PLR0913 one for each thing that can be said
    ctx: click.Context,
    *,
    name: str,
    paths: Sequence[str],
    exclude: Sequence[str],
    from_end: bool,
    clean: str,
    days: int | None,
    wait: float,
    as_json: bool,
) -> None:
    """Make a collector with all that belongs to it, and wait for its first line."""
    rule = {"paths": list(paths), "exclude": list(exclude), "from": "end" if from_end else "beginning"}
    body: dict[str, Any] = {"name": name, "scenario": "row" if paths else "custom", "clean_rule": {"kind": clean}}
    body |= {"agent": {**rule, "format": "jsonl" if clean == "json" else "lines"}} if paths else {}
    body |= {"retention_days": days} if days else {}
    _print(ctx, wait_for_end(_shown(api("POST", f"{COLLECTORS}onboard/", json=body)), wait), as_json=as_json)


@collector.command()
@click.argument("name", shell_complete=collectors)
@click.option("--clean-rule", metavar="JSON", help="How lines are read; stored lines are read anew.")
@click.option("--template", metavar="NAME", help="How lines are read: as a template of its space, or of the product, says.")
@click.option(
    "--rule-version", type=click.IntRange(min=1), help="How lines are read: as they were, by `bklog collector rules`."
)
@click.option("--index", type=click.Choice(["full", "bloom", "none"]), help="Index on the words of lines.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long rows are kept.")
@click.option("--description", help="What it is, in a sentence.")
@wait_option
@json_option
@click.pass_context
def change(ctx: click.Context, /, *, name: str, wait: float, as_json: bool, **about: Any) -> None:
    """Change a collector; lines go on coming in. A rule or an index is changed by a run, which takes its time."""
    found = find_collector(name)
    given = {"index": about["index"], "retention_days": about["days"], "description": about["description"]}
    given |= {"clean_rule": _rule(found, about)}
    body = {key: value for key, value in given.items() if value is not None}
    answer = api("PATCH", f"{COLLECTORS}{found['id']}/", json=body)
    if "pipeline" not in answer:
        print_json(answer) if as_json else print_lines([f"{name} is changed"])
        return
    _print(ctx, wait_for_end(_shown(answer), wait), as_json=as_json)


def _rule(collector: Mapping[str, Any], about: Mapping[str, Any]) -> Any:
    """None where the rule stays."""
    text, template, number = about["clean_rule"], about["template"], about["rule_version"]
    if sum(one is not None for one in (text, template, number)) > 1:
        hint = "give one of --clean-rule, --template and --rule-version"
        raise BadRequest("the clean rule is given twice", hint=hint, code="clean_rule")
    if template is not None:
        return find_template(template, space=collector["space"])["clean_rule"]
    if number is not None:
        return find_version(collector, number)
    return None if text is None else read_rule(text)


@collector.command()
@click.argument("name", shell_complete=collectors)
@click.option("--number", type=click.IntRange(min=1), help="Print the rule of this version as JSON.")
@json_option
def rules(*, name: str, number: int | None, as_json: bool) -> None:
    """List the clean rules that a collector has had, the one in force first."""
    found = find_collector(name)
    if number is not None:
        print_json(find_version(found, number))
        return
    items = api("GET", f"{COLLECTORS}{found['id']}/rules/")["items"]
    print_json(items) if as_json else print_lines(map(_version, items))


@collector.command()
@click.argument("name", shell_complete=collectors)
@click.argument("store")
@wait_option
@json_option
@click.pass_context
def move(ctx: click.Context, *, name: str, store: str, wait: float, as_json: bool) -> None:
    """Move a collector with its rows to another store of BKLOG_STORES; lines go on coming in."""
    run = api("POST", f"{COLLECTORS}{find_collector(name)['id']}/move/", json={"store": store})
    _print(ctx, wait_for_end(_shown(run), wait), as_json=as_json)


@collector.command()
@click.argument("name", shell_complete=collectors)
@wait_option
@click.confirmation_option(prompt="All of its rows go with it. Delete it?", help="Do not ask.")
@json_option
@click.pass_context
def delete(ctx: click.Context, *, name: str, wait: float, as_json: bool) -> None:
    """Refuse new lines, let what is under way end, then delete a collector with its rows."""
    run = api("DELETE", f"{COLLECTORS}{find_collector(name)['id']}/?drain=true")
    _print(ctx, wait_for_end(_shown(run), wait), as_json=as_json)


@collector.command()
@click.argument("name", shell_complete=collectors)
def reactivate(*, name: str) -> None:
    """Let a collector take lines again whose deletion failed or was cancelled."""
    found = api("POST", f"{COLLECTORS}{find_collector(name)['id']}/reactivate/")
    print_lines([f"{found['name']} takes lines"])


def _shown(run: Mapping[str, Any]) -> dict[str, Any]:
    """With its steps."""
    return api("GET", f"/api/v1/pipelines/{run['id']}/")


def _print(ctx: click.Context, run: dict[str, Any], *, as_json: bool) -> None:
    print_json(run) if as_json else print_lines(report_run(run))
    ctx.exit(exit_code_of(run))


def _table(items: Sequence[Mapping[str, Any]]) -> list[str]:
    head = f"{'collector':<40}{'state':<10}{'clean rule':<12}{'kept':>8}"
    return [head, *(_row(item) for item in items)]


def _row(item: Mapping[str, Any]) -> str:
    return f"{item['name']:<40}{item['state']:<10}{item['clean_rule']['kind']:<12}{item['retention_days']:>6} d"


def _version(item: Mapping[str, Any]) -> str:
    return f"{item['number']:>4}  {item['made_at']:<34}{item['made_by']:<20}{item['clean_rule']['kind']}"
