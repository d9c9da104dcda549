"""JSON object → ExportRequest: what a person asks for, checked before anything is kept.

Raises BadRequest (`export_request`, `limit`) with what may be given instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from bklog.errors import BadRequest
from bklog.query import Masking, TableFields, parse, plan_extract
from bklog.query.plan import Order, Plan
from bklog.query.tree import Everything, leaves
from bklog.records import Bearer, Compression, Form, Permission, TimeRange

KEYS: Final = ("query", "start", "end", "fields", "order", "format", "compression", "limit", "masking", "mail_to")
MAX_FIELDS: Final = 200
MAX_QUERY_CHARACTERS: Final = 100_000
MAX_MAILS: Final = 5
ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class RowLimits:
    """The most rows of an export: for everybody, and with the permission for large ones."""

    usual: int
    large: int


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """`fields` are the columns in their order, None for all that a row has. Without `masked` raw values are asked for."""

    query: str
    time_range: TimeRange
    limit: int
    fields: tuple[str, ...] | None = None
    order: Order = Order.NEWEST
    form: Form = Form.CSV
    compression: Compression = Compression.NONE
    mail_to: tuple[str, ...] = ()
    masked: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that planning must know something of. Raises QuerySyntax."""
        named = [leaf.field for leaf, _ in leaves(parse(self.query).node) if not isinstance(leaf, Everything) and leaf.field]
        return (*named, *(name for name in self.fields or () if name != "fields"))

    def plan(self, tables: Sequence[TableFields], masking: Masking) -> Plan:
        """`masking` is what the reader may not see. Raises QuerySyntax, BadRequest, Forbidden (`field_masked`)."""
        return plan_extract(
            parse(self.query),
            tables=tables,
            time_range=self.time_range,
            fields=("log",) if self.form is Form.RAW else self.fields,
            order=self.order,
            nested=self.form is Form.JSONL,
            masking=masking,
        )


def read_request(raw: Mapping[str, Any], time_range: TimeRange, limits: RowLimits, bearer: Bearer) -> ExportRequest:
    """Raises Forbidden where the limit needs a permission that `bearer` does not have."""
    if unknown := sorted(set(raw) - set(KEYS)):
        raise _refuse(f"unknown key {unknown[0]!r}", f"known keys: {', '.join(KEYS)}")
    given = {key: value for key, value in raw.items() if value is not None}
    form = _choice(given, "format", Form, Form.CSV)
    fields = _names(given["fields"], "fields", MAX_FIELDS) if "fields" in given else None
    if form is Form.RAW and fields not in (None, ("log",)):
        raise _refuse("raw writes the lines alone", "leave fields out, or choose csv, jsonl or parquet")
    return ExportRequest(
        query=_query(given.get("query", "")),
        time_range=time_range,
        limit=_limit(given.get("limit", limits.usual), limits, bearer),
        fields=fields,
        order=_choice(given, "order", Order, Order.NEWEST),
        form=form,
        compression=_choice(given, "compression", Compression, Compression.NONE),
        mail_to=_addresses(given.get("mail_to", [])),
        masked=_flag(given.get("masking", True)),
    )


def _query(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_QUERY_CHARACTERS:
        raise _refuse("query is no text, or too long", f"a text of at most {MAX_QUERY_CHARACTERS} characters")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _refuse("masking is neither true nor false", "false asks for raw values, which need a permission")
    return value


def _limit(value: object, limits: RowLimits, bearer: Bearer) -> int:
    most = max(limits.usual, limits.large)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        hint = f"a whole number from 1 to {limits.usual}, and up to {most} with the permission {Permission.LARGE_EXPORT}"
        raise BadRequest(f"the limit is {str(value)[:40]}", hint=hint, code="limit")
    if value > limits.usual:
        bearer.require(Permission.LARGE_EXPORT, f"an export of more than {limits.usual} rows")
    return value


def _choice(given: Mapping[str, Any], key: str, kind: type[Choice], usual: Choice) -> Choice:
    value = given.get(key, usual)
    if value not in list(kind):
        raise _refuse(f"{key} is {str(value)[:40]!r}", f"one of: {', '.join(kind)}")
    return kind(value)


def _names(value: object, key: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or not 1 <= len(value) <= most:
        raise _refuse(f"{key} is no list of names", f'from 1 to {most} names, such as ["time", "host", "status"]')
    return tuple(dict.fromkeys(value))


def _addresses(value: object) -> tuple[str, ...]:
    given = _names(value, "mail_to", MAX_MAILS) if value != [] else ()
    for address in given:
        if not ADDRESS.fullmatch(address):
            raise _refuse(f"{address[:80]!r} is no mail address", "a plain address, such as name@example.com")
    return given


def _refuse(message: str, hint: str) -> BadRequest:
    return BadRequest(f"export request: {message}", hint=hint, code="export_request")
