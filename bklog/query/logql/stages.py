"""Tokens -> the selector and the stages of a log query."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Final

from bklog.query.logql.patterns import pattern_groups, regexp_groups, template
from bklog.query.logql.reader import Reader
from bklog.query.logql.scanner import IDENTIFIER, NUMBER, SIZE, SPAN, STRING, Token
from bklog.query.logql.tree import (
    Both,
    Compared,
    Decolorize,
    Either,
    Extraction,
    Formatted,
    Json,
    Kept,
    LabelCondition,
    LabelFilter,
    LabelFormat,
    LineFilter,
    LineFormat,
    Logfmt,
    LogQuery,
    Matcher,
    Quantity,
    Renamed,
    Stage,
    Unwrap,
)
from bklog.query.logql.units import SECOND, bytes_of, nanoseconds_of

MAX_STAGES: Final = 50
LINE_FILTERS: Final = ("|=", "!=", "|~", "!~")
MATCHERS: Final = ("=", "!=", "=~", "!~")
COMPARISONS: Final = ("=", "==", "!=", ">", ">=", "<", "<=")
CONVERSIONS: Final = {"duration": "duration", "duration_seconds": "duration", "bytes": "bytes"}
EMPTY_COMPATIBLE: Final = (
    "queries require at least one regexp or equality matcher that does not have an empty-compatible value."
    ' For instance, app=~".*" does not meet this requirement, but app=~".+" will'
)


def read_log_query(reader: Reader) -> LogQuery:
    return LogQuery(read_selector(reader), read_stages(reader))


def read_selector(reader: Reader) -> tuple[Matcher, ...]:
    start = reader.token
    reader.expect("{")
    matchers: list[Matcher] = []
    while not reader.take("}"):
        name = reader.expect(IDENTIFIER).text
        matchers.append(_matcher(reader, name))
        if reader.token.kind != "}":
            reader.expect(",", "}")
    if all(matches_empty(one) for one in matchers):
        raise reader.refuse(EMPTY_COMPATIBLE, 'name an index set: {index_set="…"}', at=start)
    return tuple(matchers)


def matches_empty(matcher: Matcher) -> bool:
    """Whether a stream without the label is meant too."""
    match matcher.operator:
        case "=":
            return not matcher.value
        case "!=":
            return bool(matcher.value)
    found = expression(matcher.value).fullmatch("") is not None
    return found if matcher.operator == "=~" else not found


def _matcher(reader: Reader, name: str) -> Matcher:
    operator, place = reader.expect(*MATCHERS).kind, reader.token
    value = reader.string()
    if operator in ("=~", "!~"):
        _check_expression(reader, value, place)
    return Matcher(name, operator, value)


def _check_expression(reader: Reader, value: str, place: Token) -> None:
    try:
        expression(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise reader.refuse(f"error parsing regexp: {error}", "the syntax is RE2", at=place) from error


def expression(pattern: str) -> re.Pattern[str]:
    """For what is compared here: names, and whether nothing at all matches."""
    with warnings.catch_warnings():  # [[:alpha:]] could mean another thing one day; to the engine it means letters
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern, re.DOTALL)


def read_stages(reader: Reader) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    while reader.token.kind in (*LINE_FILTERS, "|"):
        if len(stages) == MAX_STAGES:
            raise reader.refuse(f"a query has at most {MAX_STAGES} stages")
        if stages and isinstance(stages[-1], Unwrap) and reader.token.kind != "|":
            raise reader.unexpected("|", "[")
        stages.append(_line_filter(reader) if reader.token.kind in LINE_FILTERS else _piped(reader))
    return tuple(stages)


def _line_filter(reader: Reader) -> LineFilter:
    operator = reader.next().kind
    texts = [_filter_text(reader, operator)]
    while reader.take_word("or"):
        texts.append(_filter_text(reader, operator))
    return LineFilter(operator, tuple(texts))


def _filter_text(reader: Reader, operator: str) -> str:
    reader.part()
    if reader.token.kind == IDENTIFIER and reader.token.text == "ip":
        raise reader.unsupported("ip()", "write an expression: |~ `10\\.0\\.`")
    place = reader.token
    text = reader.string()
    if operator in ("|~", "!~"):
        _check_expression(reader, text, place)
    return text


def _piped(reader: Reader) -> Stage:
    reader.expect("|")
    word = reader.token
    if word.kind == IDENTIFIER and word.text in _STAGES and reader.following.kind not in COMPARISONS + MATCHERS:
        reader.next()
        return _STAGES[word.text](reader)
    if word.kind == IDENTIFIER and word.text in _UNSUPPORTED and reader.following.kind not in COMPARISONS + MATCHERS:
        raise reader.unsupported(f"| {word.text}")
    return LabelFilter(_either(reader))


def _either(reader: Reader) -> LabelCondition:
    found = _both(reader)
    while reader.take_word("or"):
        found = Either(found, _both(reader))
    return found


def _both(reader: Reader) -> LabelCondition:
    found = _condition(reader)
    while True:
        if not (reader.take(",") or reader.take_word("and")) and not _begins_condition(reader):
            return found
        found = Both(found, _condition(reader))


def _begins_condition(reader: Reader) -> bool:
    is_name = reader.token.kind == IDENTIFIER and reader.following.kind in COMPARISONS + MATCHERS
    return is_name or reader.token.kind == "("


def _condition(reader: Reader) -> LabelCondition:
    reader.part()
    if reader.take("("):
        reader.deeper()
        found = _either(reader)
        reader.expect(")")
        reader.back()
        return found
    name = reader.expect(IDENTIFIER).text
    operator = reader.token.kind
    if operator not in COMPARISONS + MATCHERS:
        raise reader.unexpected(*dict.fromkeys(MATCHERS + COMPARISONS))
    if reader.following.kind == STRING:
        return _matcher(reader, name)
    reader.expect(*COMPARISONS)
    return Compared(name, "=" if operator == "==" else operator, _quantity(reader))


def _quantity(reader: Reader) -> Quantity:
    sign = "-" if reader.take("-") else ""
    if reader.token.kind == IDENTIFIER and reader.token.text == "ip":
        raise reader.unsupported("ip()")
    token = reader.expect(NUMBER, SPAN, SIZE)
    value = float(token.text) if token.kind == NUMBER else _size(token.kind, token.text)
    unit = {NUMBER: "number", SPAN: "duration", SIZE: "bytes"}[token.kind]
    return Quantity(-value if sign else value, unit, sign + token.text)


def _size(kind: str, text: str) -> float:
    return nanoseconds_of(text) / SECOND if kind == SPAN else bytes_of(text)


def _extractions(reader: Reader) -> tuple[Extraction, ...]:
    if reader.token.kind == "-":
        raise reader.unsupported("a flag of a parser")
    found: list[Extraction] = []
    while reader.token.kind == IDENTIFIER:
        reader.part()
        label = reader.next().text
        found.append(Extraction(label, reader.string() if reader.take("=") else label))
        if not reader.take(","):
            break
    return tuple(found)


def _line_format(reader: Reader) -> LineFormat:
    return LineFormat(template(reader))


def _label_format(reader: Reader) -> LabelFormat:
    changes: list[Renamed | Formatted] = []
    while not changes or reader.take(","):
        reader.part()
        label = reader.expect(IDENTIFIER).text
        reader.expect("=")
        is_template = reader.token.kind == STRING
        changes.append(
            Formatted(label, template(reader)) if is_template else Renamed(label, reader.expect(IDENTIFIER, STRING).text)
        )
    return LabelFormat(tuple(changes))


def _kept(stage: str) -> Callable[[Reader], Kept]:
    def read(reader: Reader) -> Kept:
        labels: list[str | Matcher] = []
        while not labels or reader.take(","):
            name = reader.expect(IDENTIFIER).text
            labels.append(_matcher(reader, name) if reader.token.kind in MATCHERS else name)
        return Kept(stage, tuple(labels))

    return read


def _unwrap(reader: Reader) -> Unwrap:
    name = reader.expect(IDENTIFIER)
    if reader.token.kind != "(":
        return Unwrap(name.text)
    if name.text not in CONVERSIONS:
        raise reader.unsupported(f"unwrap {name.text}()", f"one of: {', '.join(CONVERSIONS)}")
    reader.expect("(")
    label = reader.expect(IDENTIFIER).text
    reader.expect(")")
    return Unwrap(label, CONVERSIONS[name.text])


_STAGES: Final[Mapping[str, Callable[[Reader], Stage]]] = {
    "json": lambda reader: Json(_extractions(reader)),
    "logfmt": lambda reader: Logfmt(_extractions(reader)),
    "regexp": regexp_groups,
    "pattern": pattern_groups,
    "line_format": _line_format,
    "label_format": _label_format,
    "keep": _kept("keep"),
    "drop": _kept("drop"),
    "decolorize": lambda _: Decolorize(),
    "unwrap": _unwrap,
}
_UNSUPPORTED: Final = ("unpack", "distinct", "ip")
