"""SQL bytes -> tokens -> Scan: which kind of statement it is, and where its SQL ends and its data begins.

    b"INSERT INTO t (a) SETTINGS x=1 FORMAT CSV\\n1\\n2"
                     ^infile_at     ^sql_end     ^data_at

The lexer accepts a part of the engine's own lexical grammar and refuses the rest, so that both always agree on where a string,
a comment or a name ends: the guard (`guard.py`) relies on that. Text that may go on (a body still arriving) raises NeedMore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, cast

from bklog.store.server.errors import Code, refusal

# Whitespace of the engine's lexer: ASCII, and the Unicode spaces that people paste.
_SPACE: Final = (
    rb"[ \t\n\r\f\v]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8d\xa8\xa9\xaf]|\xe2\x81[\x9f\xa0]"
    rb"|\xe3\x80\x80|\xef\xbb\xbf"
)
_TOKEN: Final = re.compile(
    rb"""(?P<skip>(?:"""
    + _SPACE
    + rb""")++|--[^\n]*+(?:\n|$)|/\*.*?\*/)
    |(?P<string>'(?:[^'\\]++|\\.|'')*+')
    |(?P<hex>[xXbB]'[0-9A-Fa-f]*+')
    |(?P<quoted>`(?:[^`\\]++|\\.|``)*+`|"(?:[^"\\]++|\\.|"")*+")
    |(?P<number>(?:[0-9][0-9_]*+\.?[0-9_]*+|\.[0-9][0-9_]*+)(?:[eE][-+]?[0-9]++)?(?![0-9A-Za-z_]))
    |(?P<word>(?![xXbB]')[0-9A-Za-z_]++)
    |(?P<symbol>->|::|[-+*=<>!|%?:@^&~,;.()\[\]{}]|/(?![/*]))""",
    re.VERBOSE | re.DOTALL,
)
# `1e--x` is the number "1e-" and a minus for the engine, not a comment.
_AMBIGUOUS: Final = re.compile(rb"[0-9.][0-9A-Za-z_.]*[eEpP]\Z")
_AMBIGUOUS_BYTES: Final = 64
_AFTER_FORMAT: Final = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")
_OPEN: Final = frozenset((b"(", b"[", b"{"))
_CLOSE: Final = frozenset((b")", b"]", b"}"))

TokenKind = Literal["string", "hex", "quoted", "number", "word", "symbol"]


class NeedMore(Exception):
    """The text ends before it is clear where the statement's data begins."""


class Token(NamedTuple):
    """A piece of SQL: `text` as written, `upper` for words (empty for the rest), byte offsets."""

    kind: TokenKind
    text: bytes
    upper: str
    start: int
    end: int


class Kind(Enum):
    EMPTY = "empty"
    SELECT = "select"
    INSERT = "insert"
    KILL = "kill"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class InputCall:
    """`input(structure)`: the call's span and its argument's text."""

    start: int
    end: int
    argument: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """An INSERT that carries rows, which begin at `data_at`; before it, from `sql_end`, stands only FORMAT or VALUES."""

    format: str
    infile_at: int
    sql_end: int
    data_at: int
    call: InputCall | None = None

    @property
    def is_values(self) -> bool:
        return self.format.lower() == "values"


@dataclass(frozen=True, slots=True)
class Output:
    """A statement's own `format` (or nothing), where INTO OUTFILE would stand, and where the statement ends."""

    format: str
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement read: its kind, its tokens (without those of the rows), its rows if it carries any."""

    kind: Kind
    tokens: tuple[Token, ...]
    data: Data | None = None


def lex(sql: bytes) -> Iterator[Token]:
    """Raises StoreError (SYNTAX_ERROR) at the first byte that is not SQL as this server reads it."""
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None or (found.group(0)[:2] == b"--" and _AMBIGUOUS.search(sql[max(0, at - _AMBIGUOUS_BYTES) : at])):
            raise _unreadable(sql, at)
        if found.lastgroup != "skip":
            text = found.group(0)
            upper = text.decode("ascii").upper() if found.lastgroup == "word" else ""
            yield Token(cast("TokenKind", found.lastgroup), text, upper, at, found.end())
        at = found.end()


def scan(sql: bytes, *, complete: bool) -> Scan:
    """Raises NeedMore (only where more may come) and StoreError (the text cannot be read)."""
    cursor = _Cursor(sql, complete=complete)
    first = cursor.peek()
    if first is None:
        return Scan(Kind.EMPTY, ())
    if first.upper == "INSERT":
        data = _insert(cursor)
        return Scan(Kind.INSERT, cursor.seen(), data)
    cursor.drain()
    return Scan(_kind(cursor.seen()), cursor.seen())


def output(tokens: tuple[Token, ...]) -> Output:
    """Where a statement that returns rows says how: its FORMAT clause, or the place where one would stand."""
    body = tokens[:-1] if tokens[-1].text == b";" else tokens
    for index in range(len(body) - 2, 0, -1):
        if body[index].upper == "FORMAT" and body[index + 1].kind == "word" and _ends(body[index + 2 : index + 3]):
            return Output(body[index + 1].text.decode("ascii"), body[index].start, body[-1].end)
    return Output("", body[-1].end, body[-1].end)


def _ends(after: tuple[Token, ...]) -> bool:
    return not after or after[0].upper == "SETTINGS"


def _kind(tokens: tuple[Token, ...]) -> Kind:
    first = tokens[0].upper
    if first == "WITH":
        return Kind.INSERT if any(token.upper == "INSERT" for token in _outermost(tokens)) else Kind.SELECT
    if first in {"SELECT", "FROM"} or tokens[0].text == b"(":
        return Kind.SELECT
    return Kind.KILL if first == "KILL" else Kind.OTHER


def _outermost(tokens: tuple[Token, ...]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if depth == 0:
            yield token


class _Cursor:
    """Tokens one by one, looking ahead by one; at the end of a text that may go on it raises NeedMore."""

    def __init__(self, sql: bytes, *, complete: bool) -> None:
        self.sql = sql
        self.complete = complete
        self._tokens = self._stream()
        self._next: Token | None = None
        self._seen: list[Token] = []

    def _stream(self) -> Iterator[Token]:
        for token in lex(self.sql) if self.complete else _lex_open(self.sql):
            # The last token of a text that goes on may be half a word.
            if not self.complete and token.end == len(self.sql):
                raise NeedMore
            yield token
        if not self.complete:
            raise NeedMore

    def peek(self) -> Token | None:
        if self._next is None:
            self._next = next(self._tokens, None)
        return self._next

    def take(self) -> Token | None:
        token = self.peek()
        self._next = None
        if token is not None:
            self._seen.append(token)
        return token

    def take_word(self, *words: str) -> bool:
        token = self.peek()
        if token is None or token.upper not in words:
            return False
        self.take()
        return True

    def skip_group(self) -> None:
        """Over one bracketed group, or one token."""
        depth = 0
        while (token := self.take()) is not None:
            depth += (token.text in _OPEN) - (token.text in _CLOSE)
            if depth <= 0:
                return

    def drain(self) -> None:
        while self.take() is not None:
            pass

    def seen(self) -> tuple[Token, ...]:
        return tuple(self._seen)

    @property
    def end(self) -> int:
        return self._seen[-1].end


def _lex_open(sql: bytes) -> Iterator[Token]:
    """As `lex`; what cannot be read yet (half a string, half a comment) raises NeedMore."""
    tokens = lex(sql)
    while True:
        try:
            token = next(tokens)
        except StopIteration:
            return
        except Exception as error:
            raise NeedMore from error
        yield token


def _insert(cursor: _Cursor) -> Data | None:
    """Reads `INSERT [INTO] [TABLE] name [(columns)] [SETTINGS …]` and decides by what follows."""
    cursor.take()
    cursor.take_word("INTO")
    cursor.take_word("TABLE")
    cursor.take_word("FUNCTION")
    _skip_name(cursor)
    if _at_columns(cursor):
        cursor.skip_group()
    infile_at = cursor.end
    while (token := cursor.peek()) is not None:
        if token.upper == "VALUES":
            cursor.take()
            return Data("Values", infile_at, token.start, token.end)
        if token.upper == "FORMAT":
            return _format(cursor, infile_at)
        if token.upper in {"SELECT", "WITH", "FROM", "WATCH"} or token.text == b"(":
            return _select(cursor)
        cursor.skip_group()
    return None


def _skip_name(cursor: _Cursor) -> None:
    cursor.skip_group()
    while (token := cursor.peek()) is not None and token.text == b".":
        cursor.take()
        cursor.skip_group()


def _at_columns(cursor: _Cursor) -> bool:
    """Whether a bracket opens the list of columns, and not a subquery."""
    token = cursor.peek()
    if token is None or token.text != b"(":
        return False
    inner = next(_following(cursor.sql, token.end, complete=cursor.complete), None)
    return inner is None or inner.upper not in {"SELECT", "WITH", "FROM"}


def _following(sql: bytes, at: int, *, complete: bool) -> Iterator[Token]:
    return lex(sql[at:]) if complete else _lex_open(sql[at:])


def _format(cursor: _Cursor, infile_at: int) -> Data | None:
    """Reads `FORMAT name` and finds the first byte of the rows."""
    word = cursor.take()
    name = cursor.take()
    if word is None or name is None or name.kind != "word":
        return None
    found = _AFTER_FORMAT.match(cursor.sql, name.end)
    data_at = found.end() if found else name.end
    if not cursor.complete and data_at == len(cursor.sql) and cursor.sql[-1:] != b"\n":
        raise NeedMore
    return Data(name.text.decode("ascii"), infile_at, word.start, data_at)


def _select(cursor: _Cursor) -> Data | None:
    """Reads an `INSERT … SELECT`: rows follow only where it calls `input()` and names a format."""
    call: InputCall | None = None
    depth = 0
    while (token := cursor.take()) is not None:
        following = cursor.peek() if token.kind == "word" else None
        if token.upper == "INPUT" and following is not None and following.text == b"(":
            call = _call(cursor, token, earlier=call)
        elif token.upper == "FORMAT" and depth == 0 and call and following is not None and following.kind == "word":
            return _rows_of(cursor, call)
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
    if call is not None:
        raise refusal(Code.INVALID_USAGE_OF_INPUT, "input() needs a FORMAT clause at the end and the rows after it")
    return None


def _rows_of(cursor: _Cursor, call: InputCall) -> Data | None:
    before = cursor.end - len("FORMAT")
    name = cursor.take()
    if name is None:
        return None
    found = _AFTER_FORMAT.match(cursor.sql, name.end)
    return Data(name.text.decode("ascii"), call.start, before, found.end() if found else name.end, call)


def _call(cursor: _Cursor, name: Token, *, earlier: InputCall | None) -> InputCall:
    if earlier is not None:
        raise refusal(Code.INVALID_USAGE_OF_INPUT, "input() can be used only once in a statement")
    opening = cursor.peek()
    cursor.skip_group()
    inside = [token for token in cursor.seen() if opening is not None and token.start > opening.start][:-1]
    if len(inside) != 1 or inside[0].kind != "string":
        raise refusal(Code.INVALID_USAGE_OF_INPUT, "input() takes its structure as one string, such as input('line String')")
    return InputCall(name.start, cursor.end, inside[0].text)


def _unreadable(sql: bytes, at: int) -> Exception:
    rest = sql[at : at + 40].decode("utf-8", "replace")
    why = {"'": "a quote is not closed", "`": "a quote is not closed", '"': "a quote is not closed"}.get(rest[:1], "")
    if rest.startswith("/*"):
        why = "a comment is not closed"
    return refusal(
        Code.SYNTAX_ERROR,
        f"Syntax error: failed at position {at + 1} ({rest}): {why or 'it is not SQL that this server reads'}",
    )
