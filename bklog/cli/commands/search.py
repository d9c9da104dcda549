"""bklog search"""

from __future__ import annotations

import itertools
from typing import Any, Final

import click

from bklog.cli.asked import index_set_id, moment
from bklog.cli.client import api, as_error
from bklog.cli.completion import index_sets
from bklog.cli.index_set import SINCE, WHICH, ask, cost
from bklog.cli.rows import identity, show
from bklog.cli.shown import in_colour, of_text, plain
from bklog.cli.table import print_table, table_lines
from bklog.cli.tailed import tailed
from bklog.cli.written import as_json, print_json
from bklog.errors import BadRequest
from bklog.query.pipe.reader import has_steps

EVERYTHING: Final = "*"


@click.command()
@click.argument("query", default="*")
@click.option("--index-set", "name", help=WHICH, shell_complete=index_sets)
@click.option("--since", default=SINCE, show_default=True, help="Start: how long ago (15m, 2h, 3d), or a time.")
@click.option("--until", default="now", show_default=True, help="End: how long ago, or a time.")
@click.option("--limit", type=int, default=100, show_default=True, help="Most rows to print.")
@click.option("--fields", help="Fields to print, separated by commas; * for the whole line.  [default: the index set's]")
@click.option("--order", type=click.Choice(["newest", "oldest"]), help="Which rows come first.  [default: the index set's]")
@click.option("--json", "form", flag_value="json", help="Print one JSON object per row.")
@click.option("--raw", "form", flag_value="raw", help="Print the log lines only.")
@click.option("--count", "form", flag_value="count", help="Print the number of matching rows only.")
@click.option("--inspect", "form", flag_value="inspect", help="Print what the query means, or where it fails and a repair.")
@click.option("--explain", "form", flag_value="explain", help="Print what would be run, without running it.")
@click.option("--budget", type=float, help="Seconds after which to take what is found by then.")
@click.option("--follow", is_flag=True, help="Print these rows oldest first, then what comes in, until ^C.")
@in_colour
def search(
    *,
    query: str,
    name: str | None,
    limit: int,
    fields: str | None,
    order: str | None,
    form: str | None,
    follow: bool,
    **span: Any,
) -> None:
    """Find log lines, newest first unless the index set or --order says otherwise.

    QUERY is words, "phrases", field:value, field:[1 TO 5], wild*cards, /regular expressions/, AND OR NOT ( ). After | stand
    steps that make a table: error | stats count() by host | sort -count
    """
    asked: dict[str, Any] = {"query": query, "start": moment(span["since"]), "end": moment(span["until"])}
    if has_steps(query) and form in (None, "json", "explain"):
        _print_steps(index_set_id(name), {**asked, **_limited(form, limit)}, form)
    elif form == "inspect":
        _inspect(index_set_id(name), query)
    else:
        asked |= {**_limited(form, limit), **_shown(form, fields, order)}
        if follow:
            _follow(index_set_id(name), asked, form, span["until"])
        else:
            within = {"budget_seconds": span["budget"]} if span["budget"] else {}
            _print_rows(index_set_id(name), {**asked, **within}, form)


def _limited(form: str | None, limit: int) -> dict[str, Any]:
    return {form: True} if form in ("count", "explain") else {"limit": limit}


def _shown(form: str | None, fields: str | None, order: str | None) -> dict[str, Any]:
    asked: dict[str, Any] = {"order": order} if order else {}
    if form == "raw":
        asked["fields"] = ["log"]
    elif fields:
        asked["fields"] = [one.strip() for one in fields.split(",") if one.strip()]
    return asked


def _print_rows(index_set: int, asked: dict[str, Any], form: str | None) -> None:
    answer = ask(index_set, "search", asked)
    _print(answer, form, _columns(asked, answer))
    if "statistics" in answer:
        click.echo(_summary(answer), err=True)


def _print(answer: dict[str, Any], form: str | None, fields: list[str] | None) -> None:
    if form == "explain":
        click.echo(_explained(answer["explanation"]))
    elif form == "count":
        click.echo(str(answer["count"]))
    else:
        for row in answer["rows"]:
            show(row, form, fields)


def _columns(asked: dict[str, Any], answer: dict[str, Any]) -> list[str] | None:
    """Those that were asked for, or those of the index set; None for the whole line."""
    fields: list[str] | None = asked.get("fields") or answer.get("fields")
    return None if fields == [EVERYTHING] else fields


def _follow(index_set: int, asked: dict[str, Any], form: str | None, until: str) -> None:
    """The tail begins before the search, so that nothing falls between them, and what both have is printed once."""
    if form in ("count", "explain") or until != "now":
        hint = "leave out --until, --count and --explain"
        raise BadRequest("--follow prints rows that come in from now on", hint=hint, code="follow")
    tail = tailed(index_set, {name: asked[name] for name in ("query", "fields") if name in asked})
    opening = next(tail)
    answer = ask(index_set, "search", {**asked, "order": "newest"})
    fields = _columns(asked, answer)
    for row in reversed(answer["rows"]):
        show(row, form, fields)
    click.echo(_summary(answer), err=True)
    printed = {identity(row) for row in answer["rows"]}
    for rows in itertools.chain([opening], tail):
        for row in rows:
            if identity(row) not in printed:
                show(row, form, fields)


def _print_steps(index_set: int, asked: dict[str, Any], form: str | None) -> None:
    answer = ask(index_set, "table", asked)
    print_table(
        answer, [_explained(answer["explanation"])] if form == "explain" else table_lines(answer, as_json=form == "json")
    )


def _inspect(index_set: int, query: str) -> None:
    """Ends with the exit code of what is wrong with the query, as a search would."""
    found = api("POST", f"/api/v1/search/index_set/{index_set}/inspect/", json={"query": query})
    if error := found["error"]:
        print_json(error)
        raise as_error(BadRequest.status, error)
    parts = {"query": found["query"], "fields": ", ".join(found["fields"])}
    parts |= {"note": "\n".join(_noted(note) for note in found["notes"]), "rest": found["rest"]}
    parts["conditions"] = "\n".join(as_json(one) for one in found["addition"])
    parts["steps"] = "\n".join(found["steps"])
    parts["columns"] = ", ".join(f"{one['name']} ({one['type']})" for one in found["columns"])
    for name, text in parts.items():
        if text:
            click.echo(f"{_part(name, text)}\n")


def _noted(note: dict[str, Any]) -> str:
    return f"{note['message']}; perhaps: {note['repair']}" if note["repair"] else str(note["message"])


def _explained(explanation: dict[str, Any]) -> str:
    statement = explanation["statement"]
    parts = [("query", explanation["query"]), ("plan", as_json(explanation["plan"], indent=2)), ("sql", statement["text"])]
    parts += [("params", as_json(statement["params"], indent=2)), ("engine", explanation["engine"])]
    return "\n\n".join(_part(name, text) for name, text in parts)


def _part(name: str, text: str) -> str:
    return f"{click.style(name, bold=True)}\n{of_text(text)}"


def _summary(answer: dict[str, Any]) -> str:
    found = f"{answer['count']:,} rows match" if "count" in answer else f"{len(answer['rows']):,} rows"
    complete = "complete" if answer["statistics"]["complete"] else "INCOMPLETE"
    more = "; there may be more: raise --limit" if answer["cursor"] else ""
    return "; ".join(part for part in (f"{found}, {complete}{more}", cost(answer), plain(answer["note"])) if part)
