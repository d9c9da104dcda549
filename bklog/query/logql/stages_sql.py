"""Stage -> SQL: a SELECT over rows with line and labels becomes another one.

What a parser finds is merged into the labels; where the stream has a label of the name it gets the ending `_extracted`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, assert_never

from bklog.query.logql.tree import (
    PARSE_ERROR,
    PARSE_ERROR_DETAILS,
    Both,
    Compared,
    Decolorize,
    Either,
    Extraction,
    Formatted,
    Groups,
    Json,
    Kept,
    LabelCondition,
    LabelFilter,
    LabelFormat,
    LineFilter,
    LineFormat,
    Logfmt,
    Matcher,
    Placed,
    Renamed,
    Stage,
    Template,
    Unwrap,
)
from bklog.query.logql.units import BYTE_UNITS, DURATION_UNITS, SECOND
from bklog.query.masked import opaque, without_nul
from bklog.query.where import Binder

MAX_NESTED: Final = 5  # objects in objects whose values become labels; what is deeper does not
EXTRACTED: Final = "_extracted"
_ANSI: Final = r"\x1b\[[0-9;]*[a-zA-Z]"
_PATH_PART: Final = re.compile(r'\.?([^.\[\]"]+)|\[(\d{1,9})\]|\["((?:[^"\\]|\\.)*)"\]')


def apply_stage(stage: Stage, rows: str, bind: Binder) -> str:
    match stage:
        case LineFilter():
            return _filtered(rows, line_condition(stage, bind), bind)
        case LabelFilter(condition):
            return _filter_labels(rows, condition, bind)
        case Json() | Logfmt() | Groups():
            return _parsed(stage, rows, bind)
        case Unwrap():
            return _unwrapped(rows, stage, bind)
        case changing:
            return _replaced(changing, rows, bind)


def _parsed(stage: Json | Logfmt | Groups, rows: str, bind: Binder) -> str:
    match stage:
        case Json(only):
            return _parse_json(rows, only, bind)
        case Logfmt(only):
            return _parse_logfmt(rows, only, bind)
        case Groups():
            return _parse_groups(rows, stage, bind)
        case unreachable:
            assert_never(unreachable)


def _replaced(stage: LineFormat | LabelFormat | Kept | Decolorize, rows: str, bind: Binder) -> str:
    """Each change is a SELECT of its own, so that the next one means what it left."""
    match stage:
        case LineFormat(template):
            changes = [f"{_filled(template, bind)} AS line"]
        case Decolorize():
            changes = [f"replaceRegexpAll(line, {bind(_ANSI)}, '') AS line"]
        case LabelFormat(formats):
            changes = [f"{_changed(one, bind)} AS labels" for one in formats]
        case Kept():
            changes = [f"{_kept(stage, bind)} AS labels"]
        case unreachable:
            assert_never(unreachable)
    for change in changes:
        rows = f"SELECT * REPLACE ({change}) FROM ({rows})"
    return rows


def line_condition(stage: LineFilter, bind: Binder) -> str:
    expressions = stage.operator in ("|~", "!~")
    found = [f"match(line, {bind(re2(text))})" if expressions else f"position(line, {bind(text)}) > 0" for text in stage.texts]
    condition = f"({' OR '.join(found)})"
    return f"NOT {condition}" if stage.operator.startswith("!") else condition


def re2(pattern: str) -> str:
    """A dot means no line break, as in LogQL; the engine's own dot does."""
    return without_nul(f"(?-s:{pattern})" if "." in pattern else pattern)


def whole(pattern: str) -> str:
    """What a matcher's expression is: of the whole value, with line breaks."""
    return without_nul(f"^(?s:{pattern})$")


def _merged(found: str, error: str = "") -> str:
    """The labels with those of a Map `found`: of a name that is not there yet, or with the ending."""
    named = f"mapApply((k, v) -> (if(mapContains(labels, k), concat(k, '{EXTRACTED}'), k), v), {found})"
    merged = f"mapUpdate(labels, mapFilter((k, v) -> v != '', {named}))"
    return f"mapUpdate({merged}, {error})" if error else merged


def _parse_json(rows: str, only: Iterable[Extraction], bind: Binder) -> str:
    error = (
        f"if(read, CAST(map(), 'Map(String, String)'), map({bind(PARSE_ERROR)}, 'JSONParserErr',"
        f" {bind(PARSE_ERROR_DETAILS)}, 'the line is no JSON object'))"
    )
    checked = f"SELECT *, startsWith(trimLeft(line), '{{') AND isValidJSON(line) AS read FROM ({rows})"
    document = "if(read, line, '{}')"
    if only := tuple(only):
        pairs = ", ".join(f"{bind(one.label)}, {_decoded(_at_path(document, one.path, bind))}" for one in only)
        found = f"map({pairs})"
    else:
        found = _as_map(f"arrayMap(p -> (p.1, {_decoded('p.2')}), {_flat(document)})")
    return f"SELECT * EXCEPT read REPLACE ({_merged(found, error)} AS labels) FROM ({checked})"


