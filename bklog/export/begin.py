"""Export → Begun: what is written, decided once and kept in the export's row, so that it is the same after any interruption.

tables of the index set, their identities ─▶ plan ─▶ how many rows when, the last arrival ─▶ slices      (first time)
the kept tables ─▶ the same plan again? ─▶ the kept slices                                               (again)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bklog.export import actions
from bklog.export.models import Export
from bklog.export.parts import Parts
from bklog.export.request import ExportRequest
from bklog.export.slices import Slice, Slot, divide, take, width_of
from bklog.export.source import ChangedError, Source, freeze, require_same_tables, thaw
from bklog.query import UNMASKED, Plan, render
from bklog.query.plan import Order
from bklog.records import Compression, Form, TimeRange
from bklog.store import LogTable


@dataclass(frozen=True, slots=True)
class Begun:
    """`is_kept`: it stands in the row, which nobody has cancelled meanwhile."""

    source: Source
    slices: Sequence[Slice]
    is_kept: bool


def begin(export: Export, parts: Parts) -> Begun:
    """Raises ChangedError where the kept tables are not what they were; and what planning raises."""
    if export.tables is None:
        return _first_time(export, parts)
    require_same_tables(parts.store, {one["name"]: one["identity"] for one in export.tables})
    source = _source(export, parts, thaw(export.tables), export.tables)
    if digest(source.plan) != export.digest:
        raise ChangedError("the same query means another statement than when the export began", hint="it begins anew")
    kept = [Slice.from_list(one) for one in export.slices]
    return Begun(replace(source, plan=replace(source.plan, arrived_by=export.arrived_by)), kept, is_kept=True)


def _first_time(export: Export, parts: Parts) -> Begun:
    tables = parts.tables(export.index_set_id)
    frozen = freeze(tables, parts.store.of(tables))
    source = _source(export, parts, tables, frozen)
    plan = source.plan
    slots, arrived_by = source.spread(plan.start, plan.end, width_of(plan.start, plan.end))
    bounded = replace(source, plan=replace(plan, arrived_by=arrived_by))
    slices = _slices(bounded, slots, rows=parts.slice_rows, limit=export.limit)
    is_kept = actions.save_beginning(
        export,
        slices,
        tables=frozen,
        digest=digest(plan),
        arrived_by=arrived_by,
        matched_rows=sum(slot.rows for slot in slots),
    )
    return Begun(bounded, slices, is_kept)


def _source(export: Export, parts: Parts, tables: Sequence[LogTable], frozen: Sequence[dict[str, Any]]) -> Source:
    request = as_request(export)
    known = parts.describe(tables, request.names)
    masking = UNMASKED if export.is_unmasked else parts.masking(export.index_set_id)
    identities = {one["name"]: one["identity"] for one in frozen}
    store, plan = parts.store.of(tables), request.plan(known, masking)
    return Source(store, parts.limits, plan, request.form, request.compression, identities)


def _slices(source: Source, slots: Sequence[Slot], *, rows: int, limit: int) -> list[Slice]:
    plan = source.plan

    def count(start: int, end: int, width: int) -> Sequence[Slot]:
        return source.spread(start, end, width)[0]

    return take(divide(plan.start, plan.end, slots, rows=rows, count=count), order=source.extract.order, limit=limit)


def digest(plan: Plan) -> str:
    """Of the whole statement, as it would be run: what the fields are, what is masked and how, which tables."""
    statement = render(plan)
    text = json.dumps([statement.text, dict(statement.params)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def as_request(export: Export) -> ExportRequest:
    return ExportRequest(
        query=export.query,
        time_range=TimeRange(export.start, export.end),
        limit=export.limit,
        fields=None if export.fields is None else tuple(export.fields),
        order=Order(export.order),
        form=Form(export.form),
        compression=Compression(export.compression),
        mail_to=tuple(export.mail_to),
        masked=not export.is_unmasked,
    )
