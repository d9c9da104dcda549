"""Query DSL -> the tree of the query language. What has no meaning there is refused, never passed over.

{"bool": {"filter": [{"range": {"@timestamp": {"gte": "now-1h"}}}, {"match": {"log": "timeout"}}]}} ─▶ And(Term, Term)

Nothing is ranked: a clause that would only change the order of hits changes nothing, and `boost` neither. Whether a field is
text, which is compared by words, or is compared whole, decides what `match` means, as in an Elasticsearch mapping.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from bklog.elastic import full_text
from bklog.elastic.dates import Clock, read_formats
from bklog.elastic.keys import Keys, illegal, items, single, text_of, wrong
from bklog.elastic.reader import (
    NOTHING,
    TIME_FIELDS,
    UNRANKED,
    Reader,
    at_least,
    every,
    exactly,
    field_name,
    minimum,
    of_field,
    term,
    time_range,
)
from bklog.query.buckets import read_zone
from bklog.query.conditions import Condition, to_node
from bklog.query.parser import MAX_TERMS
from bklog.query.tree import Bound, Everything, Exists, Node, Not, Phrase, Range, Regex, Wild, Wildcard, any_of

_ENDS: Final = ("gte", "gt", "lte", "lt", "from", "to", "include_lower", "include_upper")
_LUCENE_ONLY: Final = re.compile(r"(?<!\\)[~@&<>#]")


def _everything(reader: Reader, body: Any) -> Node:
    Keys(body, UNRANKED, "match_all")
    return Everything()


def _nothing(reader: Reader, body: Any) -> Node:
    Keys(body, UNRANKED, "match_none")
    return NOTHING


def _bool(reader: Reader, body: Any) -> Node:
    given = Keys(
        body, ("must", "filter", "should", "must_not", "minimum_should_match", "adjust_pure_negative", *UNRANKED), "bool"
    )
    must = [reader.node(one) for kind in ("must", "filter") for one in items(given.raw(kind))]
    should = [reader.node(one) for one in items(given.raw("should"))]
    none_of = [Not(reader.node(one)) for one in items(given.raw("must_not"))]
    least = minimum(given.raw("minimum_should_match", 0 if must else 1), len(should)) if should else 0
    chosen = [at_least(should, least)] if least else []
    return every([*must, *chosen, *none_of])


def _constant_score(reader: Reader, body: Any) -> Node:
    return reader.node(Keys(body, ("filter", *UNRANKED), "constant_score").raw("filter"))


def _dis_max(reader: Reader, body: Any) -> Node:
    queries = items(Keys(body, ("queries", "tie_breaker", *UNRANKED), "dis_max").raw("queries"))
    return any_of([reader.node(one) for one in queries]) if queries else NOTHING


def _term(reader: Reader, body: Any) -> Node:
    name, given = of_field(body, "value", ("case_insensitive",), "term")
    given.only("case_insensitive", False)
    return exactly(reader, name, given.raw("value"), "term")


def _terms(reader: Reader, body: Any) -> Node:
    name, values = single(
        {key: one for key, one in body.items() if key not in UNRANKED} if isinstance(body, dict) else body, "terms"
    )
    if not isinstance(values, list):
        raise wrong("[terms] takes a list of values", "a lookup in another index is not supported")
    if len(values) > MAX_TERMS:
        raise illegal(f"[terms] has {len(values)} values; at most {MAX_TERMS} are searched for")
    found = [exactly(reader, field_name(name), value, "terms") for value in values]
    return any_of(list(dict.fromkeys(found))) if found else NOTHING


def _range(reader: Reader, body: Any) -> Node:
    name, given = of_field(body, "gte", (*_ENDS[1:], "format", "time_zone", "relation"), "range")
    given.only("relation", "WITHIN", "INTERSECTS", "CONTAINS", "within", "intersects", "contains")
    ends = _ends(given)
    if not ends:
        return Exists(name)
    if name in TIME_FIELDS:
        clock = reader.clock
        if "format" in given:
            clock = replace(clock, formats=read_formats(given.text("format")))
        if "time_zone" in given:
            clock = replace(clock, zone=read_zone(given.text("time_zone")))
        return time_range(name, {end: clock.read(value) for end, value in ends.items()})
    texts = {end: text_of(value, "range") for end, value in ends.items()}
    low = next((Bound(text, inclusive=end == "gte") for end, text in texts.items() if end in ("gte", "gt")), None)
    high = next((Bound(text, inclusive=end == "lte") for end, text in texts.items() if end in ("lte", "lt")), None)
    return term(name, Range(low, high))


def _ends(given: Keys) -> dict[str, Any]:
    """At most one of gte and gt, and of lte and lt; `from` and `to` are older names of them."""
    found = {end: given.raw(end) for end in ("gte", "gt", "lte", "lt") if end in given}
    if "from" in given:
        found["gte" if given.flag("include_lower", default=True) else "gt"] = given.raw("from")
    if "to" in given:
        found["lte" if given.flag("include_upper", default=True) else "lt"] = given.raw("to")
    if {"gte", "gt"} <= set(found) or {"lte", "lt"} <= set(found):
        raise wrong("[range] has two lower or two upper ends")
    return found


def _exists(reader: Reader, body: Any) -> Node:
    return Exists(field_name(Keys(body, ("field", *UNRANKED), "exists").text("field")))


def _prefix(reader: Reader, body: Any) -> Node:
    name, given = of_field(body, "value", ("case_insensitive", "rewrite"), "prefix")
    given.only("case_insensitive", False)
    text = given.value("value")
    return term(name, Wildcard((text, Wild.MANY))) if text else Exists(name)


def _wildcard(reader: Reader, body: Any) -> Node:
    name, given = of_field(body, "value", ("wildcard", "case_insensitive", "rewrite"), "wildcard")
    given.only("case_insensitive", False)
    text = given.value("wildcard" if "wildcard" in given else "value")
    if not text.strip("*"):
        return Exists(name) if text else term(name, Phrase(""))
    return to_node(Condition("*" if name == "log" else name, "=~", (text,)))


def _regexp(reader: Reader, body: Any) -> Node:
    """Lucene compares the whole value; of text, where it would compare each word, the expression is found anywhere."""
    name, given = of_field(body, "value", ("flags", "case_insensitive", "max_determinized_states", "rewrite"), "regexp")
    given.only("case_insensitive", False)
    given.only("flags", "ALL", "NONE")
    pattern = given.text("value")
    if _LUCENE_ONLY.search(pattern) and given.raw("flags", "ALL") != "NONE":
        raise illegal(r"the operators ~ @ & < > # of Lucene's expressions are not supported", r"write \ before one for itself")
    return term(name, Regex(pattern if name == "log" or reader.is_text(name) else rf"\A(?s:{pattern})\z"))


Clause = Callable[[Reader, Any], Node]
CLAUSES: Final[Mapping[str, Clause]] = {
    "match_all": _everything,
    "match_none": _nothing,
    "bool": _bool,
    "constant_score": _constant_score,
    "dis_max": _dis_max,
    "term": _term,
    "terms": _terms,
    "match": full_text.match,
    "match_phrase": full_text.match_phrase,
    "match_phrase_prefix": full_text.match_phrase_prefix,
    "multi_match": full_text.multi_match,
    "range": _range,
    "exists": _exists,
    "prefix": _prefix,
    "wildcard": _wildcard,
    "regexp": _regexp,
    "query_string": full_text.query_string,
}


def read_query(raw: object, *, clock: Clock, is_text: Callable[[str], bool]) -> Node:
    """None is every row. Raises BadRequest; QuerySyntax of a query string."""
    return Everything() if raw is None else Reader(clock, is_text, CLAUSES).node(raw)
