"""Characters of a step -> words, names, numbers, over the scanner of the query: places are those of the whole text."""

from __future__ import annotations

import math
import re
from typing import Final

from bklog.errors import Edit, QuerySyntax, Span
from bklog.query.parser import MAX_NAME, TOO_LARGE
from bklog.query.pipe.steps import PLAIN_NAME, RESERVED, Name, Number
from bklog.query.scanner import Scanner

_WORD: Final = re.compile(r"[^\W\d]\w*")
_NUMBER: Final = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?(?![\w.])", re.ASCII)
_CALL: Final = re.compile(r"\([^()|`\"\n]{0,300}\)")
_SPACES: Final = re.compile(r"\s*,\s*")


_PERCENTILE: Final = re.compile(r"[pP]([1-9]\d?)")


def _called(function: str, given: str) -> str:
    """What the column of a figure is called that was written so."""
    if percentile := _PERCENTILE.fullmatch(function):
        return f"percentile({given}, {percentile[1]})"
    return "count" if (function.lower(), given) == ("count", "") else f"{function.lower()}({given})"


class Tokens:
    def __init__(self, scan: Scanner) -> None:
        self.scan = scan

    @property
    def position(self) -> int:
        return self.scan.position

    def peek(self) -> str:
        return self.scan.peek()

    def skip(self) -> None:
        self.scan.skip_space()

    def begin(self) -> int:
        """Where the next token begins."""
        self.skip()
        return self.position

    def refuse(
        self, message: str, hint: str, *, expected: str, start: int | None = None, end: int | None = None,
        edit: Edit | None = None, code: str = "",
    ) -> QuerySyntax:  # fmt: skip
        return self.scan.refuse(message, hint, expected=expected, start=start, end=end, edit=edit, code=code)

    def dropping_pipe(self, end: int) -> Edit | None:
        """The edit that takes away a `|` after which nothing is."""
        place = self.scan.text.rfind("|", 0, end)
        return Edit(place, end, "") if place >= 0 else None

    def take(self, sign: str) -> bool:
        self.skip()
        return self.scan.take(sign)

    def require(self, sign: str, expected: str) -> None:
        if not self.take(sign):
            edit = self.scan.inserting(sign)
            raise self.refuse(f"{sign} is expected here", f"write {expected}", expected=expected, edit=edit)

    def word(self) -> str:
        """Letters and digits; empty where something else stands."""
        self.skip()
        found = _WORD.match(self.scan.text, self.position)
        if found:
            self.scan.position = found.end()
        return found[0] if found else ""

    def at_word(self, *words: str) -> str:
        self.skip()
        found = _WORD.match(self.scan.text, self.position)
        return found[0].lower() if found and found[0].lower() in words else ""

    def take_word(self, word: str) -> bool:
        if not self.at_word(word):
            return False
        self.scan.position += len(word)
        return True

    def run(self, stops: str) -> str:
        """All characters up to white space or one of `stops`."""
        start = self.begin()
        while (here := self.peek()) and not here.isspace() and here not in stops:
            self.scan.position += 1
        return self.scan.text[start : self.position]

    def number(self) -> Number | None:
        self.skip()
        found = _NUMBER.match(self.scan.text, self.position)
        if not found:
            return None
        written = found[0]
        value = int(written) if written.lstrip("+-").isdigit() else float(written)
        if not math.isfinite(value) or (isinstance(value, int) and not -(2**63) <= value < 2**63):
            message = "this number is too large for the engine"
            raise self.refuse(message, "64 bits are compared", expected="a number", end=found.end(), code="bad_value")
        self.scan.position = found.end()
        return Number(value)

    def name(self) -> Name:
        """A field, a column, the name that a figure gave its column (`avg(latency)`), or anything in backquotes."""
        start = self.begin()
        if self.peek() == "`":
            return Name(self._limited(self._backquoted(), start), span=Span(start, self.position))
        found = PLAIN_NAME.match(self.scan.text, start)
        if not found or found[0].lower() in RESERVED:
            raise self._no_name(start, found[0] if found else "")
        self.scan.position = found.end()
        name = found[0]
        if call := _CALL.match(self.scan.text, self.position):
            self.scan.position = call.end()
            name = _called(name, _SPACES.sub(", ", call[0][1:-1].strip()))
        return Name(self._limited(name, start), span=Span(start, self.position))

    def _limited(self, name: str, start: int) -> str:
        if not 1 <= len(name) <= MAX_NAME:
            message = f"a name has from 1 to {MAX_NAME} characters"
            raise self.refuse(message, "name a field or a column", expected="a name", start=start, code=TOO_LARGE)
        return name

    def _backquoted(self) -> str:
        start = self.position
        self.scan.position += 1
        characters: list[str] = []
        while (here := self.peek()) != "`":
            if not here:
                edit = self.scan.inserting("`")
                raise self.refuse("the name is never closed", "add `", expected="a closing `", start=start, edit=edit)
            is_escape = here == "\\" and self.scan.text[self.position + 1 : self.position + 2] in ("`", "\\")
            self.scan.position += is_escape
            characters.append(self.peek())
            self.scan.position += 1
        self.scan.position += 1
        return "".join(characters)

    def _no_name(self, start: int, word: str) -> QuerySyntax:
        hint = "write a field or a column; ` ` around it takes any characters"
        if word:
            edit = Edit(start, start + len(word), f"`{word}`")
            return self.refuse(f"{word} is a word of the language", hint, expected="a name", end=start + len(word), edit=edit)
        if self.peek() == '"':
            text = self.scan.quoted()
            named = Edit(start, self.position, str(Name(text))) if text else None
            return self.refuse("a text in quotes is no name", hint, expected="a name", start=start, edit=named)
        return self.refuse("a name is expected here", hint, expected="a name")
