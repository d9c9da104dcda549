"""Plan -> Statement: the only place that writes the SQL of a search. A value is always bound, a name always quoted.

A page is asked for in the order of the table's sorting key, so that the engine reads the newest granules and stops when it
is full; columns that only the page's rows need are read for these rows alone. Values are bound as text beside their type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, assert_never

from bklog.query.fields import Kind, Target
from bklog.query.moment import SECOND
from bklog.query.plan import (
    AllOf,
    Always,
    AnyOf,
    Compare,
    CompareTime,
    Contains,
    Count,
    Equals,
    Glob,
    HasPattern,
    HasWords,
    Leaf,
    Matches,
    NearWords,
    Negation,
    Operand,
    Page,
    Plan,
    Predicate,
    Present,
    Scan,
    positive_leaves,
)
from bklog.query.tree import Wild
from bklog.query.words import WORD_CHARACTERS
from bklog.records import IDENTITY, Statement
from bklog.records.timerange import EPOCH

NEWEST_FIRST: Final = ", ".join(f"{name} DESC" for name in IDENTITY)
# Up to this many rows the columns that no condition reads are read for the page's rows only; servers differ in the default.
PAGE_SETTINGS: Final = "SETTINGS query_plan_max_limit_for_lazy_materialization = 10000"
_NULLABLE: Final = (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.DYNAMIC)
_LIKE_SPECIAL: Final = re.compile(r"[\\%_]")
_LIKE_WILD: Final = {Wild.MANY: "%", Wild.ONE: "_"}
_REGEX_WORD: Final = WORD_CHARACTERS.replace(r"\x80-\U0010ffff", r"\x{80}-\x{10ffff}")
_REGEX_WILD: Final = {Wild.MANY: f"[{_REGEX_WORD}]*", Wild.ONE: f"[{_REGEX_WORD}]"}
MIN_INDEXED_PIECE: Final = 4  # the engine looks no shorter piece up in the words of its index


class _Binder:
    """Collects values; the same value of the same type is bound once."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], str] = {}

    def __call__(self, value: str, kind: str = "String") -> str:
        name = self._places.setdefault((kind, value), f"p{len(self._places)}")
        return f"{{{name}:{kind}}}"

    def params(self) -> dict[str, str]:
        return {name: value for (_, value), name in self._places.items()}


def render(plan: Plan) -> Statement:
    bind = _Binder()
    match plan.output:
        case Count():
            text = _render_count(plan, bind)
        case Page() as page:
            text = _render_page(plan, page, bind)
    return Statement(text, bind.params())


def render_bounds(tables: Iterable[str]) -> Statement:
    """The oldest and the newest time of the tables, and whether they have a row at all."""
    scans = " UNION ALL ".join(
        f"SELECT min(time) AS oldest, max(time) AS newest, count() AS n FROM {table}" for table in tables
    )
    oldest, newest = _iso("min(oldest)"), _iso("max(newest)")
    return Statement(f"SELECT {oldest} AS oldest, {newest} AS newest FROM ({scans}) WHERE n > 0 HAVING count() > 0")


def render_paths(table: str) -> Statement:
    """Every path of `fields` that a row of the table has; answered from the parts' metadata."""
    return Statement(f"SELECT arrayJoin(distinctJSONPaths(fields)) AS path FROM {table}")


def render_regex_check(pattern: str) -> Statement:
    """Whether the engine can read the expression: in a group, so that it takes none for plain text."""
    bind = _Binder()
    return Statement(f"SELECT match(materialize(''), {bind(f'(?:{_without_nul(pattern)})')})", bind.params())


def regexes(plan: Plan) -> tuple[str, ...]:
    """The expressions on the raw line whose places the engine finds itself, as its dialect is not Python's."""
    found = {
        leaf.pattern: None
        for scan in plan.scans
        for leaf in positive_leaves(scan.predicate)
        if isinstance(leaf, Matches) and leaf.target.name == "log" and not leaf.target.inside
    }
    return tuple(found)


