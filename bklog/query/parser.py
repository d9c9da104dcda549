"""str -> Query, by recursive descent:

    query   := [any]                                  nothing at all means everything
    any     := all ( OR all )*
    all     := unary ( [AND] unary )*                 terms side by side must all hold
    unary   := ( NOT | ! | - | + ) unary | "(" any ")" | term
    term    := [ field ":" ] value | field ":" "(" any ")" | "_exists_:" field | "*"
    value   := word | wild*card | "phrase" | /regex/ | [low TO high] | >bound >=bound <bound <=bound

Errors are QuerySyntax with the place; what Lucene has and this language has not is refused, never passed over.
"""

from __future__ import annotations

import re
from typing import Final

from bklog.errors import QuerySyntax, Span
from bklog.query.scanner import Scanner
from bklog.query.tree import (
    Bound,
    Everything,
    Exists,
    Node,
    Not,
    Phrase,
    Query,
    Range,
    Regex,
    Term,
    Value,
    Wild,
    Wildcard,
    Word,
    all_of,
    any_of,
    leaves,
)

MAX_CHARACTERS: Final = 20_000
MAX_TERMS: Final = 500  # each becomes a condition that the engine evaluates
MAX_DEPTH: Final = 50  # keeps this recursion, and the engine's, far from their ends
_ENDS_WITH_OR: Final = re.compile(r"[\s)](?:OR|\|\|)\s*\Z")
EXISTS: Final = "_exists_"


def parse(text: str) -> Query:
    """Raises QuerySyntax."""
    if len(text) > MAX_CHARACTERS:
        message = f"the query has {len(text)} characters; at most {MAX_CHARACTERS} are read"
        raise QuerySyntax(message, span=Span(MAX_CHARACTERS, len(text)), hint="shorten it, or ask in several searches")
    parser = _Parser(text)
    return Query(parser.whole())


