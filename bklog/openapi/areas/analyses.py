"""/api/v1/search/index_set/{id}/aggs/…, fields/… and context/: what rows amount to, and what stands around one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bklog.openapi.areas.search import ASKED, BUDGETED, INDEX_SET, STREAMED, example, explained_or
from bklog.openapi.codes import QUERY
from bklog.openapi.operation import Answer, Area, Example, Operation
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    UUID,
    Schema,
    asked,
    choice,
    described,
    listing,
    mapping,
    nullable,
    record,
    ref,
    text,
    whole,
)
from bklog.query import MAX_ROWS
from bklog.query.buckets import MAX_BUCKETS
from bklog.search.context import MAX_LINES, SCOPES
from bklog.search.field_list import MAX_SAMPLE
from bklog.search.histogram import MAX_SERIES
from bklog.search.numbers import MAX_PERCENTILES
from bklog.search.terms import MAX_LEVELS, MAX_PREFIX, MAX_TERMS

_PERCENTILES: Final = listing({"type": "number", "minimum": 0, "maximum": 100}, least=1, most=MAX_PERCENTILES)
_COUNTED: Final = record({"count": COUNT, "counts": listing(COUNT)})
_TOTALS: Final[dict[str, Schema]] = {"total": COUNT, "missing": COUNT}
_AMOUNTS: Final[dict[str, Schema]] = {
    **_TOTALS,
    "count": COUNT,
    "not_numbers": COUNT,
    **dict.fromkeys(("min", "max", "avg", "sum"), nullable(NUMBER)),
    "percentiles": nullable(record({"values": mapping(NUMBER), "approximate": FLAG})),
}
_COST: Final[dict[str, Schema]] = {"statistics": ref("Statistics")}
_SLICES: Final[dict[str, Schema]] = {
    "too_low_by_at_most": described(COUNT, "of a long range, where not every value of a slice was counted: each count")
}
_FIGURE: Final = ref("Figure")
_COLUMNS: Final = listing(record({"name": TEXT, "type": TEXT}))
SCHEMAS: Final[dict[str, Schema]] = {
    "Figure": record({"value": COUNT, "approximate": FLAG}),
    "Bucket": record({"key": TEXT, "count": COUNT}, {"error": COUNT, "terms": ref("TermsLevel")}),
    "TermsLevel": record({"field": TEXT, **_TOTALS, "distinct": _FIGURE, "buckets": listing(ref("Bucket")), "other": COUNT}),
    "Terms": record(
        {
            "field": TEXT,
            **_TOTALS,
            "distinct": _FIGURE,
            "buckets": listing(ref("Bucket")),
            "other": COUNT,
            "approximate": FLAG,
            **_COST,
        },
        _SLICES,
    ),
    "Histogram": record(
        {
            "interval": TEXT,
            "zone": TEXT,
            "approximate": FLAG,
            "total": COUNT,
            "buckets": listing(record({"start": MOMENT, "end": MOMENT, "count": COUNT})),
            **_COST,
        },
        {
            "field": TEXT,
            "series": listing(record({"key": TEXT, "count": COUNT, "counts": listing(COUNT)})),
            "other": _COUNTED,
            "missing": _COUNTED,
            **_SLICES,
        },
    ),
    "Distinct": record({"field": TEXT, **_TOTALS, "distinct": _FIGURE, **_COST}),
    "Numbers": record({"field": TEXT, **_AMOUNTS, **_COST}),
    "FieldList": record(
        {
            "total": COUNT,
            "sampled": COUNT,
            "approximate": FLAG,
            "truncated": FLAG,
            "fields": listing(
                record(
                    {
                        "name": TEXT,
                        "from": choice(["column", "fields"]),
                        "type": TEXT,
                        "types": mapping(COUNT),
                        "rows": COUNT,
                        "coverage": {"type": "number", "minimum": 0, "maximum": 1},
                    }
                )
            ),
            **_COST,
        }
    ),
    "FieldStatistics": record(
        {
            "field": TEXT,
            **_TOTALS,
            "distinct": _FIGURE,
            "buckets": listing(ref("Bucket")),
            "other": COUNT,
            "approximate": FLAG,
            "ends": nullable(record({"first": TEXT, "last": TEXT})),
            "numbers": record(_AMOUNTS),
            **_COST,
        }
    ),
    "FieldValues": record({"field": TEXT, "values": listing(ref("Bucket")), "more": FLAG, "approximate": FLAG, **_COST}),
    "Table": record(
        {
            "query": described(TEXT, "the printed form"),
            "columns": _COLUMNS,
            "rows": listing(listing(ANYTHING)),
            "more": FLAG,
            "chart": nullable(
                record({"time": TEXT, "interval": TEXT, "series": listing(TEXT), "values": listing(TEXT)}),
            ),
            **_COST,
        }
    ),
    "SqlTable": record({"columns": _COLUMNS, "rows": listing(listing(ANYTHING)), "more": FLAG, **_COST}),
    "Context": record(
        {
            "scope": choice(SCOPES),
            "rows": listing(ref("Row")),
            "anchor": COUNT,
            "before_cursor": nullable(TEXT),
            "after_cursor": nullable(TEXT),
            **_COST,
        }
    ),
}


def _analysis(
    path: str, name: str, summary: str, answer: Schema, body: Schema, codes: Sequence[str], examples: Sequence[Example]
) -> Operation:
    found = {200: Answer("What the rows amount to", answer)}
    about = STREAMED if "budget_seconds" in body["properties"] else ""
    return Operation(
        "POST", f"{INDEX_SET}{path}/", name, summary, found, (*QUERY, *codes), body, about=about, examples=examples
    )


_EXPLAIN: Final[dict[str, Schema]] = {"explain": FLAG}
AREA = Area(
    "What rows amount to, which fields they have, what stands around one: docs/analyses.md",
    [
        _analysis(
            "aggs/date_histogram",
            "date_histogram",
            "Rows over time, and of each of a field's most frequent values",
            explained_or("Histogram"),
            asked(
                {},
                {
                    **ASKED,
                    **_EXPLAIN,
                    **BUDGETED,
                    "interval": text(examples=["auto", "30s", "5m", "1h", "1d", "1w", "1M"]),
                    "buckets": whole(1, MAX_BUCKETS),
                    "zone": text(examples=["UTC", "Asia/Shanghai", "+08:00"]),
                    "field": TEXT,
                    "limit": whole(1, MAX_SERIES),
                },
            ),
            ("interval", "zone"),
            [
                example("By the hour", interval="1h", zone="Asia/Shanghai", shown={"total": 12, "interval": "1h"}),
                example("By level", field="level", limit=2),
                example("What ten seconds are enough for", budget_seconds=10, shown={"total": 12}),
            ],
        ),
        _analysis(
            "aggs/terms",
            "terms",
            "The most frequent values of one to three fields, each within the one before",
            explained_or("Terms"),
            asked(
                {},
                {
                    **ASKED,
                    **_EXPLAIN,
                    **BUDGETED,
                    "fields": listing(TEXT, least=1, most=MAX_LEVELS),
                    "limits": listing(whole(1, MAX_TERMS), least=1, most=MAX_LEVELS),
                    "approximate": FLAG,
                },
            ),
            (),
            [
                example("Levels, and hosts of each", fields=["level", "host"], limits=[3, 2]),
                example("In bounded memory", fields=["status"], approximate=True, shown={"approximate": True}),
            ],
        ),
        _analysis(
            "aggs/distinct",
            "distinct",
            "How many values a field has",
            explained_or("Distinct"),
            asked({"field": TEXT}, {**ASKED, **_EXPLAIN, "approximate": FLAG}),
            (),
            [example("Hosts", field="host", shown={"field": "host", "distinct": {"value": 2, "approximate": False}})],
        ),
        _analysis(
            "aggs/numbers",
            "numbers",
            "What the numbers of a field amount to",
            explained_or("Numbers"),
            asked({"field": TEXT}, {**ASKED, **_EXPLAIN, "percentiles": _PERCENTILES, "approximate": FLAG}),
            ("percentiles",),
            [example("Of a field", field="status", percentiles=[50, 99.9], shown={"min": 200, "not_numbers": 0})],
        ),
        _analysis(
            "fields",
            "list_fields",
            "Which fields the rows have, of which types, and which share of the rows has each",
            ref("FieldList"),
            asked({}, {**ASKED, "sample": whole(1, MAX_SAMPLE)}),
            (),
            [example("Of errors", query="level:error")],
        ),
        _analysis(
            "fields/statistics",
            "field_statistics",
            "All that is worth knowing of one field",
            ref("FieldStatistics"),
            asked(
                {"field": TEXT},
                {**ASKED, "limit": whole(1, MAX_TERMS), "percentiles": _PERCENTILES, "approximate": FLAG},
            ),
            ("percentiles",),
            [example("Of a number", field="status", limit=3), example("Of a text", field="host", shown={"field": "host"})],
        ),
        _analysis(
            "fields/values",
            "field_values",
            "The values of a field that begin with a prefix, for completion",
            explained_or("FieldValues"),
            asked(
                {"field": TEXT},
                {
                    **ASKED,
                    **_EXPLAIN,
                    "prefix": text(maxLength=MAX_PREFIX),
                    "limit": whole(1, MAX_ROWS),
                    "approximate": FLAG,
                },
            ),
            (),
            [example("Levels", field="level", prefix="e", shown={"field": "level", "more": False})],
        ),
        _analysis(
            "table",
            "table",
            "The rows of a query as the steps after its | make them",
            explained_or("Table"),
            asked({}, {**ASKED, **_EXPLAIN, "limit": whole(1, MAX_ROWS), "zone": TEXT}),
            ("zone", "interval"),
            [
                example("Errors by host", query="level:error | stats count() by host", shown={"more": False}),
                example("A step that there is not", query="* | nope", status=400),
            ],
        ),
        _analysis(
            "sql",
            "sql",
            "One SELECT over the rows, which are `logs`",
            explained_or("SqlTable"),
            asked({"sql": TEXT}, {**ASKED, **_EXPLAIN, "limit": whole(1, MAX_ROWS)}),
            ("sql_refused", "sql_error"),
            [
                example("By level", sql="SELECT level, count() AS n FROM logs GROUP BY level ORDER BY level"),
                example("Another table", sql="SELECT * FROM system.tables", status=400),
            ],
        ),
        _analysis(
            "context",
            "context",
            "The rows before and after one",
            ref("Context"),
            asked(
                {},
                {
                    "time": TEXT,
                    "batch": UUID,
                    "row": whole(0, 2**32 - 1),
                    "cursor": TEXT,
                    "scope": choice(SCOPES),
                    "before": whole(0, MAX_LINES),
                    "after": whole(0, MAX_LINES),
                    "masking": FLAG,
                },
            ),
            ("row_identity", "row_not_found", "cursor", "scope"),
            [
                Example(
                    "Two lines on each side",
                    body={
                        "time": "2026-11-20T10:00:05Z",
                        "batch": "00000000-0000-0000-0000-000000000001",
                        "row": 5,
                        "before": 2,
                        "after": 2,
                    },
                    shown={"scope": "stream", "anchor": 2},
                ),
                Example(
                    "A row that is not there",
                    body={"time": "2026-11-20T10:00:05Z", "batch": "00000000-0000-0000-0000-000000000002", "row": 5},
                    status=404,
                ),
            ],
        ),
    ],
    SCHEMAS,
)