def quote_name(name: str) -> str:
    """A name between backquotes: the engine reads it as it is, whatever it holds."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _render_count(plan: Plan, bind: _Binder) -> str:
    counts = [f"SELECT count() AS n FROM {scan.table} WHERE {_where(scan, plan, bind)}" for scan in plan.scans]
    return counts[0] if len(counts) == 1 else f"SELECT sum(n) AS n FROM ({' UNION ALL '.join(counts)})"


def _render_page(plan: Plan, page: Page, bind: _Binder) -> str:
    outputs = _outputs(plan, page, bind)
    if len(plan.scans) == 1:
        return f"{_select_page(plan.scans[0], plan, page, bind, list(outputs.values()))} {PAGE_SETTINGS}"
    scans = [
        f"SELECT * FROM ({_select_page(scan, plan, page, bind, ['time', 'batch', *outputs.values()])})" for scan in plan.scans
    ]
    merged = f"SELECT {', '.join(outputs)} FROM ({' UNION ALL '.join(scans)})"
    return f"{merged} ORDER BY {NEWEST_FIRST} LIMIT {page.limit} {PAGE_SETTINGS}"


def _select_page(scan: Scan, plan: Plan, page: Page, bind: _Binder, outputs: list[str]) -> str:
    return (
        f"SELECT {', '.join(outputs)} FROM {scan.table} WHERE {_where(scan, plan, bind)}"
        f" ORDER BY {NEWEST_FIRST} LIMIT {page.limit}"
    )


def _outputs(plan: Plan, page: Page, bind: _Binder) -> dict[str, str]:
    """Result column -> expression; never under a column's name, which would stand for it in the conditions too."""
    outputs = {
        "time_text": f"{_iso('time')} AS time_text",
        "time_ns": "toUnixTimestamp64Nano(time) AS time_ns",
        "batch_text": "toString(batch) AS batch_text",
        "row": "row",
    }
    outputs |= {name: name for name in page.columns}
    if page.paths is None:
        outputs["fields_json"] = "toJSONString(fields) AS fields_json"
    else:
        paths = enumerate(page.paths)
        outputs |= {f"path_{place}": f"toJSONString({_path(name)}) AS path_{place}" for place, name in paths}
    for place, pattern in enumerate(regexes(plan) if "log" in page.columns else ()):
        # What lies between the hits and how long each hit is, in characters: together they give every place.
        whole = bind(f"({_without_nul(pattern)})")
        gaps = f"arrayMap(x -> lengthUTF8(x), splitByRegexp({whole}, log))"
        hits = f"arrayMap(x -> lengthUTF8(x), extractAll(log, {whole}))"
        outputs |= {f"gaps_{place}": f"{gaps} AS gaps_{place}", f"hits_{place}": f"{hits} AS hits_{place}"}
    return outputs


def _where(scan: Scan, plan: Plan, bind: _Binder) -> str:
    cursor = plan.output.cursor if isinstance(plan.output, Page) else None
    end = min(plan.end, cursor.time + 1) if cursor else plan.end
    conditions = [f"time >= {_bind_time(plan.start, bind)}", f"time < {_bind_time(end, bind)}"]
    if cursor:
        last = f"{_bind_time(cursor.time, bind)}, {bind(str(cursor.batch), 'UUID')}, {bind(str(cursor.row), 'UInt32')}"
        conditions.append(f"(time, batch, row) < ({last})")
    if not isinstance(scan.predicate, Always):
        conditions.append(_grouped(scan.predicate, bind))
    return " AND ".join(conditions)


def _condition(predicate: Predicate, bind: _Binder) -> str:
    match predicate:
        case Negation(inner):
            return f"NOT ({_condition(inner, bind)})"
        case AllOf(predicates):
            return " AND ".join(_grouped(inner, bind) for inner in predicates)
        case AnyOf(predicates):
            return " OR ".join(_grouped(inner, bind) for inner in predicates)
        case leaf:
            return _leaf(leaf, bind)


def _grouped(predicate: Predicate, bind: _Binder) -> str:
    text = _condition(predicate, bind)
    return f"({text})" if isinstance(predicate, AllOf | AnyOf) else text


def _leaf(leaf: Leaf, bind: _Binder) -> str:
    match leaf:
        case Always():
            return "true"
        case HasWords() | NearWords():
            return _has_words(leaf, bind)
        case Contains(target, text):
            return f"lower({_column(target)}) LIKE {bind(f'%{_like(text)}%')}"
        case HasPattern():
            return _has_pattern(leaf, bind)
        case Present(target):
            return _present(target)
        case compared:
            condition = _compared(compared, bind)
            return f"ifNull({condition}, false)" if compared.target.kind in _NULLABLE else condition


def _compared(leaf: Equals | Glob | Matches | Compare | CompareTime, bind: _Binder) -> str:
    match leaf:
        case Equals(target, text):
            return f"{_text(target)} = {bind(text)}"
        case Glob(target, pieces):
            like = "".join(_like(piece) if isinstance(piece, str) else _LIKE_WILD[piece] for piece in pieces)
            return f"{_text(target)} LIKE {bind(like)}"
        case Matches(target, pattern):
            column = _column(target) if target.kind is Kind.CASELESS else _text(target)
            return f"match({column}, {bind(_without_nul(pattern))})"
        case Compare(target, operator, operand):
            return f"{_comparable(target, operand)} {operator} {bind(*_operand(operand))}"
        case CompareTime(target, operator, nanoseconds):
            return f"{_column(target)} {operator} {_bind_time(nanoseconds, bind)}"
        case unreachable:
            assert_never(unreachable)


