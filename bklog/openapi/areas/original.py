"""/api/bk-log-search/prod/…: the resources of BK-LOG's gateway, in its envelope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bklog.esquery import PREFIX
from bklog.esquery.question import EMPTY_KEYS, MAX_SETS, PASSED_KEYS
from bklog.openapi.codes import QUERY
from bklog.openapi.operation import FILE, Answer, Area, Example, Operation
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
    MOMENT,
    TEXT,
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
)
from bklog.query import MAX_ROWS
from bklog.search.addition import MAX_CONDITIONS
from bklog.search.context import MAX_LINES

DAY: Final[dict[str, Any]] = {"start_time": "2026-11-20 00:00:00", "end_time": "2026-11-20 23:59:59"}
ELASTIC: Final = ("parsing_exception", "illegal_argument_exception", "too_many_buckets_exception")
NAMED: Final = (*ELASTIC, "index_not_found_exception")
_VALUE: Final[Schema] = {"type": ["string", "number", "boolean"]}
TIMES: Final[dict[str, Schema]] = {
    **dict.fromkeys(("start_time", "end_time"), ref("OriginalTime")),
    "time_range": text(examples=["15m", "4h", "1d", "customized"]),
    "time_zone": text(examples=["UTC", "Asia/Shanghai"]),
    **dict.fromkeys(("use_time_range", "include_start_time", "include_end_time"), FLAG),
}
PASSED: Final[dict[str, Schema]] = dict.fromkeys(PASSED_KEYS, described(ANYTHING, "passed over"))
ASKED: Final[dict[str, Schema]] = {
    **PASSED,
    **dict.fromkeys(EMPTY_KEYS, described(ANYTHING, "only empty: not supported")),
    **TIMES,
    "keyword": described(TEXT, "a query string as Lucene reads it"),
    "query_string": described(TEXT, "the same under its other name"),
    **dict.fromkeys(("addition", "filter"), ref("OriginalConditions")),
    "is_desensitize": described(FLAG, "false: raw values, for the permission raw_values"),
}
_SORT: Final = described(listing(listing(TEXT, least=2, most=2)), "by time: all asc, or all desc")
OBJECT: Final = mapping(ANYTHING)
_FIELDS_OF_PAGE: Final = mapping(record({"max_length": COUNT}))


def number(least: int, most: int) -> Schema:
    """A whole number, which may stand in text."""
    return {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, text(pattern=r"^-?[0-9]{1,18}$")]}


IDS: Final[Schema] = {"type": "array", "items": number(1, 2**53 - 1), "minItems": 1, "maxItems": MAX_SETS}
_PAGE: Final[dict[str, Schema]] = {
    "total": COUNT,
    "total_relation": choice(["eq", "gte"]),
    "took": COUNT,
    "list": described(listing(ref("OriginalRow")), "with <mark> around what the query found in the line"),
    "origin_log_list": listing(ref("OriginalRow")),
    "fields": _FIELDS_OF_PAGE,
    "complete": FLAG,
    "note": TEXT,
}
_LINES: Final[dict[str, Schema]] = {
    "total": COUNT,
    "took": COUNT,
    "list": listing(ref("OriginalRow")),
    "origin_log_list": listing(ref("OriginalRow")),
}
_IN_TEXT: Final[Schema] = {"type": ["string", "integer", "null"]}
_ROW_ASKED: Final[Schema] = {
    "type": "object",
    "properties": {
        "__id__": described(nullable(TEXT), "of a row that a search gave"),
        "dtEventTimeStamp": {"type": ["string", "number", "null"]},
        "gseIndex": _IN_TEXT,
        "iterationIndex": _IN_TEXT,
        **dict.fromkeys(("serverIp", "path"), nullable(TEXT)),
        "begin": _IN_TEXT,
        "size": {**_IN_TEXT, "maximum": MAX_LINES},
        "zero": nullable(FLAG),
    },
}
SCHEMAS: Final[dict[str, Schema]] = {
    "OriginalFailure": record(
        {
            "result": {"const": False},
            "code": described({"type": "integer", "minimum": 400}, "the status"),
            "message": TEXT,
            "data": {"type": "null"},
            "request_id": TEXT,
            "error": {
                "type": "object",
                "required": ["code", "message", "hint"],
                "properties": {"code": TEXT, "message": TEXT, "hint": TEXT},
                "additionalProperties": ANYTHING,
            },
        }
    ),
    "OriginalTime": described(
        {"type": ["string", "number"]},
        "seconds, milliseconds or microseconds since 1970, ISO 8601, or `YYYY-MM-DD hh:mm:ss` in `time_zone`",
    ),
    "OriginalConditions": {
        "type": ["array", "string"],
        "maxLength": 0,
        "maxItems": MAX_CONDITIONS,
        "items": {
            "type": "object",
            "properties": {
                **dict.fromkeys(("field", "key", "operator", "method", "condition", "type"), nullable(TEXT)),
                "value": {"anyOf": [_VALUE, listing(_VALUE), {"type": "null"}]},
            },
            "additionalProperties": False,
        },
    },
    "OriginalRow": {
        "type": "object",
        "required": [
            "dtEventTimeStamp",
            "dtEventTimeStampNanos",
            "serverIp",
            "path",
            "gseIndex",
            "iterationIndex",
            "__id__",
            "log",
        ],
        "properties": {
            "dtEventTimeStamp": described(text(pattern="^-?[0-9]+$"), "milliseconds since 1970"),
            "dtEventTimeStampNanos": MOMENT,
            "serverIp": TEXT,
            "path": TEXT,
            "log": TEXT,
            "gseIndex": COUNT,
            "iterationIndex": COUNT,
            "__id__": described(TEXT, "which row it is"),
        },
        "additionalProperties": ANYTHING,
    },
    "OriginalHits": described(OBJECT, "as Elasticsearch answers, in the original's names: docs/elasticsearch.md"),
}


def told_in_envelope(data: Schema) -> dict[int, Answer]:
    told: dict[str, Schema] = {"result": {"const": True}, "code": {"const": 0}, "message": {"const": ""}}
    return {200: Answer("`data` of the envelope has it", record({**told, "data": data, "request_id": TEXT}))}


def post(
    path: str, name: str, summary: str, data: Schema, body: Schema, codes: Sequence[str], examples: Sequence[Example]
) -> Operation:
    return Operation(
        "POST", PREFIX + path, f"original_{name}", summary, told_in_envelope(data), (*QUERY, *codes), body, examples=examples
    )


def of_the_day(summary: str, *, status: int | None = None, shown: Any = None, **body: Any) -> Example:
    data = None if shown is None else {"data": shown}
    return Example(summary, body={**DAY, **body}, status=status, shown=data)


_ONE_ROW: Final[dict[str, Any]] = {"dtEventTimeStamp": "1795168805000", "gseIndex": 0, "iterationIndex": 5, "serverIp": "web0"}
ONE: Final = "{index_set_id}"
_ROW_CODES: Final = ("row_identity", "row_not_found", "cursor", "zone")

AREA = Area(
    "The resources of BK-LOG's own gateway, by their names and in their shapes: docs/original-api.md",
    [
        post(
            "esquery_search/",
            "esquery_search",
            "Rows as Elasticsearch answers them",
            ref("OriginalHits"),
            asked(
                {},
                {
                    **ASKED,
                    "indices": described(TEXT, "names of index sets, with commas between"),
                    "index_set_id": number(1, 2**53 - 1),
                    "start": number(0, MAX_ROWS),
                    "size": number(0, MAX_ROWS),
                    "sort_list": _SORT,
                    "aggs": OBJECT,
                    "highlight": OBJECT,
                    "scroll": TEXT,
                    "search_after": listing(ANYTHING),
                    **dict.fromkeys(("track_total_hits", "dtEventTimeStamp", "slice_id", "slice_max"), ANYTHING),
                },
            ),
            (*NAMED, "zone"),
            [
                of_the_day(
                    "Errors, by host",
                    indices="shop",
                    query_string="支付 AND level:error",
                    size=1,
                    aggs={"serverIp": {"terms": {"field": "serverIp"}}},
                ),
                of_the_day("An index set that is not there", indices="nope", status=404),
            ],
        ),
        post(
            "esquery_dsl/",
            "esquery_dsl",
            "A body of Elasticsearch, in the original's names of fields",
            ref("OriginalHits"),
            asked({"indices": TEXT, "body": OBJECT}, {**PASSED, "scroll": TEXT}),
            (*NAMED, "zone", "interval"),
            [Example("All rows, counted", body={"indices": "shop", "body": {"size": 0}})],
        ),
        post(
            "esquery_scroll/",
            "esquery_scroll",
            "The next hits of a search that was asked with `scroll`",
            ref("OriginalHits"),
            asked({"scroll_id": TEXT}, {**PASSED, "indices": ANYTHING, "scroll": TEXT}),
            (*NAMED, "search_context_missing_exception"),
            [Example("An id of nobody", body={"scroll_id": "x"}, status=404)],
        ),
        post(
            f"search_index_set/{ONE}/context/",
            "search_index_set_context",
            "What stands around a row in its stream",
            record({**_LINES, "zero_index": {"type": "integer"}, "count_start": {"type": "integer"}}),
            _ROW_ASKED,
            _ROW_CODES,
            [
                Example("Around a row", body={**_ONE_ROW, "size": 2}, shown={"data": {"total": 3, "zero_index": 2}}),
                Example("A row that is not there", body={**_ONE_ROW, "iterationIndex": 99}, status=404),
            ],
        ),
        post(
            f"search_index_set/{ONE}/search/original/",
            "search_original_log",
            "A few of the newest rows of the last day",
            record({**_PAGE, "aggregations": OBJECT, "aggs": OBJECT}),
            asked({}, {**PASSED, "begin": number(0, MAX_ROWS - 10), "size": number(0, 10)}),
            ELASTIC,
            [Example("Three", body={"size": 3})],
        ),
        post(
            f"search/index_set/{ONE}/search/",
            "search_index_set_log",
            "Rows of an index set",
            record({**_PAGE, "aggregations": OBJECT, "aggs": OBJECT}, {"scroll_id": TEXT}),
            asked(
                {},
                {
                    **ASKED,
                    "begin": number(0, MAX_ROWS),
                    "size": number(0, MAX_ROWS),
                    "sort_list": _SORT,
                    "aggs": OBJECT,
                    "is_scroll_search": FLAG,
                    "scroll_id": TEXT,
                    "track_total_hits": FLAG,
                    "interval": ANYTHING,
                },
            ),
            (*NAMED, "zone", "search_context_missing_exception"),
            [
                of_the_day(
                    "Errors",
                    keyword="支付",
                    addition=[{"field": "level", "operator": "=", "value": ["error"]}],
                    size=2,
                    shown={"total": 4, "complete": True},
                ),
                of_the_day("A text that cannot be read", keyword="foo AND (bar", status=400),
            ],
        ),
        Operation(
            "POST",
            f"{PREFIX}search/index_set/{ONE}/export/",
            "original_search_export",
            "The rows of one page as a file of JSON lines",
            {200: Answer("A row on each line", TEXT, media=(FILE,))},
            codes=(*QUERY, "zone"),
            body=asked(
                {},
                {
                    **ASKED,
                    "begin": number(0, MAX_ROWS),
                    "size": number(0, MAX_ROWS),
                    "sort_list": _SORT,
                    "export_fields": listing(TEXT),
                    "file_type": choice(["log"]),
                    "interval": ANYTHING,
                },
            ),
            examples=[
                of_the_day("Errors", keyword="level:error", export_fields=["dtEventTimeStamp", "log"]),
                of_the_day("A form that is not written here", file_type="csv", status=400),
            ],
        ),
        post(
            f"search/index_set/{ONE}/tail_f/",
            "search_tailf",
            "What came after a row, or the newest rows",
            record(_LINES, {"zero_index": {"type": "integer"}, "count_start": {"type": "integer"}}),
            _ROW_ASKED,
            _ROW_CODES,
            [
                Example("The newest", body={"zero": True}, shown={"data": {"total": 0}}),
                Example("After nothing", body={"zero": False}, status=400),
            ],
        ),
        post(
            "search/index_set/union_search/",
            "union_search",
            "Rows of several index sets, in one order",
            record(
                {**_PAGE, "union_configs": listing(record({"index_set_id": ID, "begin": COUNT}))},
            ),
            asked(
                {},
                {
                    **ASKED,
                    "union_configs": {
                        "type": "array",
                        "maxItems": MAX_SETS,
                        "items": asked(
                            {"index_set_id": number(1, 2**53 - 1)},
                            {"begin": number(0, MAX_ROWS), "is_desensitize": FLAG, "custom_indices": TEXT},
                        ),
                    },
                    "index_set_ids": IDS,
                    "size": number(0, MAX_ROWS),
                    "sort_list": _SORT,
                    "track_total_hits": FLAG,
                    **dict.fromkeys(("interval", "begin"), ANYTHING),
                },
            ),
            (*ELASTIC, "zone"),
            [of_the_day("Of none", union_configs=[], status=400)],
        ),
    ],
    SCHEMAS,
    failure="OriginalFailure",
)
