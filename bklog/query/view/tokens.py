"""SQL -> tokens: a part of the engine's lexical grammar; what stands outside of it is refused, so that both always agree.

No comments, no parameters, no heredocs, no escapes in names: where a string or a name ends must be beyond doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bklog.errors import Edit, QuerySyntax, Span

MAX_CHARACTERS: Final = 20_000
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<comment>--|/\*|\#)
    |(?P<string>'(?:[^'\\\0]|\\[^\0]|'')*')
    |(?P<quoted>`[^`\\\0]+`(?!`)|"[^"\\\0]+"(?!"))
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_]))
    |(?P<word>(?![xXbB]')[A-Za-z_][0-9A-Za-z_]*)
    |(?P<symbol>->|::|\|\||<=|>=|<>|!=|==|[-+*/%=<>(),.\[\]])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """`word` is in capitals, empty for what is no bare word."""

    kind: str
    text: str
    word: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """What a bare or quoted name says; empty for the rest."""
        return self.text if self.word else self.text[1:-1] if self.kind == "quoted" else ""


def refuse(
    message: str, hint: str, start: int, end: int, *, expected: str = "", edit: Edit | None = None, code: str = "sql_refused"
) -> QuerySyntax:
    return QuerySyntax(message, span=Span(start, end), hint=hint, expected=expected, edit=edit, code=code)


def read_tokens(text: str) -> tuple[Token, ...]:
    """Raises QuerySyntax: `query_too_large`, `sql_refused`. One `;` at the end is passed over."""
    if len(text) > MAX_CHARACTERS:
        message = f"the statement has {len(text)} characters; at most {MAX_CHARACTERS} are read"
        raise refuse(message, "shorten it", MAX_CHARACTERS, len(text), code="query_too_large")
    body = text.rstrip(" \t\r\n")
    body = body[:-1] if body.endswith(";") else body
    return tuple(_tokens(body))


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _unreadable(text, at)
        if found.lastgroup == "comment":
            raise refuse("comments are not read", "leave it out", at, found.end(), expected="SQL without comments")
        if found.lastgroup != "space":
            word = found[0].upper() if found.lastgroup == "word" else ""
            yield Token(str(found.lastgroup), found[0], word, at, found.end())
        at = found.end()


def _unreadable(text: str, at: int) -> QuerySyntax:
    here = text[at]
    if here == ";":
        return refuse("a second statement follows", "send one SELECT", at, len(text), edit=Edit(at, len(text), ""))
    if here in "'\"`":
        return refuse("a quote is never closed, or holds an escape where none may be", "close it", at, at + 1)
    if here in "{}":
        return refuse("parameters are not read", "write the value itself", at, at + 1)
    hint = "put text in '…', a name with other characters in backquotes"
    return refuse(f"{here!r} is no part of a statement here", hint, at, at + 1)
