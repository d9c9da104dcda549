"""Query + what is known of the tables -> Plan: names become targets, values take the type of their target.

A value's meaning depends on its target's kind: words in text, the whole value for a keyword, a number or a time
where the clean rule says so. What has no meaning there is refused, with its place in the query.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from bklog.errors import BadRequest, QuerySyntax, Span
from bklog.query.cursor import Cursor
from bklog.query.fields import FIELDS, LOG, Kind, TableFields, Target, hint_for
from bklog.query.masking import Masking
from bklog.query.moment import TIME_HINT, Moment, read_moment
from bklog.query.outputs import Field
from bklog.query.plan import (
    AllOf,
    Always,
    AnyOf,
    Compare,
    CompareTime,
    Contains,
    Count,
    Equals,
    Extract,
    Glob,
    HasPattern,
    HasWords,
    Matches,
    NearWords,
    Negation,
    Operand,
    Order,
    Output,
    Page,
    Plan,
    Predicate,
    Present,
    Scan,
    Shown,
)
from bklog.query.tree import (
    And,
    Everything,
    Exists,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Term,
    Value,
    Whole,
    Wild,
    Wildcard,
    Word,
    quote,
)
from bklog.query.words import WORD_CHARACTERS, fold, is_split_by_words, words_of
from bklog.records import TimeRange, to_nanoseconds

MAX_ROWS: Final = 10_000
COLUMNS: Final = ("host", "path", "stream", "level", "log", "parse_error")
TRUE_OR_FALSE: Final = "true or false"
# Each way to spread the words between near words is a branch of an expression: measured, the engine reads these in 80 ms.
MAX_SPREADS: Final = 500
MAX_SPREAD_CHARACTERS: Final = 100_000
_INTEGER: Final = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_WORD_CHARACTER: Final = re.compile(f"[{WORD_CHARACTERS}]")


def plan_page(  # noqa: PLR0913 one for each thing that a page can be asked for
    query: Query,
    *,
    tables: Sequence[TableFields],
    time_range: TimeRange,
    limit: int,
    cursor: Cursor | None,
    fields: Sequence[str] | None,
    masking: Masking,
    order: Order = Order.NEWEST,
) -> Plan:
    """`fields` are the columns and paths to return; None is all of them. `masking` is what the reader may not see.

    Raises:
        QuerySyntax: `unknown_field`, `bad_value`.
        BadRequest: `unknown_field` for one of `fields`, `limit`.
        Forbidden: `field_masked`.
    """
    if not 1 <= limit <= MAX_ROWS:
        message = f"the limit is {limit}; a page has from 1 to {MAX_ROWS} rows"
        raise BadRequest(message, hint="take further rows with the cursor", code="limit")
    columns, paths = _output(fields, tables)
    return _plan(query, tables, time_range, Page(limit, columns, paths, cursor, order), masking)


def plan_count(query: Query, *, tables: Sequence[TableFields], time_range: TimeRange, masking: Masking) -> Plan:
    """Raises QuerySyntax: `unknown_field`, `bad_value`; Forbidden: `field_masked`."""
    return _plan(query, tables, time_range, Count(), masking)


def plan_extract(
    query: Query,
    *,
    tables: Sequence[TableFields],
    time_range: TimeRange,
    fields: Sequence[str] | None,
    order: Order,
    nested: bool,
    masking: Masking,
) -> Plan:
    """`fields` are the file's columns in their order, None for all. With `nested` values keep the type that JSON gives them.

    Raises:
        QuerySyntax: `unknown_field`, `bad_value`.
        Forbidden: `field_masked`.
        BadRequest: `unknown_field` for one of `fields`.
    """
    names = ("time", *COLUMNS[:-1], "fields", COLUMNS[-1]) if fields is None else tuple(dict.fromkeys(fields))
    shown = tuple(_shown(name, tables, nested=nested) for name in names)
    return _plan(query, tables, time_range, Extract(shown, order), masking)


def _shown(name: str, tables: Sequence[TableFields], *, nested: bool) -> Shown:
    """A path keeps its type where the clean rules of all tables agree on it."""
    if name == "fields":
        return Shown(name, FIELDS, is_text=not nested)
    found = [_find(name, table, tables) for table in tables]
    targets = {target for target in found if target}
    if not targets:
        raise BadRequest(f"no row has a field {name}", hint=hint_for(name, tables), code="unknown_field")
    if len(targets) == 1 and not any(target.kind is Kind.DYNAMIC for target in targets):
        return Shown(name, targets.pop())
    return Shown(name, Target(targets.pop().name, Kind.DYNAMIC, inside=True), is_text=not nested)


def plan_analysis(
    query: Query,
    *,
    tables: Sequence[TableFields],
    time_range: TimeRange,
    output: Output,
    masking: Masking,
) -> Plan:
    """Raises QuerySyntax: `unknown_field`, `bad_value`; Forbidden: `field_masked`."""
    return _plan(query, tables, time_range, output, masking)


def find_predicates(query: Query, tables: Sequence[TableFields]) -> tuple[Predicate, ...]:
    """What a query means in each of the tables. Raises QuerySyntax: `unknown_field`, `bad_value`."""
    return tuple(_predicate(query.node, table, tables) for table in tables)


def find_field(name: str, tables: Sequence[TableFields]) -> Field:
    """Raises BadRequest (`unknown_field`)."""
    targets = tuple(target for table in tables if (target := _find(name, table, tables)))
    if len(targets) < len(tables):
        raise BadRequest(f"no row has a field {name}", hint=hint_for(name, tables), code="unknown_field")
    return Field(name, targets)


def _plan(query: Query, tables: Sequence[TableFields], time_range: TimeRange, output: Output, masking: Masking) -> Plan:
    if not tables:
        raise BadRequest("the index set has no table", hint="add a collector to it", code="empty_index_set")
    scans = tuple(Scan(table.table, _predicate(query.node, table, tables), table.is_indexed) for table in tables)
    return Plan(scans, to_nanoseconds(time_range.start), to_nanoseconds(time_range.end), output, masking)


def _output(fields: Sequence[str] | None, tables: Sequence[TableFields]) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    if fields is None:
        return COLUMNS, None
    targets: list[Target] = []
    for name in dict.fromkeys(fields):
        target = _find(name, tables[0], tables)
        if target:
            targets.append(target)
        elif name != "fields":
            raise BadRequest(f"no row has a field {name}", hint=hint_for(name, tables), code="unknown_field")
    columns = tuple(target.name for target in targets if not target.inside and target.name != "time")
    return columns, None if "fields" in fields else tuple(target.name for target in targets if target.inside)


def _find(name: str, table: TableFields, tables: Sequence[TableFields]) -> Target | None:
    """A path that only another table has is looked for here too, and found in no row."""
    elsewhere = next((target for other in tables if (target := other.find(name))), None)
    return table.find(name) or (elsewhere and Target(elsewhere.name, Kind.DYNAMIC, inside=True))


def _predicate(node: Node, table: TableFields, tables: Sequence[TableFields]) -> Predicate:
    match node:
        case Everything():
            return Always()
        case Not(inner):
            return Negation(_predicate(inner, table, tables))
        case And(nodes):
            return AllOf(tuple(_predicate(inner, table, tables) for inner in nodes))
        case Or(nodes):
            return AnyOf(tuple(_predicate(inner, table, tables) for inner in nodes))
        case Exists(field, span):
            return Present(_require(field, span, table, tables))
        case Term(value, field, span):
            return _compare(value, LOG if field is None else _require(field, span, table, tables), span)


def _require(field: str, span: Span, table: TableFields, tables: Sequence[TableFields]) -> Target:
    target = _find(field, table, tables)
    if target is None:
        raise QuerySyntax(
            f"no row has a field {field}",
            span=span,
            hint=hint_for(field, tables),
            code="unknown_field",
            expected="a field that a row has",
        )
    return target


def _compare(value: Value, target: Target, span: Span) -> Predicate:
    if target.kind is Kind.TEXT:
        return _compare_text(value, target, span)
    if isinstance(value, Near):
        message = f"{target.name} is compared as a whole: it has no words that could be near each other"
        raise _bad_value(
            span, message, f"write {target.name}:{quote(value.text)}, or {target.name}:*piece*", expected="a value"
        )
    match target.kind:
        case Kind.KEYWORD | Kind.CASELESS | Kind.DYNAMIC:
            return _compare_whole(value, target)
        case Kind.INT | Kind.FLOAT | Kind.BOOL:
            return _compare_typed(value, target, span)
        case Kind.TIME:
            return _compare_time(value, target, span)


def _compare_text(value: Value, target: Target, span: Span) -> Predicate:
    match value:
        case Word(text) | Phrase(text) if text:
            return HasWords(target, words_of(text)) if is_split_by_words(text) else Contains(target, fold(text))
        case Near(text, slop):
            return _near(text, slop, target, span)
        case Wildcard(pieces):
            return _pattern(target, pieces)
        case Regex(pattern):
            return Matches(target, pattern)
        case Range() if target == LOG:
            raise _bad_value(span, "log is text, which has no order", "compare a field of the line, or time", expected="words")
        case Range() as bounds:
            return _between(target, bounds, {end.text: end.text for end in (bounds.low, bounds.high) if end})
        case _ if target == LOG:
            raise _bad_value(span, "an empty text is in every line", "write a word, or * for every line", expected="words")
        case _:
            return Equals(target, "")


def _near(text: str, slop: int, target: Target, span: Span) -> Predicate:
    if not is_split_by_words(text):
        hint = "write the words one by one, or a phrase without ~"
        raise _bad_value(span, f"~{slop} counts words, and {text!r} is not split into words", hint, expected="words")
    words = words_of(text)
    if len(words) == 1:
        return HasWords(target, words)
    spreads = math.comb(slop + len(words) - 2, slop)
    if spreads > MAX_SPREADS or spreads * len(text) > MAX_SPREAD_CHARACTERS:
        message = f"there are too many ways ({spreads}) to spread {slop} words between {len(words)}"
        raise _bad_value(span, message, "lower the number after ~, or leave out some of the words", expected="less")
    return NearWords(target, words, slop)


def _pattern(target: Target, pieces: tuple[str | Wild, ...]) -> Predicate:
    """Wild marks at an end free it from the word's end; with none in the middle a piece of text is left."""
    folded = tuple(fold(piece) if isinstance(piece, str) else piece for piece in pieces)
    anywhere = not all(piece.isascii() for piece in folded if isinstance(piece, str))
    first, last = folded[0] is Wild.MANY, folded[-1] is Wild.MANY
    kept = folded[first : len(folded) - last]
    match kept:
        case (str() as text,) if anywhere or (first and last):
            return Contains(target, text)
    return HasPattern(
        target,
        kept,
        from_start=not (first or anywhere) and _is_of_word(kept[0], 0),
        to_end=not (last or anywhere) and _is_of_word(kept[-1], -1),
    )


