"""Statement and Rows: what goes to a store and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its values beside it: `{name:Type}` in the text, the value in `params`.

    `is_plain`: each of its columns is text, a whole number, nothing, or a list of these, which JSON says as well as any format.
    """

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may cost at the most. The engine stops it past any of these.

    `threads` is 0 for as many as the engine has cores; `mark` is a text by which the statement can be cancelled. One that
    `goes_first` reads little, so that others pause for it; one with `threads` is long, and pauses for all others.
    """

    seconds: float
    memory_bytes: int
    result_rows: int
    threads: int = 0
    mark: str = ""
    goes_first: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer, whole: `columns` name the places of each row; the counts are the engine's own."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rows_read: int
    bytes_read: int
    seconds: float

    def as_dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]
