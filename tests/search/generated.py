"""Chance -> a tree and a text that means it, written without the language's own printer. The tree is what is tested against."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bklog.query.tree import (
    And,
    Bound,
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
    all_of,
    any_of,
)
from tests.search.reference import kind_of, look_up, words

FIELDS = (
    *("host", "path", "stream", "level", "parse_error", "log"),
    *("status", "latency", "ok", "service", "message", "size", "http.method", "http.ratio", "mixed", "日志", "with space"),
    *("^a", "odd`na\\me", "fields.status", "fields.size", "tags"),
)
NEVER = ("empty", "没有", "status", "a.b", "-")
SPECIAL = re.compile(r'[-+!(){}\[\]^"~*?:\\/=><&|\s]')


@dataclass(frozen=True)
class Source:
    """Where queries come from: the rows they are to find or just not to find."""

    chance: random.Random
    rows: Sequence[dict[str, Any]]

    def row(self) -> dict[str, Any]:
        return self.chance.choice(self.rows)

    def line(self) -> str:
        """Of a long line the beginning or the end: a query has no million words."""
        line: str = self.row()["log"]
        return line[:400] if self.chance.random() < 0.8 else line[-400:]


def a_query(source: Source, depth: int = 0) -> Node:
    chance = source.chance
    kind = chance.choice(["term", "term", "term", "and", "or", "not"] if depth < 3 else ["term"])
    inner = [a_query(source, depth + 1) for _ in range(chance.choice([2, 2, 3]))] if kind in ("and", "or") else []
    match kind:
        case "and":
            return all_of(inner)
        case "or":
            return any_of(inner)
        case "not":
            return Not(a_query(source, depth + 1))
    return a_term(source)


def a_term(source: Source) -> Node:
    chance = source.chance
    if chance.random() < 0.55:
        return Term(a_text(source, source.line()))
    if chance.random() < 0.06:
        return a_moment(source)
    name = chance.choice(FIELDS)
    if chance.random() < 0.1:
        return Exists(name)
    value = look_up(source.row(), name)
    kind = kind_of(name)
    if kind == "string":
        return Term(a_text(source, str(value or "")), name)
    return Term(a_whole(source, value, kind), name)


def a_moment(source: Source) -> Term:
    """Written to the minute, as the evaluator reads it."""
    chance = source.chance
    first, second = sorted(f"{source.row()['time'][:16].replace(' ', 'T')}Z" for _ in range(2))
    if chance.random() < 0.2:
        return Term(Word(first), "time")
    return Term(a_range(source, first, second), "time")


def a_text(source: Source, line: str) -> Value:
    return source.chance.choice([a_word, a_word, a_phrase, a_piece, a_wildcard, a_regex, a_near])(source, line)


def a_word(source: Source, line: str) -> Value:
    chance = source.chance
    found = chance.choice(words(line) or NEVER)[:60]
    return Word(chance.choice([found, found, found.upper(), found[:-1] or found, found + "x"]))


def a_phrase(source: Source, line: str) -> Value:
    found = words(line) or NEVER
    start = source.chance.randrange(len(found))
    taken = found[start : start + source.chance.choice([2, 2, 3, 5])]
    return Phrase(source.chance.choice([" ", " ", "-", ". "]).join(word for word in taken if len(word) < 60) or "empty")


def a_piece(source: Source, line: str) -> Value:
    """Text as it stands in a line, cut anywhere: the words at its ends are rarely whole."""
    chance = source.chance
    start = chance.randrange(len(line) or 1)
    piece = line[start : start + chance.randrange(1, 20)] or "-"
    return Word(piece) if chance.random() < 0.3 else Phrase(piece)


def a_near(source: Source, line: str) -> Value:
    """Words of the line with gaps, and about as many between as there are."""
    chance = source.chance
    found = [(place, word) for place, word in enumerate(words(line)) if word.isascii() and len(word) < 60][:30]
    taken = sorted(chance.sample(found, min(len(found), chance.choice([2, 2, 3, 4]))))
    if not taken:
        return Phrase("empty")
    between = taken[-1][0] - taken[0][0] + 1 - len(taken)
    order = taken if chance.random() < 0.8 else taken[::-1]
    slop = min(max(between + chance.choice([-2, -1, 0, 0, 1]), 1), 100 if len(taken) < 4 else 12)
    return Near(" ".join(word for _, word in order), slop)


def a_wildcard(source: Source, line: str) -> Value:
    chance = source.chance
    found = chance.choice(words(line) or NEVER)[:60] if chance.random() < 0.8 else line[:30]
    return with_marks(chance, found)


def with_marks(chance: random.Random, found: str) -> Value:
    """The text with a mark in the middle, and perhaps one at an end."""
    cut = chance.randrange(len(found) + 1)
    end = min(len(found), cut + chance.choice([0, 1, 2, 4]))
    middle: list[str | Wild] = [Wild.MANY] if chance.random() < 0.6 else [Wild.ONE] * max(1, end - cut)
    around = chance.choice([([], []), ([Wild.MANY], []), ([], [Wild.MANY]), ([Wild.MANY], [Wild.MANY])])
    pieces: list[str | Wild] = []
    for piece in (*around[0], found[:cut], *middle, found[end:], *around[1]):
        if piece and not (piece is Wild.MANY and pieces and pieces[-1] is Wild.MANY):
            pieces.append(piece)
    return Wildcard(("a", Wild.MANY)) if pieces == [Wild.MANY] else Wildcard(tuple(pieces))


def a_regex(source: Source, line: str) -> Value:
    """What the two dialects read alike, with no end that Python's would try for long."""
    chance = source.chance
    start = chance.randrange(len(line) or 1)
    first, second = (literal(line[place : place + chance.randrange(1, 8)]) for place in (start, start + 9))
    middle = chance.choice([".{0,20}", r"[a-z0-9]{0,12}", r"\d{1,3}", r"\W", ".?", "(?:a|b|é)?", "[一-龥]"])
    pattern = chance.choice([f"{first}{middle}{second}", f"^{first}", f"{first}$", f"(?i){first}", f"{first}|{second}", first])
    return Regex(pattern)


