"""Tokens -> View, or a refusal with its place: one SELECT that reads `logs` and what it names WITH, and calls what is allowed.

A table can be named after FROM, JOIN and IN only. After the first two stands `logs`, the name of a WITH that is complete, or a
SELECT in brackets; after IN a list of constants or a SELECT in brackets. There is no other way to a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from bklog.errors import Edit, QuerySyntax
from bklog.query.repair import apply
from bklog.query.view.names import AFTER_FROM, AFTER_TABLE, FUNCTIONS, REFUSED, STRUCTURE, TYPES, VIEW
from bklog.query.view.tokens import Token, read_tokens, refuse

MAX_TOKENS: Final = 4_000
MAX_DEPTH: Final = 40
MAX_USES: Final = 5  # of the view: each is written out in the statement
_CONSTANT_WORDS: Final = ("NULL", "TRUE", "FALSE")


@dataclass(frozen=True, slots=True)
class Use:
    """Where `logs` stands, and whether another name for it follows."""

    start: int
    end: int
    has_alias: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """`text` without what is passed over; `names` are the tables that it may read, `logs` among them."""

    text: str
    uses: tuple[Use, ...]
    names: tuple[str, ...]


def check(text: str) -> Checked:
    """Raises QuerySyntax: `sql_refused`, `query_too_large`; with a repair where a small edit makes it right."""
    try:
        return _checked(text)
    except QuerySyntax as error:
        if error.edit is None:
            raise
        raise _proposing(error, apply(text, error.edit)) from error


def _proposing(error: QuerySyntax, repaired: str) -> QuerySyntax:
    try:
        _checked(repaired)
    except QuerySyntax:
        return error
    return QuerySyntax(
        error.message, span=error.span, hint=error.hint, code=error.stable_code, expected=error.expected, repair=repaired
    )


def _checked(text: str) -> Checked:
    tokens = read_tokens(text)
    if len(tokens) > MAX_TOKENS:
        start = tokens[MAX_TOKENS].start
        raise refuse(f"the statement has more than {MAX_TOKENS} words", "shorten it", start, len(text), code="query_too_large")
    checker = _Checker(tokens, len(text))
    checker.run()
    return Checked(text[: tokens[-1].end], tuple(checker.uses), tuple(sorted({VIEW, *checker.declared})))


class _Checker:
    def __init__(self, tokens: Sequence[Token], length: int) -> None:
        self.tokens = tokens
        self.length = length
        self.uses: list[Use] = []
        self.declared: set[str] = set()
        self.after_from = [False]  # at each depth of brackets: whether tables are listed here
        self.brackets: list[Token] = []
        self.declaring = ""  # the name of the WITH whose brackets are open

    def at(self, place: int) -> Token:
        return self.tokens[place] if 0 <= place < len(self.tokens) else Token("end", "", "", self.length, self.length)

    def run(self) -> None:
        first = self.at(0)
        if first.word not in ("SELECT", "WITH"):
            what = f"{first.word or first.text} " if first.kind != "end" else "nothing "
            hint = f"write SELECT … FROM {VIEW} …, or WITH name AS (SELECT …) SELECT …"
            raise refuse(f"{what}is no SELECT", hint, first.start, max(first.end, first.start), expected="SELECT or WITH")
        for place, token in enumerate(self.tokens):
            self._look(place, token)
        if self.brackets:
            raise refuse("a bracket is never closed", "add )", self.brackets[-1].start, self.brackets[-1].end, expected=")")

    def _look(self, place: int, token: Token) -> None:
        if token.text in ("(", "[", ")", "]") and token.kind == "symbol":
            self._bracket(place, token)
        elif token.text == "," and token.kind == "symbol":
            self._comma(place, token)
        elif token.kind in ("word", "quoted"):
            self._name(place, token)

    def _bracket(self, place: int, token: Token) -> None:
        if token.text in "([":
            self.brackets.append(token)
            self.after_from.append(False)
            if len(self.brackets) > MAX_DEPTH:
                message = f"brackets are nested more than {MAX_DEPTH} deep"
                raise refuse(message, "remove some", token.start, token.end, code="query_too_large")
            return
        pair = {")": "(", "]": "["}[token.text]
        if not self.brackets or self.brackets[-1].text != pair:
            raise refuse("this bracket was never opened", "remove it", token.start, token.end, expected="the end")
        self.brackets.pop()
        self.after_from.pop()
        if not self.brackets and self.declaring:
            self.declared.add(self.declaring)
            self.declaring = ""
            following = self.at(place + 1)
            if following.text != "," and following.word != "SELECT":
                raise self._no_with(following)

    def _comma(self, place: int, token: Token) -> None:
        if self.after_from[-1]:
            message = "tables are joined with JOIN … ON, not with a comma"
            raise refuse(message, "write JOIN … ON …", token.start, token.end, expected="JOIN")
        before = self.at(place - 1)
        if not self.brackets and before.text == ")" and self.at(0).word == "WITH" and not self._selecting(place):
            self._declare(place + 1)

    def _selecting(self, place: int) -> bool:
        """Whether the statement's own SELECT stands before this place."""
        depth = 0
        for token in self.tokens[:place]:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0) if token.kind == "symbol" else 0
            if depth == 0 and token.word == "SELECT":
                return True
        return False

    def _name(self, place: int, token: Token) -> None:
        following = self.at(place + 1)
        is_part = self.at(place - 1).text == "." and self.at(place - 1).kind == "symbol"
        is_alias = self.at(place - 1).word == "AS" and following.text != "("
        if following.text == "(" and following.kind == "symbol":
            self._call(place, token)
        if is_part or is_alias or not token.word:
            return
        if token.word in REFUSED:
            raise self._refused_word(token)
        self._keyword(place, token)

    def _refused_word(self, token: Token) -> QuerySyntax:
        hint = f"only one SELECT over {VIEW} is read; as a name it stands in backquotes: `{token.text}`"
        return refuse(f"{token.word} is not allowed", hint, token.start, token.end, expected=f"a SELECT over {VIEW}")

    def _keyword(self, place: int, token: Token) -> None:
        following = self.at(place + 1)
        match token.word:
            case "WITH" if place == 0:
                self._declare(1)
            case "WITH" if following.word != "TIES":
                message = "WITH stands at the beginning of the statement alone"
                raise refuse(message, "move it there", token.start, token.end)
            case "FROM" | "JOIN":
                self.after_from[-1] = True
                self._table(place + 1, token)
            case "IN":
                self._in(place + 1, token)
            case word if word in AFTER_FROM:
                self.after_from[-1] = False

    def _declare(self, place: int) -> None:
        name, word, bracket, select = (self.at(place + step) for step in range(4))
        if not name.name or word.word != "AS" or bracket.text != "(" or select.word != "SELECT":
            raise self._no_with(name)
        if name.name.lower() == VIEW or name.name in self.declared or name.word in REFUSED | STRUCTURE:
            raise refuse(f"WITH cannot define {name.name}", "take another name", name.start, name.end, expected="a new name")
        self.declaring = name.name

    def _no_with(self, token: Token) -> QuerySyntax:
        hint = "write WITH name AS (SELECT …), other AS (SELECT …) SELECT …"
        return refuse("this is no WITH as it is read here", hint, token.start, token.end, expected="name AS (SELECT …)")

    def _table(self, place: int, keyword: Token) -> None:
        token, following = self.at(place), self.at(place + 1)
        if token.text == "(" and token.kind == "symbol":
            inner = place
            while self.at(inner).text == "(":
                inner += 1
            if self.at(inner).word != "SELECT":
                raise self._no_table(self.at(inner))
            return
        if not token.name or following.text in (".", "(") or token.name not in {VIEW, *self.declared}:
            raise self._no_table(token if token.kind != "end" else keyword)
        if token.name == VIEW:
            is_name = bool(following.name) and following.word not in AFTER_TABLE
            self.uses.append(Use(token.start, token.end, is_name or following.word == "AS"))
            if len(self.uses) > MAX_USES:
                message = f"{VIEW} is read more than {MAX_USES} times"
                raise refuse(message, "use WITH", token.start, token.end, code="query_too_large")

    def _no_table(self, token: Token) -> QuerySyntax:
        known = ", ".join([VIEW, *sorted(self.declared)])
        message = f"{token.text[:60]} cannot be read here" if token.text else "a table is expected"
        is_plain = bool(token.name) and self.at(self.tokens.index(token) + 1).text not in ("(", ".") if token.text else False
        edit = Edit(token.start, token.end, VIEW) if is_plain else None
        hint = f"the rows of the index set are {VIEW}; no other table and no table function is reached"
        return refuse(message, hint, token.start, token.end, expected=f"one of: {known}, or (SELECT …)", edit=edit)

    def _in(self, place: int, keyword: Token) -> None:
        """A bare name after IN would be a table."""
        if self.at(place).text != "(" or self.at(place).kind != "symbol":
            raise refuse("IN needs brackets", "write IN (1, 2) or IN (SELECT …)", keyword.start, keyword.end, expected="(")
        if self.at(place + 1).word == "SELECT":
            return
        depth = 0
        for token in self.tokens[place:]:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "symbol" else 0
            if depth == 0:
                return
            if token.kind == "quoted" or (token.word and token.word not in _CONSTANT_WORDS) or token.text in ("[", "."):
                raise self._no_constant(token)

    def _no_constant(self, token: Token) -> QuerySyntax:
        hint = "a list of IN has numbers and texts in '…'; compare with a column by ="
        return refuse(f"{token.text[:60]} is no constant", hint, token.start, token.end, expected="a number or a text in '…'")

    def _call(self, place: int, token: Token) -> None:
        name = token.name.lower()
        before = self.at(place - 1)
        if token.word in STRUCTURE and name not in FUNCTIONS:
            return
        is_type = name in TYPES and (before.word == "AS" or before.text in ("::", "(", ","))
        if token.word and (name in FUNCTIONS or is_type) and before.text != ".":
            return
        if token.word in REFUSED and before.word not in ("AS",):
            raise self._refused_word(token)
        close = get_close_matches(name, FUNCTIONS, n=1, cutoff=0.8)
        edit = Edit(token.start, token.end, close[0]) if close and token.word else None
        message = f"the function {token.name[:60]}() is not allowed"
        hint = "functions that only compute on their arguments are: docs/sql.md lists them"
        raise refuse(message, hint, token.start, token.end, expected="a function of the list", edit=edit)
