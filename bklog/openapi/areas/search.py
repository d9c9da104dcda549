"""/api/v1/search/index_set/{id}/search/ and inspect/, and what every search and analysis has in common."""

from __future__ import annotations

from typing import Any, Final

from bklog.openapi.codes import BODY, QUERY, STORE
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
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
    one_of,
    record,
    ref,
    text,
    whole,
)
from bklog.query import MAX_ROWS
from bklog.query.conditions import OPERATORS
from bklog.search.addition import MAX_CONDITIONS
from bklog.search.request import LEAST_BUDGET_SECONDS, MAX_FIELDS, MOST_BUDGET_SECONDS

INDEX_SET: Final = "/api/v1/search/index_set/{index_set_id}/"
RANGE: Final = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}
# What every search and analysis may be asked with.
ASKED: Final[dict[str, Schema]] = {
    "query": described(TEXT, "docs/query-language.md; `*` is everything"),
    "addition": listing(ref("Condition"), most=MAX_CONDITIONS),
    "start": ref("Moment"),
    "end": ref("Moment"),
    "masking": described(FLAG, "false asks for raw values, which needs the permission raw_values"),
}
_VALUE: Final[Schema] = {"type": ["string", "number", "boolean"]}
_ROW: Final[dict[str, Schema]] = {
    "host": TEXT,
    "path": TEXT,
    "stream": TEXT,
    "level": TEXT,
    "log": TEXT,
    "parse_error": TEXT,
    "ingest_time": MOMENT,
    "highlight": described(
        listing({"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}), "pairs of character offsets into log"
    ),
}
_SOURCE: Final = record(
    {"collector": TEXT, "complete": FLAG, "rows_read": COUNT},
    {"error": record({"code": TEXT, "message": TEXT, "hint": TEXT})},
)
_INDEX_SET: Final[dict[str, Schema]] = {
    "space": text(pattern="^[a-z][a-z0-9_-]{0,63}$"),
    "description": text(maxLength=200),
    "collectors": listing(TEXT, least=1),
    "aliases": listing(text(pattern="^[a-z][a-z0-9_.-]{1,63}$")),
    "tags": listing(text(minLength=1, maxLength=64)),
    "default_fields": listing(text(minLength=1, maxLength=200)),
    "default_order": choice(["newest", "oldest"]),
}
_SHOWN: Final[dict[str, Schema]] = {**_INDEX_SET, "name": TEXT, "description": TEXT, "collectors": listing(TEXT)}
_NAME: Final[dict[str, Schema]] = {"name": text(pattern="^[a-z][a-z0-9_.-]{1,63}$")}
_INDEX_SET_CODES: Final = (
    *(*BODY, *STORE, "index_set", "index_set_exists", "no_collector", "unknown_field", "masking", "several_stores"),
    *("own_index_set", "last_index_set", "field_masked"),
)
BUDGETED: Final[dict[str, Schema]] = {
    "budget_seconds": {
        "type": "number",
        "minimum": LEAST_BUDGET_SECONDS,
        "maximum": MOST_BUDGET_SECONDS,
        "description": "after it the answer has what was found, and says what it covers",
    }
}
STREAMED: Final = "With Accept: application/x-ndjson the answer is lines of events, as they come: docs/long-searches.md."
SCHEMAS: Final[dict[str, Schema]] = {
    "Error": record(
        {
            "error": {
                "type": "object",
                "required": ["code", "message", "hint"],
                "properties": {
                    "code": TEXT,
                    "message": TEXT,
                    "hint": TEXT,
                    "start": described(COUNT, "of a query's text: the first character that is meant"),
                    "end": COUNT,
                    "expected": TEXT,
                    "repair": described(TEXT, "a text that can be read"),
                    "retry_after_seconds": COUNT,
                    "engine_code": {"type": "integer"},
                },
                "additionalProperties": ANYTHING,
            }
        }
    ),
    "Moment": described(
        {"type": ["string", "number"]},
        "ISO 8601 with a zone, seconds to nanoseconds since 1970, `now`, `now-15m`, or `15m` for 15 minutes ago",
    ),
    "Condition": asked(
        {"field": described(TEXT, "`*` is the whole line"), "operator": text(examples=list(OPERATORS))},
        {
            "value": {"anyOf": [_VALUE, listing(_VALUE)]},
            "condition": choice(["and", "AND"]),
        },
    ),
    "Row": record({"time": MOMENT, "batch": UUID, "row": COUNT, "fields": mapping(ANYTHING)}, _ROW),
    "Statistics": record(
        {"rows_read": COUNT, "bytes_read": COUNT, "milliseconds": NUMBER, "complete": FLAG},
        {
            "sources": listing(_SOURCE),
            "covered": described(record({"start": MOMENT, "end": MOMENT}), "all that was considered"),
        },
    ),
    "Explained": record(
        {
            "explanation": record(
                {
                    "query": TEXT,
                    "plan": mapping(ANYTHING),
                    "statement": record({"text": TEXT, "params": mapping(ANYTHING)}),
                    "engine": TEXT,
                }
            )
        }
    ),
    "SearchRequest": asked(
        {},
        {
            **ASKED,
            "limit": whole(1, MAX_ROWS),
            "cursor": described(TEXT, "of the former page: goes on where it ended"),
            "fields": listing(TEXT, least=1, most=MAX_FIELDS),
            "order": choice(["", "newest", "oldest"]),
            **BUDGETED,
            "count": described(FLAG, "true: the number of rows only"),
            "explain": described(FLAG, "true: what would be run, without running it"),
        },
    ),
    "SearchResult": record(
        {"rows": listing(ref("Row")), "cursor": nullable(TEXT), "note": TEXT, "statistics": ref("Statistics")},
        {"count": COUNT, "fields": described(listing(TEXT), "those of the index set, where none were named")},
    ),
    "IndexSet": record({"id": ID, **_SHOWN, "created_at": MOMENT}),
    "IndexSetRequest": asked({**_NAME, "collectors": _INDEX_SET["collectors"]}, _INDEX_SET),
    "IndexSetChange": asked({}, {**_NAME, **_INDEX_SET}),
    "Inspection": record(
        {
            "valid": FLAG,
            "query": TEXT,
            "fields": listing(TEXT),
            "notes": listing(record({"message": TEXT, "start": COUNT, "end": COUNT, "repair": TEXT})),
            "addition": listing(record({"field": TEXT, "operator": TEXT, "value": listing(TEXT)})),
            "rest": TEXT,
            "steps": described(listing(TEXT), "what follows the query after |, each printed"),
            "columns": described(listing(record({"name": TEXT, "type": TEXT})), "what the steps make of the rows"),
            "error": nullable(mapping(ANYTHING, required=["code", "message", "hint"])),
        }
    ),
}


def explained_or(name: str) -> Schema:
    return one_of(ref(name), ref("Explained"))


def example(summary: str, *, status: int | None = None, shown: dict[str, Any] | None = None, **body: Any) -> Example:
    """Over the range of the rows that the tests have."""
    return Example(summary, body={**body, **RANGE}, status=status, shown=shown)


AREA = Area(
    "Rows of an index set: docs/query-language.md",
    [
        Operation(
            "GET",
            "/api/v1/search/index_set/",
            "list_index_sets",
            "Index sets",
            {
                200: Answer("By name", record({"items": listing(ref("IndexSet"))})),
            },
            query=[
                Parameter("name", TEXT, "only the one of this name or alias"),
                Parameter("tag", TEXT, "only those"),
                Parameter("space", TEXT, "only those"),
            ],
            examples=[Example("One by its name", query={"name": "shop"})],
        ),
        Operation(
            "POST",
            "/api/v1/search/index_set/",
            "create_index_set",
            "Make one over collectors",
            {201: Answer("It can be searched", ref("IndexSet"))},
            codes=_INDEX_SET_CODES,
            body=ref("IndexSetRequest"),
            examples=[
                Example("Over one collector", body={"name": "orders", "collectors": ["shop"]}, shown={"name": "orders"}),
                Example("Over none that is there", body={"name": "orders", "collectors": ["nope"]}, status=400),
            ],
        ),
        Operation(
            "GET",
            INDEX_SET,
            "show_index_set",
            "One index set",
            {200: Answer("It", ref("IndexSet"))},
            codes=("no_index_set",),
            examples=[Example("One")],
        ),
        Operation(
            "PATCH",
            INDEX_SET,
            "change_index_set",
            "Change what is named of one",
            {200: Answer("As it is now", ref("IndexSet"))},
            codes=("no_index_set", *_INDEX_SET_CODES),
            body=ref("IndexSetChange"),
            examples=[Example("Tags", body={"tags": ["shop", "订单"]}, shown={"tags": ["shop", "订单"]})],
        ),
        Operation(
            "DELETE",
            INDEX_SET,
            "delete_index_set",
            "Delete one; its collectors keep their rows",
            {204: Answer("Gone")},
            codes=("no_index_set", "own_index_set", "last_index_set"),
            examples=[Example("The last one over a collector", status=409)],
        ),
        Operation(
            "POST",
            f"{INDEX_SET}search/",
            "search",
            "Search: a page, newest first",
            {200: Answer("A page, with `count` only a number, with `explain` what would be run", explained_or("SearchResult"))},
            codes=(*QUERY, "cursor"),
            body=ref("SearchRequest"),
            about=STREAMED,
            examples=[
                example("Errors of a day", query="level:error", limit=10),
                example("How many", query="*", count=True, shown={"rows": [], "count": 12, "cursor": None}),
                example("With conditions", addition=[{"field": "status", "operator": ">=", "value": [500]}], fields=["status"]),
                example("What ten seconds are enough for", query="/t.me/", budget_seconds=10),
                example("What would be run", query="timeout", explain=True),
                example("A text that cannot be read", query="foo AND (bar", status=400),
            ],
        ),
        Operation(
            "POST",
            f"{INDEX_SET}inspect/",
            "inspect",
            "What a query means, without searching",
            {200: Answer("For any text: `valid` says whether it can be read", ref("Inspection"))},
            codes=(*QUERY, "cursor"),
            body=ref("SearchRequest"),
            examples=[
                Example("A query", body={"query": "level:error AND timeout"}, shown={"valid": True, "rest": ""}),
                Example(
                    "One with steps",
                    body={"query": "level:error | stats count() by host"},
                    shown={"valid": True, "rest": "", "steps": ["stats count() by host"]},
                ),
                Example(
                    "A text that cannot be read",
                    body={"query": "foo (bar"},
                    shown={"valid": False, "error": {"code": "query_syntax", "start": 4, "end": 5, "repair": "foo (bar)"}},
                ),
            ],
        ),
    ],
    SCHEMAS,
)
