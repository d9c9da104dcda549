"""bklog search"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import click

from bklog.cli.asked import index_set_id, moment
from bklog.cli.client import api, as_error
from bklog.cli.completion import index_sets
from bklog.cli.index_set import SINCE, WHICH, ask, cost
from bklog.cli.shown import highlighted, in_colour, of_level, of_line, plain, raw
from bklog.cli.written import as_json
from bklog.errors import BadRequest

SOURCE: Final = ("host", "path", "stream")
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
@in_colour
def search(  # noqa: PLR0913 one for each thing that can be said
    *,
    query: str,
    name: str | None,
    since: str,
    until: str,
    limit: int,
    fields: str | None,
    order: str | None,
    form: str | None,
) -> None:
    """Find log lines, newest first unless the index set or --order says otherwise.

    QUERY is words, "phrases", field:value, field:[1 TO 5], wild*cards, /regular expressions/, AND OR NOT ( ).
    """
    asked: dict[str, Any] = {"query": query, "start": moment(since), "end": moment(until)}
    if form in ("count", "explain"):
        asked[form] = True
    else:
        asked["limit"] = limit
    if order:
        asked["order"] = order
    if form == "raw":
        asked["fields"] = ["log"]
    elif fields:
        asked["fields"] = [one.strip() for one in fields.split(",") if one.strip()]
    if form == "inspect":
        _inspect(index_set_id(name), query)
        return
    answer = ask(index_set_id(name), "search", asked)
    for line in _lines(answer, form, _columns(asked, answer)):
        raw(line) if form == "raw" else click.echo(line)
    if "statistics" in answer:
        click.echo(_summary(answer), err=True)


def _columns(asked: dict[str, Any], answer: dict[str, Any]) -> list[str] | None:
    """Those that were asked for, or those of the index set; None for the whole line."""
    fields: list[str] | None = asked.get("fields") or answer.get("fields")
    return None if fields == [EVERYTHING] else fields


def _inspect(index_set: int, query: str) -> None:
    """Ends with the exit code of what is wrong with the query, as a search would."""
    found = api("POST", f"/api/v1/search/index_set/{index_set}/inspect/", json={"query": query})
    if error := found["error"]:
        click.echo(json.dumps(error, indent=2, ensure_ascii=False))
        raise as_error(BadRequest.status, error)
    parts = {"query": found["query"], "fields": ", ".join(found["fields"])}
    parts |= {"note": "\n".join(_noted(note) for note in found["notes"]), "rest": found["rest"]}
    parts["conditions"] = "\n".join(as_json(one) for one in found["addition"])
    for name, text in parts.items():
        if text:
            click.echo(f"{click.style(name, bold=True)}\n{text}\n")


def _noted(note: dict[str, Any]) -> str:
    return f"{note['message']}; perhaps: {note['repair']}" if note["repair"] else str(note["message"])


def _lines(answer: dict[str, Any], form: str | None, fields: list[str] | None) -> Iterator[str]:
    if form == "explain":
        yield _explained(answer["explanation"])
    elif form == "count":
        yield str(answer["count"])
    elif form == "json":
        yield from (as_json(row) for row in answer["rows"])
    elif form == "raw":
        yield from (row["log"] for row in answer["rows"])
    else:
        yield from (_row(row, fields) for row in answer["rows"])


def _explained(explanation: dict[str, Any]) -> str:
    parts = [("query", explanation["query"]), ("plan", json.dumps(explanation["plan"], indent=2, ensure_ascii=False))]
    statement = explanation["statement"]
    parts += [("sql", statement["text"]), ("params", json.dumps(statement["params"], indent=2, ensure_ascii=False))]
    return "\n\n".join(f"{click.style(name, bold=True)}\n{text}" for name, text in [*parts, ("engine", explanation["engine"])])


def _row(row: dict[str, Any], fields: list[str] | None) -> str:
    time = click.style(row["time"], dim=True)
    if fields:
        values = {**row, **row.get("fields", {})}
        shown = ((name, _value(values.get(name, values.get(name.removeprefix("fields."))))) for name in fields)
        return " ".join([time, *(f"{click.style(plain(name), fg='cyan')}={value}" for name, value in shown)])
    level = of_level(plain(f"{row['level']:<5}"), row["level"])
    source = click.style(":".join(plain(row[name]) for name in SOURCE if row[name]), fg="cyan")
    return " ".join(part for part in (time, level, source, highlighted(row["log"], row.get("highlight", []))) if part)


def _value(value: object) -> str:
    return of_line(value) if isinstance(value, str) else as_json(value)


def _summary(answer: dict[str, Any]) -> str:
    found = f"{answer['count']:,} rows match" if "count" in answer else f"{len(answer['rows']):,} rows"
    complete = "complete" if answer["statistics"]["complete"] else "INCOMPLETE"
    more = "; there may be more: raise --limit" if answer["cursor"] else ""
    return "; ".join(part for part in (f"{found}, {complete}{more}", cost(answer), answer["note"]) if part)
