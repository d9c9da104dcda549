"""Predicate -> the condition of a statement, about the row as its reader may see it. A value is always bound, beside its type.

Binder: the values of one statement, and the masked row that its conditions compare.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, assert_never

from bklog.query.fields import Kind, Target
from bklog.query.indexed import MIN_INDEXED_PIECE
from bklog.query.masked import MaskedRow, path_column, quote_name, without_nul
from bklog.query.masking import UNMASKED, Masking
from bklog.query.moment import SECOND
from bklog.query.plan import (
    STORED_KINDS,
    AllOf,
    Always,
    AnyOf,
    Compare,
    CompareTime,
    Contains,
    Equals,
    Glob,
    HasPattern,
    HasWords,
    Leaf,
    Matches,
    NearWords,
    Negation,
    Operand,
    Predicate,
    Present,
)
from bklog.query.tree import Wild
from bklog.query.words import WORD_CHARACTERS
from bklog.records.timerange import EPOCH

_NULLABLE: Final = (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.DYNAMIC)
_LIKE_SPECIAL: Final = re.compile(r"[\\%_]")
_LIKE_WILD: Final = {Wild.MANY: "%", Wild.ONE: "_"}
_REGEX_WORD: Final = WORD_CHARACTERS.replace(r"\x80-\U0010ffff", r"\x{80}-\x{10ffff}")
_REGEX_WILD: Final = {Wild.MANY: f"[{_REGEX_WORD}]*", Wild.ONE: f"[{_REGEX_WORD}]"}


class Binder:
    """Collects values; the same value of the same type is bound once. `row` is the row as its reader may see it."""

    def __init__(self, masking: Masking, places: dict[tuple[str, str], str] | None = None, texts: Sequence[str] = ()) -> None:
        self._places: dict[tuple[str, str], str] = {} if places is None else places
        self.masking = masking
        self.row = MaskedRow(masking, self, texts)

    def under(self, masking: Masking) -> Binder:
        """The same values, for rows with another masking."""
        return Binder(masking, self._places)

    def knowing(self, texts: Sequence[str]) -> Binder:
        """The same values, for rows that have these texts masked: see `MaskedRow.compared`."""
        return Binder(self.masking, self._places, texts)

    def unmasked(self) -> Binder:
        """The same values, for what only the engine compares."""
        return self.under(UNMASKED)

    def __call__(self, value: str, kind: str = "String") -> str:
        name = self._places.setdefault((kind, value), f"p{len(self._places)}")
        return f"{{{name}:{kind}}}"

    def params(self) -> dict[str, str]:
        return {name: value for (_, value), name in self._places.items()}


def condition_of(predicate: Predicate, bind: Binder) -> str:
    """For a row of `extract.shown_from`."""
    return f"({_condition(predicate, bind)})"


def _condition(predicate: Predicate, bind: Binder) -> str:
    match predicate:
        case Negation(inner):
            return f"NOT ({_condition(inner, bind)})"
        case AllOf(predicates):
            return " AND ".join(grouped(inner, bind) for inner in predicates)
        case AnyOf(predicates):
            return " OR ".join(grouped(inner, bind) for inner in predicates)
        case leaf:
            return _leaf(leaf, bind)


def grouped(predicate: Predicate, bind: Binder) -> str:
    text = _condition(predicate, bind)
    return f"({text})" if isinstance(predicate, AllOf | AnyOf) else text


def _leaf(leaf: Leaf, bind: Binder) -> str:
    match leaf:
        case Always():
            return "true"
        case HasWords() | NearWords():
            return _has_words(leaf, bind)
        case Contains(target, text):
            return f"lower({_column(target, bind)}) LIKE {bind(f'%{_like(text)}%')}"
        case HasPattern():
            return _has_pattern(leaf, bind)
        case Present(target):
            return _present(target)
        case compared:
            condition = _compared(compared, bind)
            if bind.masking and compared.target.kind in STORED_KINDS and compared.target.kind is not Kind.TIME:
                condition = f"({condition}) AND {bind.row.is_shown_raw(text_of(compared.target))}"
            return f"ifNull({condition}, false)" if compared.target.kind in _NULLABLE else condition


def _compared(leaf: Equals | Glob | Matches | Compare | CompareTime, bind: Binder) -> str:
    match leaf:
        case Equals(target, text):
            return f"{_text(target, bind)} = {bind(text)}"
        case Glob(target, pieces):
            like = "".join(_like(piece) if isinstance(piece, str) else _LIKE_WILD[piece] for piece in pieces)
            return f"{_text(target, bind)} LIKE {bind(like)}"
        case Matches(target, pattern):
            column = _column(target, bind) if target.kind is Kind.CASELESS else _text(target, bind)
            return f"match({column}, {bind(without_nul(pattern))})"
        case Compare(target, operator, operand):
            return f"{_comparable(target, operand, bind)} {operator} {bind(*_operand(operand))}"
        case CompareTime(target, operator, nanoseconds):
            return f"{_column(target, bind)} {operator} {bind_time(nanoseconds, bind)}"
        case unreachable:
            assert_never(unreachable)


def _has_words(leaf: HasWords | NearWords, bind: Binder) -> str:
    """hasToken is what both kinds of index answer; only the order of several words needs the text."""
    column = f"lower({_column(leaf.target, bind)})"
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


def _has_pattern(leaf: HasPattern, bind: Binder) -> str:
    """LIKE on the longest piece comes first: the index answers it from its list of words."""
    column = f"lower({_column(leaf.target, bind)})"
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
    return f"isNotNull({stored(target)})" if target.kind in _NULLABLE else f"{stored(target)} != ''"


def stored(target: Target) -> str:
    return path_column(target.name) if target.inside else quote_name(target.name)


def _column(target: Target, bind: Binder) -> str:
    """What a condition compares: of a text, what the reader sees. Numbers are looked at by `_compared`."""
    raw = stored(target)
    if not bind.masking or target.kind in STORED_KINDS:
        return raw
    if not target.inside:
        return bind.row.column(target.name)
    text = bind.row.text(text_of(target))
    return f"if(isNull({raw}), NULL, {text})" if target.kind is Kind.DYNAMIC else text


def text_of(target: Target) -> str:
    """The text of a path that masking reads; empty for NULL."""
    raw = stored(target)
    return f"ifNull(toString({raw}), '')" if target.kind in _NULLABLE else f"CAST({raw}, 'String')"


def _text(target: Target, bind: Binder) -> str:
    """The value as the text that Equals and Glob compare."""
    if target.kind is Kind.CASELESS:
        return f"lower({_column(target, bind)})"
    if target.kind is Kind.DYNAMIC:  # toString would make an empty text of a value that is not there
        return f"CAST({_column(target, bind)}, 'Nullable(String)')"
    return f"toString({_column(target, bind)})" if target.kind in _NULLABLE else _column(target, bind)


def _comparable(target: Target, operand: Operand, bind: Binder) -> str:
    if target.kind is Kind.DYNAMIC and not isinstance(operand, str):
        return f"toFloat64OrNull({_text(target, bind)})"
    return _text(target, bind) if isinstance(operand, str) else _column(target, bind)


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


def bind_time(nanoseconds: int, bind: Binder) -> str:
    seconds, rest = divmod(nanoseconds, SECOND)
    return bind(f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}.{rest:09d}", "DateTime64(9, 'UTC')")


def _like(text: str) -> str:
    return _LIKE_SPECIAL.sub(r"\\\g<0>", text)


def _regex(text: str) -> str:
    return without_nul(re.escape(text))
