"""str -> Query, by recursive descent:

    query   := [any]                                  nothing at all means everything
    any     := all ( OR all )*
    all     := unary ( [AND] unary )*                 terms side by side must all hold
    unary   := ( NOT | ! | - | + ) unary | ( "(" any ")" | term ) [ ^number ]
    term    := [ field ":" ] value | field ":" "(" any ")" | "_exists_:" field | "*"
    value   := word | wild*card | "phrase" [ ~number ] | /regex/ | [low TO high] | >bound >=bound <bound <=bound

Errors are QuerySyntax with the place; what Lucene has and this language has not is refused, never passed over. A weight
(`^2`) changes no row, as rows are ordered by time: it is read, and noted. Time and memory grow with the text's length alone.
"""

from __future__ import annotations

import re
from typing import Final

from bklog.errors import Edit, QuerySyntax, Span
from bklog.query.ranges import read_range
from bklog.query.scanner import Scanner, has_unopened_bracket
from bklog.query.tree import (
    Everything,
    Exists,
    Near,
    Node,
    Not,
    Note,
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
    escape,
    quote,
)

MAX_CHARACTERS: Final = 20_000
MAX_TERMS: Final = 500  # each becomes a condition that the engine evaluates
MAX_DEPTH: Final = 50  # keeps this recursion, and the engine's, far from their ends
MAX_SLOP: Final = 100
MAX_NAME: Final = 256  # of a field: a group repeats its name before each value
EXISTS: Final = "_exists_"
TOO_LARGE: Final = "query_too_large"
_SLOP: Final = re.compile(r"~(\d{1,9})?(?=[\s)^]|\Z)", re.ASCII)
_DANGLING: Final = re.compile(r"(?:\s(?:AND|OR|NOT)|&&|\|\||^(?:AND|OR|NOT)|[-+!])(?=\s*\Z)")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse(text: str) -> Query:
    """Raises QuerySyntax; its code is `query_too_large` where a limit of this language is passed."""
    return parse_by(Parser, text)


def parse_by(kind: type[Parser], text: str) -> Query:
    """By a parser that joins terms in another way."""
    query, scan = begin(text, kind)
    if scan.peek():
        hint = r"ask for a table (POST …/table/, bklog search), or write \| for the character itself"
        message = "what follows | makes a table of rows, and here rows are asked for"
        edit = Edit(scan.position, len(text), "")
        raise scan.refuse(message, hint, expected="the end", end=len(text), edit=edit, code="pipe_not_here")
    return query


def begin(text: str, kind: type[Parser] | None = None) -> tuple[Query, Scanner]:
    """The query, and the scanner at the end of the text or at the `|` that ends the query. Raises QuerySyntax."""
    if len(text) > MAX_CHARACTERS:
        message = f"the query has {len(text)} characters; at most {MAX_CHARACTERS} are read"
        span = Span(MAX_CHARACTERS, len(text))
        raise QuerySyntax(message, span=span, hint="shorten it, or ask in several searches", code=TOO_LARGE)
    if half := _SURROGATE.search(text):
        edit = Edit(*half.span(), "?")
        message = "half of a character stands here: the text was cut or encoded wrongly"
        raise QuerySyntax(message, span=Span(*half.span()), hint="write the character itself", edit=edit)
    parser = (kind or Parser)(text)
    return Query(parser.whole(), tuple(parser.notes)), parser.scan


