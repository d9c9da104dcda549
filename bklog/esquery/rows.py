"""A row, or a hit of `bklog.elastic` -> a row in the original's names.

dtEventTimeStamp   milliseconds since 1970, as text          serverIp, path, log   columns
gseIndex           a number of the batch                     iterationIndex        the row's place in its batch
__id__             which row it is, exactly: what context and tail_f find it by

What the clean rule found stands beside them; what is called like one of them stands in `fields`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from bklog.elastic.dates import MILLISECOND
from bklog.elastic.hits import Highlight, document_of
from bklog.elastic.reader import TIMESTAMP
from bklog.esquery.names import BATCH, HOST, IDENTITY, NANOSECONDS, PLACE, TIME, their_name
from bklog.query import Cursor
from bklog.query.moment import read_moment

Row = dict[str, Any]
MARKS: Final = Highlight("<mark>", "</mark>")
PARSE_FAILURE: Final = "__parse_failure"
OWN: Final = (TIME, NANOSECONDS, HOST, BATCH, PLACE, IDENTITY, PARSE_FAILURE)
_BATCH_BITS: Final = 128 - 53  # a number that every reader of JSON keeps


def batch_number(batch: UUID) -> int:
    return batch.int >> _BATCH_BITS


def row_of(row: Mapping[str, Any]) -> Row:
    """Of a row of a search."""
    return _row(document_of(row), UUID(row["batch"]), row["row"])


def marked_row(row: Mapping[str, Any]) -> Row:
    """With marks around what the query found in the line."""
    return row_of({**row, "log": MARKS.mark(row["log"], row.get("highlight", ()))})


def hit_of(hit: Mapping[str, Any]) -> Row:
    """A hit, whose source is in the original's names. One that was cut to some fields is no whole row, and gets no more."""
    shown = {"_type": "_doc", **hit}
    if "_source" in hit:
        batch, _, row = hit["_id"].rpartition("-")
        is_whole = TIMESTAMP in hit["_source"] and "log" in hit["_source"]
        renamed = {their_name(name): value for name, value in hit["_source"].items()}
        shown["_source"] = _row(hit["_source"], UUID(batch), int(row)) if is_whole else renamed
    for part in ("fields", "highlight"):
        if part in hit:
            shown[part] = {their_name(name): value for name, value in hit[part].items()}
    return shown


def in_their_names(answer: Any) -> Any:
    """An answer of `bklog.elastic`, with the hits in it wherever they stand."""
    match answer:
        case {"hits": list() as hits}:
            return {**answer, "hits": [hit_of(hit) for hit in hits]}
        case dict():
            return {name: in_their_names(one) for name, one in answer.items()}
        case list():
            return [in_their_names(one) for one in answer]
    return answer


def lengths_of(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """How many characters the longest value of each field has: a page makes its columns so wide."""
    found: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            found[name] = max(found.get(name, 0), len(str(value)))
    return {name: {"max_length": length} for name, length in found.items()}


def _row(document: Mapping[str, Any], batch: UUID, row: int) -> Row:
    moment = read_moment(document[TIMESTAMP])
    nanoseconds = moment.start if moment else 0
    hidden = {name: value for name, value in document.items() if name in OWN}
    beside = {their_name(name): value for name, value in document.items() if name not in hidden and name != TIMESTAMP}
    if hidden:
        beside["fields"] = {**_inner(document.get("fields")), **hidden}
    if document.get("parse_error"):
        beside[PARSE_FAILURE] = True
    return {
        TIME: str(nanoseconds // MILLISECOND),
        NANOSECONDS: document[TIMESTAMP],
        HOST: "",
        "path": "",
        **beside,
        BATCH: batch_number(batch),
        PLACE: row,
        IDENTITY: str(Cursor(nanoseconds, batch, row)),
    }


def _inner(fields: Any) -> Mapping[str, Any]:
    """A field of the row may be called so itself."""
    return fields if isinstance(fields, Mapping) else {} if fields is None else {"fields": fields}
