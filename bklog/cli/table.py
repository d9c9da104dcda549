"""An answer with columns and rows -> lines of a table, or one JSON object a row."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import click

from bklog.cli.index_set import cost
from bklog.cli.written import as_json as written

MAX_WIDTH: Final = 80  # of a column that is not the last
NUMBERS: Final = ("integer", "number", "Int", "UInt", "Float", "Decimal", "Nullable(Int", "Nullable(UInt", "Nullable(Float")


def table_lines(answer: dict[str, Any], *, as_json: bool) -> Iterator[str]:
    columns = answer["columns"]
    if as_json:
        names = [column["name"] for column in columns]
        yield from (written(dict(zip(names, row, strict=True))) for row in answer["rows"])
        return
    cells = [[_cell(value) for value in row] for row in answer["rows"]]
    head = [_cell(column["name"]) for column in columns]
    widths = [min(max(map(_width, column)), MAX_WIDTH) for column in zip(head, *cells, strict=True)]
    to_right = [column["type"].startswith(NUMBERS) for column in columns]
    yield click.style(_line(head, widths, to_right), bold=True)
    yield from (_line(row, widths, to_right) for row in cells)


def print_table(answer: dict[str, Any], lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
    if "statistics" in answer:
        more = "; there are more: raise --limit" if answer["more"] else ""
        click.echo(f"{len(answer['rows']):,} rows{more}; {cost(answer)}", err=True)


def _line(cells: Sequence[str], widths: Sequence[int], to_right: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, to_right, strict=True):
        space = " " * max(0, width - _width(cell))
        padded.append(space + cell if right else cell + space)
    return "  ".join(padded).rstrip()


def _cell(value: object) -> str:
    """Of one line, without what would move the cursor of a terminal."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" if one not in "\n\t\r" else " " for one in text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
