"""Tokens, read one by one: what the two parsers share."""

from __future__ import annotations

from typing import Final

from bklog.query.logql.scanner import END, HINT, IDENTIFIER, STRING, LogqlSyntax, Token, refuse, scan

MAX_DEPTH: Final = 40
MAX_PARTS: Final = 200  # conditions, operators, texts of a filter, changes of labels: each is a piece of SQL around the others


class Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = scan(text)
        self._place = 0
        self._depth = 0
        self._parts = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._place]

    @property
    def following(self) -> Token:
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    def next(self) -> Token:
        token = self.token
        self._place += token.kind != END
        return token

    def take(self, kind: str) -> bool:
        """Whether it stands here; then it is passed."""
        if self.token.kind != kind:
            return False
        self.next()
        return True

    def take_word(self, word: str) -> bool:
        if self.token.kind != IDENTIFIER or self.token.text != word:
            return False
        self.next()
        return True

    def expect(self, *kinds: str) -> Token:
        if self.token.kind not in kinds:
            raise self.unexpected(*kinds)
        return self.next()

    def string(self) -> str:
        return self.expect(STRING).text

    def names(self) -> tuple[str, ...]:
        """`(a, b)`, without a doubled one."""
        self.expect("(")
        found: dict[str, None] = {}
        while not self.take(")"):
            found[self.expect(IDENTIFIER).text] = None
            if self.token.kind != ")":
                self.expect(",")
        return tuple(found)

    def deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.refuse(f"more than {MAX_DEPTH} levels stand in each other")

    def part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise self.refuse(f"more than {MAX_PARTS} conditions, operators and texts")

    def back(self) -> None:
        self._depth -= 1

    def unexpected(self, *kinds: str) -> LogqlSyntax:
        expecting = f", expecting {' or '.join(kinds)}" if kinds else ""
        return self.refuse(f"syntax error: unexpected {self.token.kind}{expecting}")

    def unsupported(self, what: str, hint: str = HINT) -> LogqlSyntax:
        return self.refuse(f"{what} is not supported", hint)

    def refuse(self, message: str, hint: str = HINT, *, at: Token | None = None) -> LogqlSyntax:
        return refuse(message, self.text, (at or self.token).start, hint=hint)