def _is_of_word(piece: str | Wild, place: int) -> bool:
    return isinstance(piece, Wild) or _WORD_CHARACTER.match(piece[place]) is not None


def _compare_whole(value: Whole, target: Target) -> Predicate:
    convert = fold if target.kind is Kind.CASELESS else str
    match value:
        case Word(text) | Phrase(text):
            return Equals(target, convert(text))
        case Wildcard(pieces):
            return Glob(target, tuple(convert(piece) if isinstance(piece, str) else piece for piece in pieces))
        case Regex(pattern):
            return Matches(target, pattern)
        case Range(low, high):
            texts = [end.text for end in (low, high) if end]
            numbers = [read_number(text) for text in texts] if target.kind is Kind.DYNAMIC else [None]
            known: dict[str, Operand] = {text: convert(text) for text in texts}
            if all(number is not None for number in numbers):
                known = {text: number for text, number in zip(texts, numbers, strict=True) if number is not None}
            return _between(target, value, known)


def _compare_typed(value: Whole, target: Target, span: Span) -> Predicate:
    match value:
        case Word(text) | Phrase(text):
            return Compare(target, "=", _typed(text, target, span))
        case _ if target.kind is Kind.BOOL:
            raise _bad_value(
                span,
                f"{target.name} is true or false",
                f"write {target.name}:true or {target.name}:false",
                expected=TRUE_OR_FALSE,
            )
        case Wildcard(pieces):
            return Glob(target, pieces)
        case Regex(pattern):
            return Matches(target, pattern)
        case Range(low, high):
            return _between(target, value, {end.text: _typed(end.text, target, span) for end in (low, high) if end})


