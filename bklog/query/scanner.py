"""Characters -> words, quoted texts, regular expressions: the pieces that the parser puts together.

A Scanner is the one mutable value here: a text and a position. Every refusal is a QuerySyntax with the place.
"""

from __future__ import annotations

from typing import Final

from bklog.errors import QuerySyntax, Span
from bklog.query.tree import Wild, quote

OPERATORS: Final = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR", "NOT": "NOT"}
_WILD: Final = {"*": Wild.MANY, "?": Wild.ONE}
_REFUSED_IN_WORD: Final = {
    "~": "fuzzy and proximity search (~) is not supported",
    "^": "weights (^) are not supported: rows are ordered by time",
    '"': "a quote stands inside a word",
    "(": "a bracket stands inside a word",
}


class Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def peek(self) -> str:
        """The character at the position; empty at the end."""
        return self.text[self.position : self.position + 1]

    def skip_space(self) -> None:
        while self.peek().isspace():
            self.position += 1

    def take(self, expected: str) -> bool:
        if not self.text.startswith(expected, self.position):
            return False
        self.position += len(expected)
        return True

    def at_operator(self) -> str:
        """AND, OR or NOT where such a word stands here by itself, else empty. Moves nothing."""
        end = self.position
        while end < len(self.text) and not self.text[end].isspace() and self.text[end] not in '()"':
            end += 1
        return OPERATORS.get(self.text[self.position : end], "")

    def take_operator(self, name: str) -> bool:
        if self.at_operator() != name:
            return False
        self.position += 2 if self.peek() in "&|" else len(name)
        return True

    def refuse(self, message: str, hint: str, *, start: int | None = None, end: int | None = None) -> QuerySyntax:
        """An error that points from `start` to `end`; by default at the character of the position."""
        first = self.position if start is None else start
        last = end if end is not None else max(self.position, first + 1)
        return QuerySyntax(message, span=Span(min(first, len(self.text)), min(last, len(self.text))), hint=hint)

    def escaped(self) -> str:
        """The character after a backslash, which stands at the position."""
        if self.position + 1 >= len(self.text):
            raise self.refuse("the query ends after a backslash", r"write \\ for a backslash itself")
        self.position += 2
        return self.text[self.position - 1]

    def word(self, *, stops: str) -> tuple[str | Wild, ...]:
        """Texts and wild marks up to white space, `)` or one of `stops`; empty when one of these stands here."""
        start = self.position
        pieces: list[str | Wild] = []
        while (here := self.peek()) and not here.isspace() and here not in stops and here != ")":
            if here in _REFUSED_IN_WORD:
                raise self._refuse_in_word(start)
            piece = self.escaped() if here == "\\" else _WILD.get(here, here)
            self.position += here != "\\"
            _append(pieces, piece)
        return tuple(pieces)

    def quoted(self) -> str:
        r"""The text between two quotes; only `\"` and `\\` are escapes, so that C:\temp can be typed as it is."""
        start = self.position
        self.position += 1
        characters: list[str] = []
        while (here := self.peek()) != '"':
            if not here:
                raise self.refuse("the quote is never closed", 'add the closing " or write \\" for a quote itself', start=start)
            is_escape = here == "\\" and self.text[self.position + 1 : self.position + 2] in ('"', "\\")
            characters.append(self.escaped() if is_escape else here)
            self.position += not is_escape
        self.position += 1
        return "".join(characters)

    def regex(self) -> str:
        r"""The text between two slashes; `\/` is a slash, every other backslash belongs to the expression."""
        start = self.position
        self.position += 1
        characters: list[str] = []
        while (here := self.peek()) != "/":
            if not here:
                hint = r'close it with / (\/ is a slash itself), or put text that begins with / in quotes: "/var/log"'
                raise self.refuse("the regular expression is never closed", hint, start=start)
            if here == "\\":
                following = self.escaped()
                characters.append("/" if following == "/" else "\\" + following)
            else:
                characters.append(here)
                self.position += 1
        self.position += 1
        return "".join(characters)

    def require_end_of_term(self, start: int) -> None:
        """What follows a quoted text, a regular expression or a range must not touch it."""
        here = self.peek()
        if here in _REFUSED_IN_WORD and here in "~^":
            raise self.refuse(_REFUSED_IN_WORD[here], "leave it out", end=self.position + 1)
        if here and not here.isspace() and here != ")":
            written = self.text[start : self.position]
            hint = f"put a space after {written}, or put the whole text in quotes"
            raise self.refuse(f"{here!r} follows {written} without a space", hint, end=self.position + 1)

    def _refuse_in_word(self, start: int) -> QuerySyntax:
        here, end = self.peek(), self.position
        while end < len(self.text) and not self.text[end].isspace():
            end += 1
        hint = f"put the text in quotes: {quote(self.text[start:end])}; or write \\{here} for the character itself"
        return self.refuse(_REFUSED_IN_WORD[here], hint, end=self.position + 1)


def _append(pieces: list[str | Wild], piece: str | Wild) -> None:
    last = pieces[-1] if pieces else None
    if isinstance(piece, str) and isinstance(last, str):
        pieces[-1] = last + piece
    elif piece is not Wild.MANY or last is not Wild.MANY:
        pieces.append(piece)
