"""What each element of the language means, line by line in plain Python: no index, no SQL, nothing of the planner."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

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
    Regex,
    Term,
    Value,
    Wild,
    Wildcard,
    Word,
)
from tests.search.lines import TYPES

COLUMNS = ("host", "path", "stream", "level", "parse_error", "log")


def matches(node: Node, row: dict[str, Any]) -> bool:
    match node:
        case Everything():
            return True
        case Not(inner):
            return not matches(inner, row)
        case And(nodes):
            return all(matches(inner, row) for inner in nodes)
        case Or(nodes):
            return any(matches(inner, row) for inner in nodes)
        case Exists(field):
            return look_up(row, field) not in (None, "")
        case Term(value, field):
            return holds(value, field or "log", row)


def holds(value: Value, field: str, row: dict[str, Any]) -> bool:
    stored = look_up(row, field)
    kind = kind_of(field)
    if kind == "time":
        return holds_of_time(value, stored)
    if kind in ("string", "keyword", "level"):
        stored = stored or ""
    return stored is not None and holds_of_kind(value, stored, kind)


def kind_of(field: str) -> str:
    """Empty for a path that the rule gives no type."""
    if field in ("time", "ingest_time"):
        return "time"
    if field in ("log", "level"):
        return {"log": "string", "level": "level"}[field]
    return "keyword" if field in COLUMNS else TYPES.get(field.removeprefix("fields."), "")


def holds_of_kind(value: Value, stored: Any, kind: str) -> bool:
    match value:
        case Regex(pattern):
            return compiled(pattern).search(as_text(stored)) is not None
        case Near(text, slop):
            return is_near(stored, text, slop)
        case Range():
            return in_range(value, stored, kind)
        case Wildcard(pieces):
            return has_wildcard(stored, value) if kind == "string" else has_glob(as_text(stored), pieces, kind)
        case Word(text) | Phrase(text):
            return has_text(stored, text) if kind == "string" else is_equal(stored, text, kind)


@lru_cache(maxsize=1000)
def compiled(pattern: str) -> re.Pattern[str]:
    """RE2's dialect, as far as the queries use it: ASCII classes, and `$` the very end."""
    very_end = re.sub(r"(\\.)|\$", lambda found: found[1] or r"\Z", pattern, flags=re.DOTALL)
    return re.compile(very_end, re.DOTALL | re.ASCII)


def is_equal(stored: Any, text: str, kind: str) -> bool:
    match kind:
        case "int" | "float":
            return bool(stored == as_number(text))
        case "bool":
            return bool(stored == (text.lower() == "true"))
        case "level":
            return bool(stored.lower() == ascii_lower(text))
        case _:
            return as_text(stored) == text


def has_glob(stored: str, pieces: tuple[str | Wild, ...], kind: str) -> bool:
    marks = {Wild.MANY: ".*", Wild.ONE: "."}
    glob = "".join(re.escape(piece) if isinstance(piece, str) else marks[piece] for piece in pieces)
    return re.fullmatch(glob, stored, re.DOTALL | (re.IGNORECASE if kind == "level" else re.NOFLAG)) is not None


def look_up(row: dict[str, Any], field: str) -> Any:
    if field in row and field != "fields":
        return row[field]
    found: Any = row["fields"]
    if field.removeprefix("fields.") in found:
        return found[field.removeprefix("fields.")]
    for part in field.removeprefix("fields.").split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def as_text(stored: Any) -> str:
    match stored:
        case bool():
            return str(stored).lower()
        case float():
            return repr(stored).removesuffix(".0")
        case list():
            return "[" + ",".join(f"'{item}'" for item in stored) + "]"
        case _:
            return str(stored)


@lru_cache(maxsize=10_000)
def ascii_lower(text: str) -> str:
    return "".join(chr(ord(character) + 32) if "A" <= character <= "Z" else character for character in text)


def of_word(character: str) -> bool:
    return ord(character) >= 128 or character.isalnum()


@lru_cache(maxsize=10_000)
def words(text: str) -> Sequence[str]:
    spaced = "".join(character if of_word(character) else " " for character in ascii_lower(text))
    return tuple(word for word in spaced.split(" ") if word)


@lru_cache(maxsize=10_000)
def side_by_side(text: str) -> str:
    return f" {' '.join(words(text))} "


def has_text(line: str, text: str) -> bool:
    if not text:
        return not line
    if not text.isascii() or not words(text):
        return ascii_lower(text) in ascii_lower(line)
    return side_by_side(text) in side_by_side(line)


