"""LogQL text -> tokens, each with its place; a failure says line and column, as Loki's clients know it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bklog.errors import BadRequest
from bklog.query.logql.units import BYTES, DURATION

MAX_QUERY_CHARACTERS: Final = 131_072  # Loki's own limit
IDENTIFIER, STRING, NUMBER, SPAN, SIZE, END = "IDENTIFIER", "STRING", "NUMBER", "DURATION", "BYTES", "$end"
HINT: Final = "docs/loki.md lists what is understood"
_BLANK: Final = re.compile(r"(?:\s+|#[^\n]*)+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NUMBER: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_RAW: Final = re.compile(r"`[^`]*`")
_SIGN: Final = re.compile(r"\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[{}()\[\],|=<>+\-*/%^.]")
_ESCAPE: Final = re.compile(r"\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_GO_ESCAPES: Final = {"a": "\a", "v": "\v", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}


class LogqlSyntax(BadRequest):
    code = "logql_syntax"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is what is written, of a string what it means."""

    kind: str
    text: str
    start: int
    end: int


def refuse(message: str, text: str, place: int, *, hint: str = HINT) -> LogqlSyntax:
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    return LogqlSyntax(f"parse error at line {line}, col {column}: {message}", hint=hint)


def scan(text: str) -> list[Token]:
    """Raises LogqlSyntax."""
    if len(text) > MAX_QUERY_CHARACTERS:
        message = f"max query size: the query has {len(text)} characters; at most {MAX_QUERY_CHARACTERS} are read"
        raise LogqlSyntax(f"parse error : {message}", hint="shorten the query")
    tokens: list[Token] = []
    place = _after_blank(text, 0)
    while place < len(text):
        token = _token(text, place)
        tokens.append(token)
        place = _after_blank(text, token.end)
    return [*tokens, Token(END, "", len(text), len(text))]


def _after_blank(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _token(text: str, place: int) -> Token:
    if text[place] in '"`':
        return _string(text, place)
    for kind, pattern in ((SIZE, BYTES), (SPAN, DURATION), (NUMBER, _NUMBER), (IDENTIFIER, _NAME)):
        found = pattern.match(text, place)
        if found and not (kind in (SIZE, SPAN) and _NAME.match(text, found.end())):
            return Token(kind, found[0], place, found.end())
    sign = _SIGN.match(text, place)
    if sign is None:
        raise refuse(f"syntax error: unexpected character {text[place]!r}", text, place)
    return Token(sign[0], sign[0], place, sign.end())


def _string(text: str, place: int) -> Token:
    found = (_QUOTED if text[place] == '"' else _RAW).match(text, place)
    if found is None:
        raise refuse("literal not terminated", text, place)
    inner = found[0][1:-1]
    return Token(STRING, _unescaped(inner, text, place) if text[place] == '"' else inner, place, found.end())


def _unescaped(inner: str, text: str, place: int) -> str:
    """As Go reads a string; two halves of one character are joined, as JSON writes them."""

    def one(match: re.Match[str]) -> str:
        octal, number, letter = match[1], match[2] or match[3] or match[4], match[5]
        if letter is None:
            return chr(int(octal, 8) if octal else int(number, 16))
        if letter in _GO_ESCAPES:
            return _GO_ESCAPES[letter]
        raise refuse("invalid char escape", text, place, hint="write the text between backquotes: they have no escapes")

    try:
        return _ESCAPE.sub(one, inner).encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, OverflowError) as error:  # half of a character, or a number that is none
        raise refuse("invalid char escape", text, place) from error
