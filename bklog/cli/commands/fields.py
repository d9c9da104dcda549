"""bklog fields"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.index_set import Asking, of_index_set
from bklog.cli.shown import of_value, plain


@click.command()
@click.argument("query", default="*")
@click.option("--field", help="All that is to know of this field, instead of the list.")
@of_index_set
def fields(*, query: str, field: str | None, asking: Asking) -> None:
    """Print which fields the log lines that QUERY finds have, of which types, and how many lines have each."""
    answer = asking.ask("fields/statistics" if field else "fields", {"query": query, "field": field})
    asking.show(answer, _statistics if field else _list)


def _list(answer: dict[str, Any]) -> list[str]:
    names = [plain(one["name"]) for one in answer["fields"]]
    width = max([5, *map(len, names)])
    lines = [
        f"{click.style(f'{name:<{width}}', fg='cyan')}  {plain('/'.join(one['types'])):<14}  "
        f"{one['coverage']:>7.1%}  {one['rows']:>10,}"
        for name, one in zip(names, answer["fields"], strict=True)
    ]
    of = f"a sample of {answer['sampled']:,} of " if answer["approximate"] else ""
    return [*lines, f"of {of}{answer['total']:,} rows"]


def _statistics(answer: dict[str, Any]) -> list[str]:
    lines = [f"{one['count']:>12,}  {of_value(one['key'], answer['field'])}" for one in answer["buckets"]]
    if answer["other"]:
        lines.append(f"{answer['other']:>12,}  (other)")
    lines += [
        f"{answer['total'] - answer['missing']:,} of {answer['total']:,} rows have it",
        f"{answer['distinct']['value']:,} distinct values",
    ]
    if answer["ends"]:
        lines.append(f"from {plain(answer['ends']['first'])} to {plain(answer['ends']['last'])}")
    return lines + _numbers(answer["numbers"])


def _numbers(found: dict[str, Any]) -> list[str]:
    if not found["count"]:
        return []
    amounts = ", ".join(f"{name} {found[name]:,}" for name in ("min", "max", "avg", "sum"))
    percentiles = ", ".join(f"p{plain(name)} {value:,}" for name, value in found["percentiles"]["values"].items())
    return [f"{found['count']:,} numbers: {amounts}, {percentiles}"]