def _has_words(leaf: HasWords | NearWords, bind: _Binder) -> str:
    """hasToken is what both kinds of index answer; only the order of several words needs the text."""
    column = f"lower({_column(leaf.target)})"
    conditions = [f"hasToken({column}, {bind(word)})" for word in dict.fromkeys(leaf.words)]
    if isinstance(leaf, NearWords):
        pattern = f"(?:^|[^{_REGEX_WORD}]){_spread(leaf.words, leaf.slop)}(?:$|[^{_REGEX_WORD}])"
        conditions.append(f"match({column}, {bind(pattern)})")
    elif len(leaf.words) > 1:
        conditions.append(f"hasPhrase({column}, {bind(' '.join(leaf.words))}, 'splitByNonAlpha')")
    return conditions[0] if len(conditions) == 1 else f"({' AND '.join(conditions)})"


def _spread(words: tuple[str, ...], slop: int) -> str:
    """The first word, and the rest behind it: each way to spread at most `slop` other words between them is a branch."""
    if len(words) == 1:
        return words[0]
    between, other = f"[^{_REGEX_WORD}]+", f"(?:[{_REGEX_WORD}]+[^{_REGEX_WORD}]+)"
    if len(words) == 2:
        return f"{words[0]}{between}{other}{{0,{slop}}}{words[1]}"
    branches = (f"{other}{{{used}}}{_spread(words[1:], slop - used)}" for used in range(slop + 1))
    return f"{words[0]}{between}(?:{'|'.join(branches)})"


def _has_pattern(leaf: HasPattern, bind: _Binder) -> str:
    """LIKE on the longest piece comes first: the index answers it from its list of words."""
    column = f"lower({_column(leaf.target)})"
    inner = "".join(_regex(piece) if isinstance(piece, str) else _REGEX_WILD[piece] for piece in leaf.pieces)
    before = f"(?:^|[^{_REGEX_WORD}])" if leaf.from_start else ""
    after = f"(?:$|[^{_REGEX_WORD}])" if leaf.to_end else ""
    condition = f"match({column}, {bind(before + inner + after)})"
    longest = max((piece for piece in leaf.pieces if isinstance(piece, str)), key=len, default="")
    if len(longest) < MIN_INDEXED_PIECE:
        return condition
    return f"({column} LIKE {bind(f'%{_like(longest)}%')} AND {condition})"


def _present(target: Target) -> str:
    if target.kind is Kind.TIME:
        return "true"
    return f"isNotNull({_column(target)})" if target.kind in _NULLABLE else f"{_column(target)} != ''"


def _column(target: Target) -> str:
    return _path(target.name) if target.inside else quote_name(target.name)


def _path(name: str) -> str:
    return f"fields.{quote_name(name)}"


def _text(target: Target) -> str:
    """The value as the text that Equals and Glob compare."""
    if target.kind is Kind.CASELESS:
        return f"lower({_column(target)})"
    if target.kind is Kind.DYNAMIC:  # toString would make an empty text of a value that is not there
        return f"CAST({_column(target)}, 'Nullable(String)')"
    return f"toString({_column(target)})" if target.kind in _NULLABLE else _column(target)


def _comparable(target: Target, operand: Operand) -> str:
    if target.kind is Kind.DYNAMIC and not isinstance(operand, str):
        return f"toFloat64OrNull({_text(target)})"
    return _text(target) if isinstance(operand, str) else _column(target)


def _operand(operand: Operand) -> tuple[str, str]:
    """The text of a value, and the engine's type."""
    match operand:
        case bool():
            return str(operand).lower(), "Bool"
        case int():
            return str(operand), "Int64"
        case float():
            return repr(operand), "Float64"
        case text:
            return text, "String"


def _bind_time(nanoseconds: int, bind: _Binder) -> str:
    seconds, rest = divmod(nanoseconds, SECOND)
    return bind(f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}.{rest:09d}", "DateTime64(9, 'UTC')")


def _iso(column: str) -> str:
    return f"concat(replaceOne(toString({column}), ' ', 'T'), 'Z')"


def _like(text: str) -> str:
    return _LIKE_SPECIAL.sub(r"\\\g<0>", text)


def _regex(text: str) -> str:
    return _without_nul(re.escape(text))


def _without_nul(pattern: str) -> str:
    """The engine's own look at an expression would end at a NUL byte."""
    return pattern.replace("\0", r"\x00")
