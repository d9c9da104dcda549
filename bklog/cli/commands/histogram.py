"""bklog histogram"""

from __future__ import annotations

from typing import Any, Final

import click

from bklog.cli.index_set import BUDGET, Asking, of_index_set, too_low
from bklog.cli.shown import of_level, plain

BAR_CHARACTERS: Final = 50
EIGHTHS: Final = " ▏▎▍▌▋▊▉"
LEAST_WIDTH: Final = 9


@click.command()
@click.argument("query", default="*")
@click.option("--by", "field", help="Break down by a field, such as level.")
@click.option("--limit", type=int, help="With --by: most values to show, the others summed up.  [default: 10]")
@click.option("--interval", default="auto", show_default=True, help="Width of a bucket: 30s, 5m, 1h, 1d, 1w, 1M.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of the buckets: Asia/Shanghai, +08:00.")
@BUDGET
@of_index_set
def histogram(*, query: str, field: str | None, budget: float | None, asking: Asking, **given: Any) -> None:
    """Count the log lines that QUERY finds over time."""
    asked = {"query": query, "field": field, "budget_seconds": budget, **given}  # limit, interval, zone
    asking.show(asking.ask_as_it_comes("aggs/date_histogram", asked), _broken_down if field else _bars)


def _bars(answer: dict[str, Any]) -> list[str]:
    most = max([1, *(bucket["count"] for bucket in answer["buckets"])])
    lines = [f"{plain(one['start'])}  {one['count']:>10,}  {_bar(one['count'] / most)}" for one in answer["buckets"]]
    return [*lines, _total(answer)]


def _bar(share: float) -> str:
    whole, rest = divmod(round(share * BAR_CHARACTERS * 8), 8)
    return click.style("█" * whole + EIGHTHS[rest].strip(), fg="cyan")


def _broken_down(answer: dict[str, Any]) -> list[str]:
    shown = [(one["key"], one["counts"]) for one in answer["series"]]
    shown += [(f"({what})", answer[what]["counts"]) for what in ("other", "missing") if answer[what]["count"]]
    header = [" " * len(plain(answer["buckets"][0]["start"])), *(_cell(plain(key), key, answer) for key, _ in shown)]
    lines = [
        [plain(bucket["start"]), *(_cell(f"{counts[place]:,}", key, answer) for key, counts in shown)]
        for place, bucket in enumerate(answer["buckets"])
    ]
    return ["  ".join(line) for line in (header, *lines)] + [_total(answer)]


def _total(answer: dict[str, Any]) -> str:
    return f"{answer['total']:,} rows, {plain(answer['interval'])} each{too_low(answer)}"


def _cell(text: str, key: str, answer: dict[str, Any]) -> str:
    return of_level(f"{text:>{_width(plain(key))}}", key if answer["field"] == "level" else "")


def _width(key: str) -> int:
    return max(len(key), LEAST_WIDTH)