class Parser:
    """One parse: `field` is set while the group of `field:( … )` is read."""

    def __init__(self, text: str) -> None:
        self.scan = Scanner(text)
        self.notes: list[Note] = []
        self.field: str | None = None
        self.field_span = Span(0, 0)
        self.depth = 0
        self.terms = 0
        self.after_or = -1  # where the term directly after an OR begins

    def whole(self) -> Node:
        self.scan.skip_space()
        if not self.scan.peek() or self.scan.at_pipe():
            return Everything()
        node = self.any()
        if self.scan.peek() == ")":
            raise self.scan.refuse(
                "this bracket was never opened",
                r"remove it, or write \) for the character itself",
                expected="the end, or a term",
                edit=Edit(self.scan.position, self.scan.position + 1, ""),
            )
        return node

    def any(self) -> Node:
        nodes = [self.all()]
        while self.scan.take_operator("OR"):
            self.scan.skip_space()
            self.after_or = self.scan.position
            nodes.append(self.all())
        return any_of(nodes)

    def all(self) -> Node:
        nodes = [self.unary()]
        self.scan.skip_space()
        while self.scan.peek() not in ("", ")") and self.scan.at_operator() != "OR" and not self.scan.at_pipe():
            self.scan.take_operator("AND")
            nodes.append(self.unary())
            self.scan.skip_space()
        return all_of(nodes)

    def unary(self) -> Node:
        scan = self.scan
        scan.skip_space()
        self.enter()
        try:
            if scan.take_operator("NOT") or self.take_sign("!") or self.take_sign("-"):
                return Not(self.unary())
            if self.take_sign("+"):
                return self._required()
            if scan.at_operator() or scan.at_pipe() or scan.peek() in ("", ")"):
                raise self.no_term()
            return self.operand()
        finally:
            self.depth -= 1

    def operand(self) -> Node:
        start = self.scan.position
        node = self._group() if self.scan.peek() == "(" else self._term()
        if boost := self.scan.take_boost():
            written = self.scan.text[boost.start : boost.end]
            edit = Edit(boost.start, boost.end, "")
            self.notes.append(Note(f"the weight {written} is passed over: rows are ordered by time", boost, edit))
        self.scan.require_end_of_term(start)
        return node

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"the query is nested more than {MAX_DEPTH} deep"
            raise self.scan.refuse(message, "remove brackets that hold one term", expected="a term", code=TOO_LARGE)

    def no_term(self) -> QuerySyntax:
        scan = self.scan
        operator = scan.at_operator()
        if not operator:
            before = _DANGLING.search(scan.text[: scan.position])
            edit = Edit(*before.span(), "") if before else None
            hint = "write one, or remove the operator before it"
            return scan.refuse("a term is expected here", hint, expected="a term", edit=edit)
        end = scan.position + (2 if scan.peek() in "&|" else len(operator))
        hint = rf"write a term before it, or \{operator} for the word itself"
        message = f"{operator} stands where a term is expected"
        return scan.refuse(message, hint, expected="a term", end=end, edit=Edit(scan.position, end, ""))

    def take_sign(self, sign: str) -> bool:
        start = self.scan.position
        if not self.scan.take(sign):
            return False
        if not self.scan.peek() or self.scan.peek().isspace():
            hint = f'write {sign} directly before a term, or "{sign}" in quotes for the character itself'
            edit = Edit(start, start + 1, f'"{sign}"')
            message = f"nothing follows {sign}"
            raise self.scan.refuse(message, hint, expected="a term", start=start, end=start + 1, edit=edit)
        return True

    def _required(self) -> Node:
        """`+x` is x, as every term is required; beside OR it would mean something else, which is refused."""
        start = self.scan.position - 1
        is_after_or = start == self.after_or
        node = self.unary()
        self.scan.skip_space()
        if self.scan.at_operator() == "OR" or is_after_or:
            message = "+ beside OR contradicts it: one side would be required, the other without effect"
            edit = Edit(start, start + 1, "")
            raise self.scan.refuse(message, "leave out + or OR", expected="a term", start=start, end=start + 1, edit=edit)
        return node

    def _group(self) -> Node:
        start = self.scan.position
        self.scan.position += 1
        self.scan.skip_space()
        if self.scan.peek() == ")":
            end = self.scan.position + 1
            edit = Edit(start, end, "")
            hint = "write a term between them"
            raise self.scan.refuse("the brackets are empty", hint, expected="a term", start=start, end=end, edit=edit)
        node = self.any()
        if not self.scan.take(")"):
            edit = self.scan.inserting(")")
            raise self.scan.refuse(
                "the bracket is never closed", "add )", expected="a closing )", start=start, end=start + 1, edit=edit
            )
        return node

    def _term(self) -> Node:
        start = self.scan.position
        self.terms += 1
        if self.terms > MAX_TERMS:
            message = f"the query has more than {MAX_TERMS} terms"
            raise self.scan.refuse(message, "ask in several searches", expected="the end", start=0, code=TOO_LARGE)
        if self.field is not None:
            return self._value(self.field, self.field_span)
        if self.scan.peek() in '"/[{':
            value = self._bare_value(start)
            return Term(value, span=Span(start, self.scan.position))
        pieces = self.scan.word(stops=":")
        if self.scan.peek() == ":":
            return self._field_term(pieces, start)
        return self._from_pieces(pieces, None, Span(start, self.scan.position))

    def _bare_value(self, start: int) -> Value:
        scan = self.scan
        here = scan.peek()
        if here in "[{":
            hint = f"write field:{here}low TO high], or put the text in quotes for the character itself"
            raise scan.refuse("a range needs a field", hint, expected="a field's name", edit=scan.quoting(start))
        value = self._quoted_or_regex()
        if scan.peek() == ":":
            hint = r"write field:value with no quotes around the field; \ before a space makes it part of the name"
            edit = Edit(start, scan.position, escape(value.text)) if isinstance(value, Phrase) and value.text else None
            raise scan.refuse("a quoted text cannot name a field", hint, expected="a space", start=start, edit=edit)
        return value

    def _quoted_or_regex(self) -> Phrase | Near | Regex:
        if self.scan.peek() == "/":
            return Regex(self._regex())
        text = self.scan.quoted()
        return self._near(text) if self.scan.peek() == "~" else Phrase(text)

    def _near(self, text: str) -> Phrase | Near:
        scan = self.scan
        start = scan.position
        written = _SLOP.match(scan.text, start)
        if not written:
            return Phrase(text)  # what follows is refused as it touches the term
        hint = f'"a b"~2 finds a before b with at most two words between; the number is at most {MAX_SLOP}'
        if not written[1] or int(written[1]) > MAX_SLOP:
            message = "~ needs a number of words" if not written[1] else f"at most {MAX_SLOP} words may lie between"
            edit = Edit(start, written.end(), f"~{MAX_SLOP if written[1] else 1}")
            raise scan.refuse(message, hint, expected=f"0 to {MAX_SLOP}", end=written.end(), edit=edit)
        scan.position = written.end()
        return Near(text, int(written[1])) if int(written[1]) else Phrase(text)

    def _regex(self) -> str:
        scan = self.scan
        start = scan.position
        pattern = scan.regex()
        here = scan.peek()
        if not pattern or (here and not here.isspace() and here not in ")~^"):
            message = "a regular expression ends at its second /" if pattern else "the regular expression is empty"
            hint = r'write \/ for a slash inside it, or put text that begins with / in quotes: "/var/log"'
            raise scan.refuse(message, hint, expected="a space", start=start, edit=scan.quoting(start))
        if has_unopened_bracket(pattern):
            message, hint = "a bracket in the expression was never opened", r"write \) for the character itself"
            edit = Edit(start, scan.position, quote(pattern))
            raise scan.refuse(message, hint, expected="an expression of RE2", start=start, edit=edit)
        return pattern

    def _field_term(self, pieces: tuple[str | Wild, ...], start: int) -> Node:
        scan = self.scan
        span = Span(start, scan.position)
        scan.position += 1
        match pieces:
            case (str() as name,) if len(name) <= MAX_NAME:
                pass
            case (str(),):
                message = f"a field's name has at most {MAX_NAME} characters"
                hint = r"write \: for the character itself"
                raise scan.refuse(message, hint, expected="a field's name", start=start, end=span.end, code=TOO_LARGE)
            case (Wild.MANY,) if scan.take("*"):
                return Everything()
            case ():
                hint = r"write \: for the character itself"
                edit = scan.inserting("\\", at=start)
                raise scan.refuse(
                    "a field's name is expected before :", hint, expected="a field's name", start=start, edit=edit
                )
            case _:
                message = "a field's name cannot have wildcards"
                edit = scan.quoting(start)
                hint = "name one field, or several with OR; without a field the whole line is searched"
                raise scan.refuse(message, hint, expected="a field's name", start=start, end=span.end, edit=edit)
        scan.skip_space()
        if name == EXISTS:
            return self._exists(start)
        return self._field_group(name, span) if scan.peek() == "(" else self._value(name, span)

    def _field_group(self, name: str, span: Span) -> Node:
        self.field, self.field_span = name, span
        self.terms -= 1  # those in the group are counted
        try:
            return self._group()
        finally:
            self.field = None

    def _exists(self, start: int) -> Node:
        match self.scan.word(stops=""):
            case (str() as name,):
                return Exists(name, span=Span(start, self.scan.position))
        message, hint = "_exists_ takes one field's name", "for example _exists_:host"
        raise self.scan.refuse(message, hint, expected="a field's name", start=start, edit=self.scan.quoting(start))

    def _value(self, field: str, field_span: Span) -> Node:
        scan = self.scan
        here = scan.peek()
        if here in ("", ")") or scan.at_operator():
            raise self._no_value(field, field_span)
        if here not in '"/[{<>':
            pieces = scan.word(stops="")
            return self._from_pieces(pieces, field, Span(field_span.start, scan.position))
        low_and_high = read_range(scan) if here in "[{<>" else None
        if low_and_high == (None, None):
            return Exists(field, span=Span(field_span.start, scan.position))
        value = Range(*low_and_high) if low_and_high else self._quoted_or_regex()
        return Term(value, field, span=Span(field_span.start, scan.position))

    def _no_value(self, field: str, field_span: Span) -> QuerySyntax:
        return self.scan.refuse(
            f"a value is expected after {field}:",
            f'write a value, for example {field}:x; {field}:"" is the empty text, {field}:* any value',
            expected="a value",
            start=field_span.start,
            end=field_span.end + 1,
            edit=self.scan.inserting("* " if self.scan.at_operator() else "*"),
        )

    def _from_pieces(self, pieces: tuple[str | Wild, ...], field: str | None, span: Span) -> Node:
        match pieces:
            case (str() as text,):
                return Term(Word(text), field, span=span)
            case (Wild.MANY,):
                return Everything() if field is None else Exists(field, span=span)
            case ():
                return self._nothing(span)
        return Term(Wildcard(pieces), field, span=span)

    def _nothing(self, span: Span) -> Node:
        """A weight stands where a term should."""
        message, hint = "a weight stands where a term is expected", r"write a term before it, or \^ for the character itself"
        raise self.scan.refuse(message, hint, expected="a term", edit=self.scan.inserting("\\"), start=span.end)