class _Parser:
    """One parse: `field` is set while the group of `field:( … )` is read."""

    def __init__(self, text: str) -> None:
        self.scan = Scanner(text)
        self.field: str | None = None
        self.field_span = Span(0, 0)
        self.depth = 0

    def whole(self) -> Node:
        self.scan.skip_space()
        if not self.scan.peek():
            return Everything()
        node = self.any()
        if self.scan.peek() == ")":
            raise self.scan.refuse("this bracket was never opened", r"remove it, or write \) for the character itself")
        if sum(1 for _ in leaves(node)) > MAX_TERMS:
            raise self.scan.refuse(f"the query has more than {MAX_TERMS} terms", "ask in several searches", start=0)
        return node

    def any(self) -> Node:
        nodes = [self.all()]
        while self.scan.take_operator("OR"):
            nodes.append(self.all())
        return any_of(nodes)

    def all(self) -> Node:
        nodes = [self.unary()]
        self.scan.skip_space()
        while self.scan.peek() not in ("", ")") and self.scan.at_operator() != "OR":
            self.scan.take_operator("AND")
            nodes.append(self.unary())
            self.scan.skip_space()
        return all_of(nodes)

    def unary(self) -> Node:
        scan = self.scan
        scan.skip_space()
        self._enter()
        try:
            if scan.take_operator("NOT") or self._take_sign("!") or self._take_sign("-"):
                return Not(self.unary())
            if self._take_sign("+"):
                return self._required()
            if scan.at_operator() or scan.peek() in ("", ")"):
                raise self._no_term()
            return self._group() if scan.peek() == "(" else self._term()
        finally:
            self.depth -= 1

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.scan.refuse(f"the query is nested more than {MAX_DEPTH} deep", "remove brackets that hold one term")

    def _no_term(self) -> QuerySyntax:
        operator = self.scan.at_operator()
        if not operator:
            return self.scan.refuse("a term is expected here", "write one, or remove the operator before it")
        hint = rf"write a term before it, or \{operator} for the word itself"
        message = f"{operator} stands where a term is expected"
        return self.scan.refuse(message, hint, end=self.scan.position + len(operator))

    def _take_sign(self, sign: str) -> bool:
        if not self.scan.take(sign):
            return False
        if not self.scan.peek() or self.scan.peek().isspace():
            self.scan.position -= 1
            hint = f'write {sign} directly before a term, or "{sign}" in quotes for the character itself'
            raise self.scan.refuse(f"nothing follows {sign}", hint)
        return True

    def _required(self) -> Node:
        """`+x` is x, as every term is required; beside OR it would mean something else, which is refused."""
        start = self.scan.position - 1
        node = self.unary()
        self.scan.skip_space()
        if self.scan.at_operator() == "OR" or _ENDS_WITH_OR.search(self.scan.text, 0, start):
            message = "+ beside OR contradicts it: one side would be required, the other without effect"
            raise self.scan.refuse(message, "leave out + or OR", start=start, end=start + 1)
        return node

    def _group(self) -> Node:
        start = self.scan.position
        self.scan.position += 1
        self.scan.skip_space()
        if self.scan.peek() == ")":
            raise self.scan.refuse(
                "the brackets are empty", "write a term between them", start=start, end=self.scan.position + 1
            )
        node = self.any()
        if not self.scan.take(")"):
            raise self.scan.refuse("the bracket is never closed", "add )", start=start, end=start + 1)
        self.scan.require_end_of_term(start)
        return node

    def _term(self) -> Node:
        if self.field is not None:
            return self._value(self.field, self.field_span)
        start = self.scan.position
        if self.scan.peek() in '"/[{':
            value = self._bare_value(start)
            return Term(value, span=Span(start, self.scan.position))
        pieces = self.scan.word(stops=":")
        if self.scan.peek() == ":":
            return self._field_term(pieces, start)
        return self._from_pieces(pieces, None, Span(start, self.scan.position))

    def _bare_value(self, start: int) -> Value:
        here = self.scan.peek()
        if here in "[{":
            hint = f"write field:{here}low TO high], or put the text in quotes for the character itself"
            raise self.scan.refuse("a range needs a field", hint)
        value = self._quoted_or_regex()
        if self.scan.peek() == ":":
            hint = r"write field:value with no quotes around the field; \ before a space makes it part of the name"
            raise self.scan.refuse("a quoted text cannot name a field", hint, start=start)
        self.scan.require_end_of_term(start)
        return value

    def _quoted_or_regex(self) -> Phrase | Regex:
        return Phrase(self.scan.quoted()) if self.scan.peek() == '"' else Regex(self._regex())

    def _regex(self) -> str:
        start = self.scan.position
        pattern = self.scan.regex()
        here = self.scan.peek()
        if not pattern or (here and not here.isspace() and here not in ")~^"):
            message = "a regular expression ends at its second /" if pattern else "the regular expression is empty"
            hint = r'write \/ for a slash inside it, or put text that begins with / in quotes: "/var/log"'
            raise self.scan.refuse(message, hint, start=start)
        return pattern

    def _field_term(self, pieces: tuple[str | Wild, ...], start: int) -> Node:
        span = Span(start, self.scan.position)
        self.scan.position += 1
        match pieces:
            case (str() as name,):
                pass
            case (Wild.MANY,) if self.scan.take("*"):
                self.scan.require_end_of_term(start)
                return Everything()
            case ():
                raise self.scan.refuse("a field's name is expected before :", r"write \: for the character itself", start=start)
            case _:
                raise self.scan.refuse("a field's name cannot have wildcards", "name one field", start=start, end=span.end)
        self.scan.skip_space()
        if name == EXISTS:
            return self._exists(start)
        return self._field_group(name, span) if self.scan.peek() == "(" else self._value(name, span)

    def _field_group(self, name: str, span: Span) -> Node:
        self.field, self.field_span = name, span
        try:
            return self._group()
        finally:
            self.field = None

    def _exists(self, start: int) -> Node:
        match self.scan.word(stops=""):
            case (str() as name,):
                return Exists(name, span=Span(start, self.scan.position))
        raise self.scan.refuse("_exists_ takes one field's name", "for example _exists_:host", start=start)

    def _value(self, field: str, field_span: Span) -> Node:
        scan = self.scan
        start = scan.position
        here = scan.peek()
        if here in ("", ")") or scan.at_operator():
            hint = f'write a value, for example {field}:x; {field}:"" is the empty text, {field}:* any value'
            raise scan.refuse(f"a value is expected after {field}:", hint, start=field_span.start, end=field_span.end + 1)
        if here not in '"/[{<>':
            pieces = scan.word(stops="")
            return self._from_pieces(pieces, field, Span(field_span.start, scan.position))
        low_and_high = self._range() if here in "[{<>" else None
        if low_and_high == (None, None):
            return Exists(field, span=Span(field_span.start, scan.position))
        value = Range(*low_and_high) if low_and_high else self._quoted_or_regex()
        scan.require_end_of_term(start)
        return Term(value, field, span=Span(field_span.start, scan.position))

    def _from_pieces(self, pieces: tuple[str | Wild, ...], field: str | None, span: Span) -> Node:
        match pieces:
            case (str() as text,):
                return Term(Word(text), field, span=span)
            case (Wild.MANY,):
                return Everything() if field is None else Exists(field, span=span)
        return Term(Wildcard(pieces), field, span=span)

    def _range(self) -> tuple[Bound | None, Bound | None]:
        scan = self.scan
        opening = scan.peek()
        if opening in "<>":
            scan.position += 1
            inclusive = scan.take("=")
            scan.skip_space()
            bound = self._bound(inclusive=inclusive)
            if bound is None:
                raise scan.refuse("a comparison needs a value", f"write field:{opening}5, or field:* for any value")
            return (bound, None) if opening == ">" else (None, bound)
        start = scan.position
        scan.position += 1
        low = self._bound(inclusive=opening == "[")
        scan.skip_space()
        if not scan.take("TO"):
            raise scan.refuse("TO is expected between the two ends", "for example [1 TO 5], {1 TO 5} or [1 TO *]", start=start)
        high = self._bound(inclusive=True)
        scan.skip_space()
        if not (scan.take("]") or scan.take("}")):
            raise scan.refuse("the range is never closed", "close it with ] or }", start=start)
        is_open = scan.text[scan.position - 1] == "}"
        return low, (Bound(high.text, inclusive=False) if high and is_open else high)

    def _bound(self, *, inclusive: bool) -> Bound | None:
        """One end of a range, None for `*`."""
        scan = self.scan
        scan.skip_space()
        start = scan.position
        if scan.peek() == '"':
            return Bound(scan.quoted(), inclusive=inclusive)
        pieces = scan.word(stops="[]{}")
        written = scan.text[start : scan.position]
        match pieces:
            case (str() as text,) if written != "TO":
                return Bound(text, inclusive=inclusive)
            case (Wild.MANY,):
                return None
            case () | ("TO",):
                raise scan.refuse("an end of the range is missing", "write a value, or * for an open end", start=start)
        raise scan.refuse("an end of a range cannot have wildcards", "write a value, or * alone for an open end", start=start)