def _flat(document: str) -> str:
    """(name, JSON) of every value that is neither object nor array; names of objects stand before those within."""
    found = f"arrayMap(p -> ({_label_name('p.1')}, p.2), JSONExtractKeysAndValuesRaw({document}))"
    for _ in range(MAX_NESTED):
        inner = f"arrayMap(q -> (concat(p.1, '_', {_label_name('q.1', inside=True)}), q.2), JSONExtractKeysAndValuesRaw(p.2))"
        found = f"arrayFlatten(arrayMap(p -> if(startsWith(p.2, '{{'), {inner}, [(p.1, p.2)]), {found}))"
    return f"arrayFilter(p -> NOT startsWith(p.2, '{{') AND NOT startsWith(p.2, '['), {found})"


def _label_name(name: str, *, inside: bool = False) -> str:
    clean = f"replaceRegexpAll({name}, '[^a-zA-Z0-9_]', '_')"
    return clean if inside else f"if(match({name}, '^[0-9]'), concat('_', {clean}), {clean})"


def _decoded(raw: str) -> str:
    """The text of a JSON value; null is none."""
    return f"multiIf(startsWith({raw}, '\"'), JSONExtractString({raw}), {raw} = 'null', '', {raw})"


def _at_path(document: str, path: str, bind: Binder) -> str:
    keys = [
        bind(str(int(index) + 1), "Int64") if index else bind(name or quoted.replace('\\"', '"'))
        for name, index, quoted in _PATH_PART.findall(path)
    ]
    return f"JSONExtractRaw({', '.join([document, *keys])})"


def _as_map(pairs: str) -> str:
    """Of a name that comes twice, the first."""
    first = "arrayFilter((p, n) -> n = 1, ps, arrayEnumerateUniq(arrayMap(p -> p.1, ps)))"
    return f"CAST(arrayMap(ps -> {first}, [{pairs}])[1], 'Map(String, String)')"


def _parse_logfmt(rows: str, only: Iterable[Extraction], bind: Binder) -> str:
    pairs = "extractKeyValuePairsWithEscaping(replaceRegexpAll(line, '[\\\\t\\\\n\\\\r]', ' '), '=', ' ', '\"')"
    if only := tuple(only):
        listed = ", ".join(f"{bind(one.label)}, found[{bind(one.path)}]" for one in only)
        parsed = f"SELECT *, {pairs} AS found FROM ({rows})"
        return f"SELECT * EXCEPT found REPLACE ({_merged(f'map({listed})')} AS labels) FROM ({parsed})"
    named = f"arrayMap(p -> ({_label_name('p.1')}, p.2), CAST({pairs}, 'Array(Tuple(String, String))'))"
    return f"SELECT * REPLACE ({_merged(_as_map(named))} AS labels) FROM ({rows})"


def _parse_groups(rows: str, stage: Groups, bind: Binder) -> str:
    expression = re2(stage.expression) if stage.stage == "regexp" else without_nul(stage.expression)
    groups = f"SELECT *, extractGroups(line, {bind(expression)}) AS found FROM ({rows})"
    pairs = ", ".join(f"{bind(name)}, found[{place}]" for place, name in enumerate(stage.names, start=1) if name)
    return f"SELECT * EXCEPT found REPLACE ({_merged(f'map({pairs})')} AS labels) FROM ({groups})"


def _filter_labels(rows: str, condition: LabelCondition, bind: Binder) -> str:
    """A value that is no number passes and is marked, so that nothing goes without a word."""
    failing = " OR ".join(dict.fromkeys(_unreadable(one, bind) for one in _compared(condition)))
    if failing:
        mark = f"mapUpdate(labels, map({bind(PARSE_ERROR)}, 'LabelFilterErr'))"
        tried = f"SELECT *, {failing} AS failed FROM ({rows})"
        rows = f"SELECT * EXCEPT failed REPLACE (if(failed, {mark}, labels) AS labels) FROM ({tried})"
    return _filtered(rows, label_condition(condition, bind), bind)


def _filtered(rows: str, condition: str, bind: Binder) -> str:
    return f"SELECT * FROM ({rows}) WHERE {opaque(condition, ('line', 'labels')) if bind.masking else condition}"


def _compared(condition: LabelCondition) -> Iterable[Compared]:
    match condition:
        case Both(left, right) | Either(left, right):
            return [*_compared(left), *_compared(right)]
        case Compared():
            return [condition]
    return []


def label_condition(condition: LabelCondition, bind: Binder) -> str:
    match condition:
        case Matcher():
            return matcher_condition(f"labels[{bind(condition.name)}]", condition, bind)
        case Compared(name, operator, quantity):
            value = _quantity_of(f"labels[{bind(name)}]", quantity.unit, bind)
            compared = f"ifNull({value} {operator} {bind(repr(quantity.value), 'Float64')}, true)"
            return f"(mapContains(labels, {bind(name)}) AND {compared})"
        case Both(left, right):
            return f"({label_condition(left, bind)} AND {label_condition(right, bind)})"
        case Either(left, right):
            return f"({label_condition(left, bind)} OR {label_condition(right, bind)})"
        case unreachable:
            assert_never(unreachable)


