"""bklog fields"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.index_set import Asking, of_index_set


@click.command()
@click.argument("query", default="*")
@click.option("--field", help="All that is to know of this field, instead of the list.")
@of_index_set
def fields(*, query: str, field: str | None, asking: Asking) -> None:
    """Print which fields the log lines that QUERY finds have, of which types, and how many lines have each."""
    answer = asking.ask("fields/statistics" if field else "fields", {"query": query, "field": field})
    asking.show(answer, _statistics if field else _list)


def _list(answer: dict[str, Any]) -> list[str]:
    width = max([5, *(len(one["name"]) for one in answer["fields"])])
    lines = [
        f"{one['name']:<{width}}  {'/'.join(one['types']):<14}  {one['coverage']:>7.1%}  {one['rows']:>10,}"
        for one in answer["fields"]
    ]
    of = f"a sample of {answer['sampled']:,} of " if answer["approximate"] else ""
    return [*lines, f"of {of}{answer['total']:,} rows"]


def _statistics(answer: dict[str, Any]) -> list[str]:
    lines = [f"{one['count']:>12,}  {one['key']}" for one in answer["buckets"]]
    if answer["other"]:
        lines.append(f"{answer['other']:>12,}  (other)")
    lines += [
        f"{answer['total'] - answer['missing']:,} of {answer['total']:,} rows have it",
        f"{answer['distinct']['value']:,} distinct values",
    ]
    if answer["ends"]:
        lines.append(f"from {answer['ends']['first']} to {answer['ends']['last']}")
    return lines + _numbers(answer["numbers"])


def _numbers(found: dict[str, Any]) -> list[str]:
    if not found["count"]:
        return []
    amounts = ", ".join(f"{name} {found[name]:,}" for name in ("min", "max", "avg", "sum"))
    percentiles = ", ".join(f"p{name} {value:,}" for name, value in found["percentiles"]["values"].items())
    return [f"{found['count']:,} numbers: {amounts}, {percentiles}"]
