"""The condition of `where`: comparisons with and, or, not and brackets.

condition := all ( or all )*      all := one ( and one )*      one := not one | ( condition ) | exists name | comparison
comparison := name = != < <= > >= value | name contains "text" | name =~ /regex/ | name !~ /regex/ | name in (value, …)
"""

from __future__ import annotations

from typing import Final

from bklog.errors import Edit, QuerySyntax
from bklog.query.parser import MAX_DEPTH, TOO_LARGE
from bklog.query.pipe.steps import (
    PLAIN_NAME,
    Among,
    Compared,
    Condition,
    Has,
    Name,
    Number,
    Operand,
    Opposite,
    Text,
    both,
    either,
)
from bklog.query.pipe.tokens import Tokens
from bklog.query.scanner import has_unopened_bracket
from bklog.query.tree import Regex, quote

OPERATORS: Final = ("==", "=~", "!~", "!=", "<=", ">=", "=", "<", ">")
MAX_COMPARISONS: Final = 100
MAX_AMONG: Final = 500
MAX_REGEX: Final = 2_000


def read(tokens: Tokens) -> Condition:
    return _Reader(tokens).any(0)


class _Reader:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.comparisons = 0

    def any(self, depth: int) -> Condition:
        found = [self.all(depth)]
        while self.tokens.take_word("or"):
            found.append(self.all(depth))
        return either(found)

    def all(self, depth: int) -> Condition:
        found = [self.one(depth)]
        while self.tokens.take_word("and"):
            found.append(self.one(depth))
        return both(found)

    def one(self, depth: int) -> Condition:
        tokens = self.tokens
        if depth > MAX_DEPTH:
            message = f"the condition is nested more than {MAX_DEPTH} deep"
            raise tokens.refuse(message, "remove brackets", expected="a comparison", code=TOO_LARGE)
        if tokens.take_word("not"):
            return Opposite(self.one(depth + 1))
        if tokens.take("("):
            found = self.any(depth + 1)
            tokens.require(")", "a closing )")
            return found
        self.comparisons += 1
        if self.comparisons > MAX_COMPARISONS:
            message = f"the condition has more than {MAX_COMPARISONS} comparisons"
            raise tokens.refuse(message, "use in (…), or a regular expression", expected="the end", code=TOO_LARGE)
        if tokens.take_word("exists"):
            return Has(tokens.name())
        return self._comparison()

    def _comparison(self) -> Condition:
        tokens = self.tokens
        column = tokens.name()
        tokens.skip()
        if tokens.take_word("in"):
            return Among(column, self._values())
        if tokens.take_word("contains"):
            return Compared(column, "contains", self._text())
        operator = next((one for one in OPERATORS if tokens.scan.take(one)), "")
        if operator in ("=~", "!~"):
            return Compared(column, operator, self._regex())
        if not operator:
            raise self._no_operator(column)
        return Compared(column, "=" if operator == "==" else operator, self._operand())

    def _no_operator(self, column: Name) -> QuerySyntax:
        tokens = self.tokens
        edit = Edit(tokens.position, tokens.position + 1, "=") if tokens.peek() == ":" else None
        hint = f'write {column} = 5, {column} != "text", {column} contains "text", {column} =~ /regex/ or exists {column}'
        return tokens.refuse(
            f"a comparison is expected after {column}", hint, expected="= != < <= > >= contains =~ !~ in", edit=edit
        )

    def _values(self) -> tuple[Text | Number, ...]:
        tokens = self.tokens
        tokens.require("(", "in (1, 2)")
        found = [self._literal()]
        while tokens.take(","):
            if len(found) == MAX_AMONG:
                message = f"more than {MAX_AMONG} values are listed"
                raise tokens.refuse(message, "use a range or a regular expression", expected="a closing )", code=TOO_LARGE)
            found.append(self._literal())
        tokens.require(")", "a closing )")
        return tuple(found)

    def _literal(self) -> Text | Number:
        tokens = self.tokens
        start = tokens.begin()
        found = Text(tokens.scan.quoted()) if tokens.peek() == '"' else tokens.number()
        if found is None:
            word = PLAIN_NAME.match(tokens.scan.text, start)
            edit = Edit(start, word.end(), quote(word[0])) if word else None
            hint = 'write a number, or a text in quotes: "GET"'
            raise tokens.refuse("a value is expected here", hint, expected="a number or a text in quotes", edit=edit)
        return found

    def _operand(self) -> Operand:
        tokens = self.tokens
        tokens.skip()
        here = tokens.peek()
        if here == "`" or PLAIN_NAME.match(tokens.scan.text, tokens.position):
            return tokens.name()
        return self._literal()

    def _text(self) -> Text:
        tokens = self.tokens
        tokens.skip()
        if tokens.peek() != '"':
            raise tokens.refuse("contains needs a text", 'write contains "text"', expected="a text in quotes")
        return Text(tokens.scan.quoted())

    def _regex(self) -> Regex:
        tokens = self.tokens
        start = tokens.begin()
        if tokens.peek() != "/":
            raise tokens.refuse("an expression is expected", "write =~ /regex/", expected="an expression in /…/")
        pattern = tokens.scan.regex()
        if not pattern or len(pattern) > MAX_REGEX or has_unopened_bracket(pattern):
            hint = f"write RE2 of 1 to {MAX_REGEX} characters, whose brackets are opened and closed"
            raise tokens.refuse("this expression cannot be read", hint, expected="an expression of RE2", start=start)
        return Regex(pattern)
