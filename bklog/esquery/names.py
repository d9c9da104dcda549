"""The original's names of columns <-> ours, in a query's tree, in a body of Elasticsearch, and in what is answered.

dtEventTimeStamp ◀─▶ time, which Elasticsearch's clients call @timestamp        serverIp ◀─▶ host
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bklog.elastic.reader import TIMESTAMP
from bklog.errors import BadRequest
from bklog.query.lucene import parse_lucene
from bklog.query.tree import And, Exists, Node, Not, Or, Term, all_of, any_of

TIME: Final = "dtEventTimeStamp"
NANOSECONDS: Final = "dtEventTimeStampNanos"
HOST: Final = "serverIp"
BATCH: Final = "gseIndex"
PLACE: Final = "iterationIndex"
IDENTITY: Final = "__id__"
OURS: Final[Mapping[str, str]] = {TIME: "time", NANOSECONDS: "time", HOST: "host"}
IN_BODIES: Final[Mapping[str, str]] = {TIME: TIMESTAMP, NANOSECONDS: TIMESTAMP, HOST: "host"}
THEIRS: Final[Mapping[str, str]] = {"time": TIME, TIMESTAMP: TIME, "host": HOST}
ROW_NAMES: Final = (BATCH, PLACE, IDENTITY)  # they tell one row from another: no condition is about them
_OF_ROWS: Final = dict.fromkeys((BATCH, PLACE), "_doc")  # what orders rows of one time is their identity
# Whose keys are names that somebody gave, and that the answer has again.
_NAMING: Final = ("aggs", "aggregations", "filters", "order")
_FIELDS: Final = (
    "field", "default_field", "fields", "_source", "includes", "include", "excludes", "exclude", "docvalue_fields", "sort",
)  # fmt: skip


def our_name(name: str) -> str:
    """Raises BadRequest (`unknown_field`) for what only tells a row from others."""
    if name in ROW_NAMES:
        hint = f"give context or tail_f the whole row, or find it by {TIME}, {HOST} and path"
        raise BadRequest(f"rows are not found by {name}", hint=hint, code="unknown_field")
    return OURS.get(name, name)


def their_name(name: str) -> str:
    return THEIRS.get(name, name)


def in_our_names(node: Node) -> Node:
    match node:
        case Not(inner):
            return Not(in_our_names(inner))
        case And(nodes):
            return all_of([in_our_names(inner) for inner in nodes])
        case Or(nodes):
            return any_of([in_our_names(inner) for inner in nodes])
        case Exists(name, span):
            return Exists(our_name(name), span)
        case Term(value, str() as name, span):
            return Term(value, our_name(name), span)
    return node


def lucene_text(node: Node) -> str:
    """The tree as Lucene's own parser reads it, with every operator written: side by side means OR there, and AND here."""
    match node:
        case Not(inner):
            return f"NOT {_grouped(inner)}"
        case And(nodes):
            return " AND ".join(map(_grouped, nodes))
        case Or(nodes):
            return " OR ".join(map(_grouped, nodes))
    return str(node)


def _grouped(node: Node) -> str:
    text = lucene_text(node)
    return f"({text})" if isinstance(node, Not | And | Or) else text


def body_in_our_names(body: Any, key: str = "") -> Any:
    """A body of Elasticsearch. Names that somebody gave to aggregations and filters stay."""
    match body:
        case dict():
            return _object(body, key)
        case list():
            return [body_in_our_names(one, key) for one in body]
        case str() if key in _FIELDS:
            return _named(body, key)
    return body


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    if key == "meta":
        return body
    if key == "query_string" and isinstance(body.get("query"), str):
        return _query_string(body)
    if key in _NAMING and key not in body:
        return {name: body_in_our_names(one) for name, one in body.items()}
    return {_named(name, key): body_in_our_names(one, name) for name, one in body.items()}


def _named(name: str, key: str) -> str:
    """In a sort `name:order` is one text."""
    if key != "sort":
        return IN_BODIES.get(name, name)
    name, colon, order = name.partition(":")
    return f"{IN_BODIES.get(name) or _OF_ROWS.get(name, name)}{colon}{order}"


def _query_string(body: dict[str, Any]) -> dict[str, Any]:
    """Raises QuerySyntax."""
    all_must = str(body.get("default_operator", "")).lower() == "and"
    text = lucene_text(in_our_names(parse_lucene(body["query"], all_must=all_must).node))
    return {**{name: body_in_our_names(one, name) for name, one in body.items()}, "query": text}
