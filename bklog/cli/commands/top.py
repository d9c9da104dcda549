"""bklog top"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.index_set import BUDGET, Asking, of_index_set, too_low
from bklog.cli.shown import of_value, plain


@click.command()
@click.argument("fields")
@click.argument("query", default="*")
@click.option("--limit", type=int, default=10, show_default=True, help="Most values to print, of each field.")
@click.option(
    "--approximate", is_flag=True, help="In bounded memory, for very many values: counts that may be too high are marked."
)
@BUDGET
@of_index_set
def top(*, fields: str, query: str, limit: int, approximate: bool, budget: float | None, asking: Asking) -> None:
    """Print the most frequent values of FIELDS among the log lines that QUERY finds.

    FIELDS is one field, or up to three separated by commas: then the values of the second within each of the first, and so on.
    """
    names = [one.strip() for one in fields.split(",") if one.strip()]
    asked = {"query": query, "fields": names, "limits": [limit] * len(names), "approximate": approximate}
    asking.show(asking.ask_as_it_comes("aggs/terms", {**asked, "budget_seconds": budget}), _lines)


def _lines(answer: dict[str, Any]) -> list[str]:
    distinct = answer["distinct"]
    about = "about " if distinct["approximate"] else ""
    end = (
        f"{answer['total']:,} rows; {plain(answer['field'])} has {about}{distinct['value']:,} distinct values{too_low(answer)}"
    )
    return [*_level(answer, ""), end]


def _level(level: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for one in level["buckets"]:
        error = f" (at most {one['error']:,} too high)" if one.get("error") else ""
        lines.append(f"{indent}{one['count']:>12,}  {of_value(one['key'], level['field'])}{error}")
        lines += _level(one["terms"], f"{indent}    ") if "terms" in one else []
    rest = [(level["other"], "(other)"), (level["missing"], f"(no {plain(level['field'])})")]
    return lines + [f"{indent}{count:>12,}  {what}" for count, what in rest if count]