def is_near(line: str, text: str, slop: int) -> bool:
    """From each place of the first word, the places that each further word can have when as few words as can be lie between."""
    first, *further = words(text)
    there = words(line)
    if not set(words(text)) <= set(there):
        return False
    for start in [place for place, word in enumerate(there) if word == first]:
        reached = {start}
        for number, word in enumerate(further, 2):
            last = start + number - 1 + slop
            reached = (
                {place for place in range(min(reached) + 1, min(last + 1, len(there))) if there[place] == word}
                if reached
                else reached
            )
        if reached:
            return True
    return False


def has_wildcard(line: str, value: Wildcard) -> bool:
    """All places that a pattern can have reached from a start, piece by piece; `*` and `?` stand for characters of a word."""
    text = ascii_lower(line)
    if not all(ascii_lower(piece) in text for piece in value.pieces if isinstance(piece, str)):
        return False
    whole = all(piece.isascii() for piece in value.pieces if isinstance(piece, str))
    first, last = value.pieces[0], value.pieces[-1]
    is_start = whole and first is not Wild.MANY and (isinstance(first, Wild) or of_word(first[0]))
    is_end = whole and last is not Wild.MANY and (isinstance(last, Wild) or of_word(last[-1]))
    pieces = value.pieces[first is Wild.MANY : len(value.pieces) - (last is Wild.MANY)]
    return any(ends(text, start, pieces, is_end=is_end) for start in starts(text, pieces[0], is_start=is_start))


def starts(text: str, piece: str | Wild, *, is_start: bool) -> Iterator[int]:
    """Where a pattern that begins with this piece can begin."""
    if isinstance(piece, Wild):
        yield from word_starts(text) if is_start else range(len(text))
        return
    place = -1
    while (place := text.find(ascii_lower(piece), place + 1)) >= 0:
        if not is_start or place == 0 or not of_word(text[place - 1]):
            yield place


@lru_cache(maxsize=10_000)
def word_starts(text: str) -> Sequence[int]:
    inside = [of_word(character) for character in text]
    return [place for place, here in enumerate(inside) if here and not (place and inside[place - 1])]


def ends(text: str, start: int, pieces: tuple[str | Wild, ...], *, is_end: bool) -> bool:
    reached = {start}
    for piece in pieces:
        reached = advance(text, reached, piece)
    return any(not is_end or place == len(text) or not of_word(text[place]) for place in reached)


def advance(text: str, reached: set[int], piece: str | Wild) -> set[int]:
    if isinstance(piece, str):
        wanted = ascii_lower(piece)
        return {place + len(wanted) for place in reached if text.startswith(wanted, place)}
    if piece is Wild.ONE:
        return {place + 1 for place in reached if place < len(text) and of_word(text[place])}
    more: set[int] = set()
    for start in sorted(reached):
        place = start
        while place not in more:
            more.add(place)
            if place == len(text) or not of_word(text[place]):
                break
            place += 1
    return more


def in_range(value: Range, stored: Any, kind: str) -> bool:
    ends = [end.text for end in (value.low, value.high) if end]
    if kind in ("int", "float") or (not kind and all(as_number(text) is not None for text in ends)):
        compared: Any = stored if kind else as_number(as_text(stored))
        convert: Any = as_number
    elif kind == "level":
        compared, convert = ascii_lower(stored), ascii_lower
    else:
        compared, convert = as_text(stored).encode(), str.encode
    if compared is None:
        return False
    low, high = value.low, value.high
    above = low is None or compared > convert(low.text) or (low.inclusive and compared == convert(low.text))
    below = high is None or compared < convert(high.text) or (high.inclusive and compared == convert(high.text))
    return bool(above and below)


def as_number(text: str) -> int | float | None:
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d*)?(e\d+)?", text) else None


def nanoseconds(stored: str) -> int:
    moment, _, fraction = stored.partition(".")
    since = datetime.fromisoformat(moment) - datetime(1970, 1, 1)  # noqa: DTZ001  (the rows are in UTC without saying so)
    return since // timedelta(seconds=1) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def holds_of_time(value: Value, stored: str) -> bool:
    """Written to the minute, as the generated queries are: the whole minute is meant."""
    here = nanoseconds(stored)
    match value:
        case Word(text) | Phrase(text):
            return minute(text) <= here < minute(text) + 60_000_000_000
        case Range(low, high):
            above = low is None or here >= minute(low.text) + (0 if low.inclusive else 60_000_000_000)
            return above and (high is None or here < minute(high.text) + (60_000_000_000 if high.inclusive else 0))
    raise ValueError(value)


def minute(text: str) -> int:
    return nanoseconds(text.removesuffix("Z") + ":00.0")
