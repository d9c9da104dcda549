"""What a log query reads: the rows that plans say, each as a line with its labels, and after each stage as that leaves it.

Source(plan, labels) ─▶ time, batch, row, line, labels ─ stage ─▶ … ─ stage ─▶ time, batch, row, line, labels

Labels are a Map of texts; one that is empty is not there. What a stage cannot read is said in the label `__error__`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bklog.query.extract import shown_from
from bklog.query.logql.stages_sql import apply_stage
from bklog.query.logql.tree import Stage
from bklog.query.masking import UNMASKED
from bklog.query.outputs import Field
from bklog.query.plan import Plan
from bklog.query.sql import MASKING
from bklog.query.values import values_of
from bklog.query.where import Binder

# An expression means the columns that it reads, never the result of its own name; long lines have many pairs.
SETTINGS: Final = "SETTINGS prefer_column_name_to_alias = 1, extract_key_value_pairs_max_pairs_per_row = 0"
MASKED_SETTINGS: Final = f"{SETTINGS}, {MASKING}"


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of one index set: which, says the plan. `names` are labels that all rows of a scan have, `fields` the others."""

    plan: Plan
    names: tuple[Mapping[str, str], ...]
    fields: Mapping[str, Field]


def settings_of(sources: Sequence[Source]) -> str:
    return MASKED_SETTINGS if any(source.plan.masking for source in sources) else SETTINGS


def staged(sources: Sequence[Source], stages: Sequence[Stage], bind: Binder, *, end: str = "") -> list[str]:
    """A SELECT for each table. With `end`, an order and a limit, only what it leaves is read of each."""
    found = []
    for source in sources:
        of_source = bind.under(source.plan.masking)
        for number in range(len(source.plan.scans)):
            rows = _rows(source, number, of_source, end="" if stages else end)
            for stage in stages:
                rows = apply_stage(stage, rows, of_source)
            found.append(f"{rows}{end}")
    return found


def new_binder() -> Binder:
    return Binder(UNMASKED)


def _rows(source: Source, number: int, bind: Binder, *, end: str) -> str:
    constants = {name: bind(text) for name, text in source.names[number].items()}
    values = values_of(source.fields.values(), number, bind).values()
    labels = constants | {name: f"ifNull(toString({value}), '')" for name, value in zip(source.fields, values, strict=True)}
    pairs = ", ".join(f"{bind(name)}, {labels[name]}" for name in sorted(labels))
    found = f"mapFilter((k, v) -> v != '', map({pairs}))" if pairs else "CAST(map(), 'Map(String, String)')"
    rows = shown_from(source.plan.scans[number], source.plan, bind, end)
    return f"SELECT time, batch, row, {bind.row.column('log')} AS line, {found} AS labels FROM {rows}"