def _between(target: Target, bounds: Range, operands: Mapping[str, Operand]) -> Predicate:
    """Both ends of a range, each compared with what its text stands for."""
    sides: list[Predicate] = []
    if bounds.low:
        sides.append(Compare(target, ">=" if bounds.low.inclusive else ">", operands[bounds.low.text]))
    if bounds.high:
        sides.append(Compare(target, "<=" if bounds.high.inclusive else "<", operands[bounds.high.text]))
    return sides[0] if len(sides) == 1 else AllOf(tuple(sides))


def _typed(text: str, target: Target, span: Span) -> bool | int | float:
    if target.kind is Kind.BOOL:
        if fold(text) in ("true", "false"):
            return fold(text) == "true"
        raise _bad_value(
            span, f"{target.name} is true or false, not {text!r}", f"write {target.name}:true", expected=TRUE_OR_FALSE
        )
    number = read_number(text)
    if number is None:
        hint = "write a number such as 404, -5 or 1.5e3, or a range such as [400 TO 499]"
        raise _bad_value(span, f"{target.name} is a number, and {text!r} is none", hint, expected="a number")
    return number


def read_number(text: str) -> int | float | None:
    """None also where the engine's 64 bits end."""
    if _INTEGER.fullmatch(text):
        return int(text) if -(2**63) <= int(text) < 2**63 else None
    number = float(text) if _DECIMAL.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _compare_time(value: Whole, target: Target, span: Span) -> Predicate:
    """A time that is written to the day means the whole day: `time:2026-01-02Z`, `time:<=2026-01-02Z`."""
    match value:
        case Word(text) | Phrase(text):
            moment = _moment(text, target, span)
            return AllOf((CompareTime(target, ">=", moment.start), CompareTime(target, "<", moment.end)))
        case Range(low, high):
            sides: list[Predicate] = []
            if low:
                moment = _moment(low.text, target, span)
                sides.append(CompareTime(target, ">=", moment.start if low.inclusive else moment.end))
            if high:
                moment = _moment(high.text, target, span)
                sides.append(CompareTime(target, "<", moment.end if high.inclusive else moment.start))
            return sides[0] if len(sides) == 1 else AllOf(tuple(sides))
    raise _bad_value(
        span, f"{target.name} is a time and has no text to compare", f"write {target.name}:>=2026-01-02Z", expected="a time"
    )


def _moment(text: str, target: Target, span: Span) -> Moment:
    moment = read_moment(text)
    if moment is None:
        raise _bad_value(span, f"{target.name} is a time, and {text!r} is none with a zone", TIME_HINT, expected="a time")
    return moment


def _bad_value(span: Span, message: str, hint: str, *, expected: str) -> QuerySyntax:
    return QuerySyntax(message, span=span, hint=hint, code="bad_value", expected=expected)
