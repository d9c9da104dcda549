"""Operation: one method of one path as the document shows it. Area: the operations of one module, and the schemas they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bklog.openapi.codes import EVERYWHERE
from bklog.openapi.schema import Schema

JSON: Final = "application/json"
PLAIN: Final = "text/plain; charset=utf-8"
FILE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of the query. Those of the path are known by their name: see `document.PATH_VALUES`."""

    name: str
    schema: Schema
    summary: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Without a schema the answer has no body; `media` may name several kinds of one."""

    summary: str
    schema: Schema | None = None
    media: Sequence[str] = (JSON,)
    headers: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """A request that a test sends: `query` and `body` of it, and the status of the answer; None for the operation's first.

    `shown` is in the answer that a reader of the document sees; what it has, the real answer has.
    """

    summary: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    status: int | None = None
    shown: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` is what generated clients call it. `codes` are the errors that it answers beside those of every operation."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    codes: Sequence[str] = ()
    body: Schema | None = None
    query: Sequence[Parameter] = ()
    examples: Sequence[Example] = ()
    about: str = ""
    needs_token: bool = True

    def __post_init__(self) -> None:
        if self.body is not None and not any(one.body is not None for one in self.examples):
            raise ValueError(f"{self.method} {self.path} takes a body and has no example of one")

    @property
    def all_codes(self) -> Sequence[str]:
        of_path = ("no_path",) if "{" in self.path else ()  # with no number where one belongs
        of_query = ("nul",) if self.query else ()  # a character that not every database keeps
        return (*self.codes, *of_path, *of_query, *(EVERYWHERE if self.needs_token else ()))


@dataclass(frozen=True, slots=True)
class Area:
    """`schemas` get their names in the document, and in the types that are generated from it. `failure` names that of one."""

    summary: str
    operations: Sequence[Operation]
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    failure: str = "Error"