def matcher_condition(value: str, matcher: Matcher, bind: Binder) -> str:
    match matcher.operator:
        case "=" | "!=":
            return f"{value} {matcher.operator} {bind(matcher.value)}"
    found = f"match({value}, {bind(whole(matcher.value))})"
    return found if matcher.operator == "=~" else f"NOT {found}"


def _unreadable(one: Compared, bind: Binder) -> str:
    name = bind(one.name)
    return f"(mapContains(labels, {name}) AND isNull({_quantity_of(f'labels[{name}]', one.quantity.unit, bind)}))"


def _quantity_of(text: str, unit: str, bind: Binder) -> str:
    """A Nullable(Float64)."""
    match unit:
        case "duration":
            parts = f"extractAllGroupsHorizontal({text}, {bind(_parts(DURATION_UNITS))})"
            factors = {name: factor / SECOND for name, factor in DURATION_UNITS.items()}
            form, total = f"^-?(?:{_parts(DURATION_UNITS)})+$", _weighed(parts, factors)
            sign = f"if(startsWith({text}, '-'), -1, 1)"
            return f"if(match({text}, {bind(form)}), {sign} * {total}, if({text} = '0', 0., NULL))"
        case "bytes":
            parts = f"extractAllGroupsHorizontal(lower({text}), {bind(_SIZE)})"
            factors = {"": 1, **BYTE_UNITS, **{name[:-1]: factor for name, factor in BYTE_UNITS.items() if len(name) > 1}}
            return f"if(match(lower({text}), {bind(f'^{_SIZE}$')}), {_weighed(parts, factors)}, NULL)"
    return f"toFloat64OrNull({text})"


_SIZE: Final = r"\s*([0-9]+(?:\.[0-9]+)?)\s*((?:[kmgtp]i?)?b?)\s*"


def _parts(units: Iterable[str]) -> str:
    return f"([0-9]+(?:\\.[0-9]+)?)({'|'.join(sorted(units, key=len, reverse=True))})"


def _weighed(parts: str, factors: dict[str, float]) -> str:
    names = ", ".join(f"'{name}'" for name in factors)
    weights = ", ".join(repr(float(factor)) for factor in factors.values())
    return f"arraySum((n, u) -> toFloat64OrZero(n) * transform(u, [{names}], [{weights}], 0.), {parts}[1], {parts}[2])"


def _filled(template: Template, bind: Binder) -> str:
    pieces = [_placed(piece, bind) if isinstance(piece, Placed) else bind(piece) for piece in template.pieces]
    return f"concat({', '.join(pieces)}, '')" if pieces else "''"


def _placed(piece: Placed, bind: Binder) -> str:
    return f"labels[{bind(piece.label)}]" if piece.label else "line"


def _changed(change: Formatted | Renamed, bind: Binder) -> str:
    """A label that is renamed goes; an empty one is none."""
    if isinstance(change, Formatted):
        return f"mapFilter((k, v) -> v != '', mapUpdate(labels, map({bind(change.label)}, {_filled(change.template, bind)})))"
    label, source = bind(change.label), bind(change.source)
    renamed = f"mapUpdate(mapFilter((k, v) -> k != {source}, labels), map({label}, labels[{source}]))"
    return f"if(mapContains(labels, {source}), {renamed}, labels)"


def _kept(stage: Kept, bind: Binder) -> str:
    """What went wrong is not dropped with the labels."""
    meant = " OR ".join(
        f"(k = {bind(one.name)} AND {matcher_condition('v', one, bind)})" if isinstance(one, Matcher) else f"k = {bind(one)}"
        for one in stage.labels
    )
    if stage.stage == "drop":
        return f"mapFilter((k, v) -> NOT ({meant}), labels)"
    return f"mapFilter((k, v) -> {meant} OR startsWith(k, {bind(PARSE_ERROR)}), labels)"


def _unwrapped(rows: str, stage: Unwrap, bind: Binder) -> str:
    """The label goes into the value; rows without it give none, one that is no number is marked."""
    name = bind(stage.label)
    value = _quantity_of(f"labels[{name}]", stage.conversion or "number", bind)
    found = f"SELECT *, {value} AS number FROM ({rows}) WHERE mapContains(labels, {name})"
    mark = f"mapUpdate(labels, map({bind(PARSE_ERROR)}, 'SampleExtractionErr'))"
    labels = f"if(isNull(number), {mark}, mapFilter((k, v) -> k != {name}, labels))"
    return f"SELECT * EXCEPT number REPLACE ({labels} AS labels), ifNull(number, 0.) AS value FROM ({found})"
