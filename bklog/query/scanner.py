"""Characters -> words, quoted texts, regular expressions: the pieces that the parser puts together.

A Scanner is the one mutable value here: a text and a position. Every refusal is a QuerySyntax with the place, what was
expected there, and the edit that leads on.
"""

from __future__ import annotations

import re
from typing import Final

from bklog.errors import Edit, QuerySyntax, Span
from bklog.query.tree import Wild, quote

OPERATORS: Final = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR", "NOT": "NOT"}
MAX_WILD: Final = 50  # marks of one word: the engine makes an automaton of them
_WILD: Final = {"*": Wild.MANY, "?": Wild.ONE}
_REFUSED_IN_WORD: Final = {
    "~": "fuzzy search (~) is not supported",
    "^": "a weight is ^ and a number at the end of a term",
    '"': "a quote stands inside a word",
    "(": "a bracket stands inside a word",
}
_OPERATOR: Final = re.compile(r'(?:AND|OR|NOT|&&|\|\|)(?=[\s()"]|\Z)')
_BOOST: Final = re.compile(r"\^\d{1,9}(?:\.\d{1,9})?(?=[\s)]|\Z)", re.ASCII)
_FUZZY: Final = re.compile(r"~[\d.]*(?=[\s)]|\Z)", re.ASCII)
_CHUNK: Final = re.compile(r"(?:\\.|\([^\s()]*\)|[^\s)\\])*", re.DOTALL)
_CODE_POINT: Final = re.compile(r"u[0-9a-fA-F]{4}")
# What in an expression is no bracket: escapes and classes, with `]` first and [:names:] in them.
_REGEX_PART: Final = re.compile(r"\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|[()]", re.DOTALL)
_ASSIGNED: Final = re.compile(r"[\w.@-]+=", re.ASCII)


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
        found = _OPERATOR.match(self.text, self.position)
        return OPERATORS[found[0]] if found else ""

    def at_pipe(self) -> bool:
        """One `|` where a term could begin: the query ends here."""
        return self.peek() == "|" and self.text[self.position + 1 : self.position + 2] != "|"

    def take_operator(self, name: str) -> bool:
        if self.at_operator() != name:
            return False
        self.position += 2 if self.peek() in "&|" else len(name)
        return True

    def take_boost(self) -> Span | None:
        """The place of `^` and a number that end a term here."""
        found = _BOOST.match(self.text, self.position)
        if not found:
            return None
        self.position = found.end()
        return Span(*found.span())

    def refuse(
        self,
        message: str,
        hint: str,
        *,
        expected: str,
        start: int | None = None,
        end: int | None = None,
        edit: Edit | None = None,
        code: str = "",
    ) -> QuerySyntax:
        """An error that points from `start` to `end`; by default at the character of the position."""
        first = self.position if start is None else start
        last = end if end is not None else max(self.position, first + 1)
        span = Span(min(first, len(self.text)), min(last, len(self.text)))
        return QuerySyntax(message, span=span, hint=hint, code=code, expected=expected, edit=edit)

    def quoting(self, start: int) -> Edit:
        """All from `start` to the next white space as a quoted text."""
        chunk = _CHUNK.match(self.text, start)
        end = max(chunk.end() if chunk else start, start + 1)
        return Edit(start, end, quote(self.text[start:end]))

    def inserting(self, text: str, *, at: int | None = None) -> Edit:
        place = self.position if at is None else at
        return Edit(place, place, text)

    def escaped(self) -> str:
        r"""The character after a backslash, which stands at the position; `\u4e2d` is a character by its number."""
        self.position += 1
        if not self.peek():
            raise self.refuse(
                "the query ends after a backslash",
                r"write \\ for a backslash itself",
                expected="a character",
                start=self.position - 1,
                edit=self.inserting("\\"),
            )
        number = _CODE_POINT.match(self.text, self.position)
        self.position = number.end() if number else self.position + 1
        character = chr(int(number[0][1:], 16)) if number else self.text[self.position - 1]
        if "\ud800" <= character <= "\udfff":
            start = self.position - 6
            raise self.refuse(
                "this number is half a character",
                "write the character itself",
                expected="a whole character",
                start=start,
                edit=Edit(start, self.position, "?"),
            )
        return character

    def word(self, *, stops: str) -> tuple[str | Wild, ...]:
        """Texts and wild marks up to white space, `)`, a weight or one of `stops`; empty when one of these stands here."""
        start = self.position
        pieces: list[str | Wild] = []
        letters: list[str] = []
        while (here := self.peek()) and not here.isspace() and here not in stops and here != ")":
            if here in _REFUSED_IN_WORD:
                if here == "^" and _BOOST.match(self.text, self.position):
                    break
                raise self._refuse_in_word(start)
            mark = _WILD.get(here)
            if mark is None:
                letters.append(self._letter(here))
                continue
            _append(pieces, letters, mark)
            self.position += 1
        _append(pieces, letters, None)
        if sum(isinstance(piece, Wild) for piece in pieces) > MAX_WILD:
            raise self._too_wild(start)
        return tuple(pieces)

    def _letter(self, here: str) -> str:
        if here == "\\":
            return self.escaped()
        self.position += 1
        return here

    def quoted(self) -> str:
        r"""The text between two quotes; only `\"` and `\\` are escapes, so that C:\temp can be typed as it is."""
        start = self.position
        self.position += 1
        characters: list[str] = []
        while (here := self.peek()) != '"':
            if not here:
                raise self.refuse(
                    "the quote is never closed",
                    'add the closing " or write \\" for a quote itself',
                    expected='a closing "',
                    start=start,
                    edit=self.inserting('"'),
                )
            is_escape = here == "\\" and self.text[self.position + 1 : self.position + 2] in ('"', "\\")
            self.position += is_escape
            characters.append(self.peek())
            self.position += 1
        self.position += 1
        return "".join(characters)

    def regex(self) -> str:
        r"""The text between two slashes; `\/` is a slash, every other backslash belongs to the expression."""
        start = self.position
        self.position += 1
        characters: list[str] = []
        while (here := self.peek()) != "/":
            following = self.text[self.position + 1 : self.position + 2]
            if not here or (here == "\\" and not following):
                raise self.refuse(
                    "the regular expression is never closed",
                    r'close it with / (\/ is a slash itself), or put text that begins with / in quotes: "/var/log"',
                    expected="a closing /",
                    start=start,
                    end=len(self.text),
                    edit=self.quoting(start),
                )
            escape = here + following if here == "\\" else here
            characters.append("/" if escape == r"\/" else escape)
            self.position += len(escape)
        self.position += 1
        return "".join(characters)

    def require_end_of_term(self, start: int) -> None:
        """What follows a term must not touch it."""
        here = self.peek()
        if not here or here.isspace() or here == ")" or self.at_pipe():
            return
        if here in "~^":
            end = _CHUNK.match(self.text, self.position)
            message = _REFUSED_IN_WORD[here] if here == "^" else "~ and a number stand after a quoted text alone"
            raise self.refuse(
                message,
                "leave it out",
                expected="a space",
                end=self.position + 1,
                edit=Edit(self.position, end.end() if end else len(self.text), ""),
            )
        written = self.text[start : self.position]
        shown = written if len(written) <= 40 else f"{written[:40]}…"
        hint = f"put a space after {shown}, or put the whole text in quotes"
        message = f"{here!r} follows {shown} without a space"
        raise self.refuse(message, hint, expected="a space", end=self.position + 1, edit=self.inserting(" "))

    def _refuse_in_word(self, start: int) -> QuerySyntax:
        here = self.peek()
        edit = self.quoting(start)
        hint = f"put the text in quotes: {edit.text}; or write \\{here} for the character itself"
        expected = "a space, or the end of the word"
        if here == "~" and (fuzzy := _FUZZY.match(self.text, self.position)):
            word = self.text[start : self.position]
            hint = f"write {word} for this word, {word[:-1]}* for words that begin so, or \\~ for the character itself"
            edit = Edit(*fuzzy.span(), "")
        elif here == '"' and _ASSIGNED.fullmatch(self.text, start, self.position):
            edit = Edit(self.position - 1, self.position, ":")
        return self.refuse(_REFUSED_IN_WORD[here], hint, expected=expected, end=self.position + 1, edit=edit)

    def _too_wild(self, start: int) -> QuerySyntax:
        return self.refuse(
            f"a word has more than {MAX_WILD} wild marks",
            "write the part of the word that you know, or a regular expression",
            expected=f"a word with at most {MAX_WILD} of * and ?",
            start=start,
            code="query_too_large",
        )


def has_unopened_bracket(pattern: str) -> bool:
    r"""The engine takes such an expression for plain text in some places and refuses it in others. `\Q` is left to it."""
    depth = 0
    for found in _REGEX_PART.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth < 0:
            return r"\Q" not in pattern
    return False


def _append(pieces: list[str | Wild], letters: list[str], mark: Wild | None) -> None:
    """The letters as one text, then the mark; two `*` side by side are one."""
    if letters:
        pieces.append("".join(letters))
        letters.clear()
    if mark and not (mark is Wild.MANY and pieces and pieces[-1] is Wild.MANY):
        pieces.append(mark)