def literal(text: str) -> str:
    """NUL as both dialects write it; in small and capital letters alike only where ASCII is meant."""
    plain = "".join(character for character in text if character.isascii() or "一" <= character <= "龥") or "a"
    return re.escape(plain).replace("\0", r"\x00").replace("\\\n", r"\n").replace("\\\r", r"\r").replace("\\\t", r"\t")


def a_whole(source: Source, value: Any, kind: str) -> Value:
    chance = source.chance
    other = look_up(source.row(), chance.choice(("status", "latency", "size")))
    written = as_written(value if value is not None else chance.choice([other, *NEVER]))
    match kind:
        case "bool":
            return Word(chance.choice(["true", "false", "TRUE", "False"]))
        case "int" | "float":
            number = as_written(value if value is not None else 404)
            low, high = sorted((number, as_written(other if other is not None else 5)), key=float)
            return chance.choice(
                [Word(number), Phrase(number), a_range(source, low, high), with_marks(chance, number), Regex(f"^{number[:1]}")]
            )
    if kind == "level" and chance.random() < 0.5:
        written = written.upper()
    low, high = sorted((written, as_written(other if other is not None else "m")))
    kinds = [Word(written) if written else Phrase(""), Phrase(written), with_marks(chance, written[:60])]
    return chance.choice([*kinds, a_range(source, low, high), a_regex(source, written)])


def as_written(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(f"'{item}'" for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def a_range(source: Source, low: str, high: str) -> Range:
    first, second = (Bound(text, inclusive=source.chance.random() < 0.5) for text in (low, high))
    return source.chance.choice([Range(first, second), Range(first, None), Range(None, second)])


class Writer:
    """A tree -> one of the many texts that mean it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def write(self, node: Node) -> str:
        match node:
            case And(nodes):
                return "".join(
                    self._between([" ", "  ", " AND ", " && ", "\n"], place) + self._operand(inner, required=True)
                    for place, inner in enumerate(nodes)
                )
            case Or(nodes):
                same = self._field_group(nodes)
                return same or "".join(
                    self._between([" OR ", " || "], place) + self._operand(inner) for place, inner in enumerate(nodes)
                )
            case Not(inner):
                return self.chance.choice(["NOT ", "-", "!"]) + self._operand(inner)
            case Exists(field):
                return self.chance.choice([f"_exists_:{escaped(field)}", f"{escaped(field)}:*", f"{escaped(field)}:[* TO *]"])
            case Everything():
                return self.chance.choice(["*", "*:*"])
            case Term(value, field):
                name = "" if field is None else escaped(field) + self.chance.choice([":", ":", ": "])
                return name + self._value(value) + (self.chance.choice(["^2", "^0.5"]) if self.chance.random() < 0.05 else "")

    def _between(self, choices: list[str], place: int) -> str:
        return self.chance.choice(choices) if place else ""

    def _operand(self, node: Node, *, required: bool = False) -> str:
        text = self.write(node)
        if isinstance(node, And | Or) or self.chance.random() < 0.1:
            return self.chance.choice(["({})", "( {} )"]).format(text)
        return f"+{text}" if required and self.chance.random() < 0.1 and not isinstance(node, Not) else text

    def _field_group(self, nodes: Sequence[Node]) -> str:
        fields = {node.field if isinstance(node, Term) else None for node in nodes}
        if len(fields) > 1 or None in fields:
            return ""
        values = " OR ".join(self._value(node.value) for node in nodes if isinstance(node, Term))
        return f"{escaped(fields.pop() or '')}:({values})"

    def _value(self, value: Value) -> str:
        match value:
            case Word(text):
                return escaped(text)
            case Phrase(text):
                return quoted(text)
            case Near(text, slop):
                return f"{quoted(text)}~{slop}"
            case Wildcard(pieces):
                return "".join(escaped(piece) if isinstance(piece, str) else piece.value for piece in pieces)
            case Regex(pattern):
                return "/" + pattern.replace("\\/", "/").replace("/", "\\/") + "/"
            case Range(low, high):
                return self._range(low, high)

    def _range(self, low: Bound | None, high: Bound | None) -> str:
        if low and not high and self.chance.random() < 0.7:
            return (">=" if low.inclusive else ">") + self._end(low)
        if high and not low and self.chance.random() < 0.7:
            return ("<=" if high.inclusive else "<") + self._end(high)
        opening = "[" if low and low.inclusive else self.chance.choice("[{") if not low else "{"
        closing = "]" if high and high.inclusive else self.chance.choice("]}") if not high else "}"
        return f"{opening}{self._end(low)} TO {self._end(high)}{closing}"

    def _end(self, bound: Bound | None) -> str:
        if bound is None:
            return "*"
        return quoted(bound.text) if not bound.text or self.chance.random() < 0.5 else escaped(bound.text)


def escaped(text: str) -> str:
    written = SPECIAL.sub(r"\\\g<0>", text)
    return "\\" + written if written in ("AND", "OR", "NOT", "TO") else written


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
