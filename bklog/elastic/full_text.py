"""Clauses that look for text: match and its kin, and query strings as Lucene reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from bklog.elastic.keys import Keys, illegal, items, names, whole, wrong
from bklog.elastic.reader import (
    NOTHING,
    TIME_FIELDS,
    UNRANKED,
    Reader,
    at_least,
    field_name,
    minimum,
    of_field,
    term,
    time_range,
    within,
)
from bklog.query.buckets import read_zone
from bklog.query.lucene import parse_lucene
from bklog.query.parser import MAX_SLOP
from bklog.query.tree import (
    And,
    Everything,
    Exists,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Term,
    Value,
    Wild,
    Wildcard,
    Word,
    all_of,
    any_of,
)
from bklog.query.words import is_split_by_words, words_of

WHOLE_LINE: Final = ("log", "*", "_all")


def match(reader: Reader, body: Any) -> Node:
    name, given = of_field(
        body, "query", ("operator", "minimum_should_match", "lenient", "zero_terms_query", "fuzziness"), "match"
    )
    given.only("fuzziness", 0, "0")
    given.only("zero_terms_query", "none", "NONE")
    return _matching(reader, name, given)


def _matching(reader: Reader, name: str, given: Keys) -> Node:
    if name in TIME_FIELDS:
        return within(name, reader.clock.read(given.raw("query")))
    text = given.value("query")
    if name != "log" and not reader.is_text(name):
        return term(name, Phrase(text))
    words = words_of(text) if text.isascii() else tuple(text.split())
    if not words:
        return NOTHING
    operator = given.text("operator", "or").lower()
    if operator not in ("or", "and"):
        raise wrong("[operator] is or, or and")
    least = len(words) if operator == "and" else minimum(given.raw("minimum_should_match", 1), len(words))
    clauses = [term(name, Word(word)) for word in words]
    return all_of(clauses) if least >= len(clauses) else at_least(clauses, max(1, least))


def match_phrase(reader: Reader, body: Any) -> Node:
    name, given = of_field(body, "query", ("slop", "zero_terms_query"), "match_phrase")
    given.only("zero_terms_query", "none", "NONE")
    if name in TIME_FIELDS:
        return within(name, reader.clock.read(given.raw("query")))
    return _phrase(name, given.value("query"), given.number("slop", 0, least=0, most=MAX_SLOP))


def _phrase(name: str, text: str, slop: int) -> Node:
    if not text:
        return NOTHING
    return term(name, Near(text, slop) if slop else Phrase(text))


def match_phrase_prefix(reader: Reader, body: Any) -> Node:
    name, given = of_field(body, "query", ("max_expansions", "slop", "zero_terms_query"), "match_phrase_prefix")
    text = given.value("query")
    if is_split_by_words(text) and words_of(text) != (text.lower(),):
        raise illegal(
            "[match_phrase_prefix] is supported for one word", "write the words in a match_phrase, the last as a prefix"
        )
    given.only("slop", 0)
    return term(name, Wildcard((text, Wild.MANY))) if text else NOTHING


def multi_match(reader: Reader, body: Any) -> Node:
    known = ("query", "fields", "type", "operator", "minimum_should_match", "lenient", "slop", "tie_breaker", *UNRANKED)
    given = Keys(body, known, "multi_match")
    fields = _fields(given)
    match given.text("type", "best_fields"):
        case "best_fields" | "most_fields":
            return any_of([_matching(reader, name, given) for name in fields])
        case "phrase":
            slop = given.number("slop", 0, least=0, most=MAX_SLOP)
            return any_of([_phrase(name, given.value("query"), slop) for name in fields])
        case other:
            raise illegal(
                f"[multi_match] type [{other[:40]}] is not supported", "there are best_fields, most_fields and phrase"
            )


def _fields(given: Keys) -> list[str]:
    """Without a weight; all fields are the whole line."""
    found = [field_name(name.partition("^")[0]) for name in names(items(given.raw("fields")), "fields")]
    if any("*" in name and name not in WHOLE_LINE for name in found):
        raise illegal("patterns in [fields] are not supported", "name the fields, or leave them out to search the whole line")
    return ["log" if name in WHOLE_LINE else name for name in found] or ["log"]


def query_string(reader: Reader, body: Any) -> Node:
    known = (
        "query", "default_field", "fields", "default_operator", "analyze_wildcard", "lenient", "time_zone",
        "allow_leading_wildcard", "minimum_should_match", "type", *UNRANKED,
    )  # fmt: skip
    given = Keys(body, known, "query_string")
    given.only("type", "best_fields", "most_fields")
    given.only("minimum_should_match", None, 1, "1")
    if "time_zone" in given:
        reader = replace(reader, clock=replace(reader.clock, zone=read_zone(given.text("time_zone"))))
    all_must = given.text("default_operator", "or").lower() == "and"
    fields = _fields(given) if "fields" in given else [field_name(given.text("default_field", "*"))]
    node = parse_lucene(whole(given.text("query")), all_must=all_must).node
    return _in_fields(reader, node, ["log" if name in WHOLE_LINE else name for name in fields])


def _in_fields(reader: Reader, node: Node, fields: Sequence[str]) -> Node:
    """Terms without a field are looked for in each of these; times are read as everywhere in a request."""
    match node:
        case Not(inner):
            return Not(_in_fields(reader, inner, fields))
        case And(nodes):
            return all_of([_in_fields(reader, inner, fields) for inner in nodes])
        case Or(nodes):
            return any_of([_in_fields(reader, inner, fields) for inner in nodes])
        case Exists(name, span):
            return Exists(field_name(name), span)
        case Term() as leaf:
            return _placed(reader, leaf, fields)
        case Everything():
            return node


def _placed(reader: Reader, leaf: Term, fields: Sequence[str]) -> Node:
    if leaf.field is None:
        return any_of([term(name, leaf.value) for name in fields])
    name = field_name(leaf.field)
    return _of_time(reader, name, leaf.value) or term(name, leaf.value)


def _of_time(reader: Reader, name: str, value: Value) -> Node | None:
    if name not in TIME_FIELDS:
        return None
    match value:
        case Word(text) | Phrase(text):
            return within(name, reader.clock.read(text))
        case Range(low, high):
            ends = {("gte" if low.inclusive else "gt"): reader.clock.read(low.text)} if low else {}
            return time_range(
                name, ends | ({("lte" if high.inclusive else "lt"): reader.clock.read(high.text)} if high else {})
            )
    return None
