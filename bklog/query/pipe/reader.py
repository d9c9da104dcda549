"""str -> Piped: the query, and after each `|` a step.

    step := stats figure, … [by key, …] | histogram width [by name, …] | top [number] name, … | sort [-]name, …
          | limit number | fields name, … | dedup name, … | where condition | extract /regex/ | extract grok "…" [from name]

Errors are QuerySyntax with the place in the whole text, as those of the query are. Conditions are read by `conditions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final, TypeVar

from bklog.errors import Edit, QuerySyntax, Span
from bklog.query.parser import TOO_LARGE, begin
from bklog.query.pipe import conditions, grok
from bklog.query.pipe.groups import named_groups
from bklog.query.pipe.steps import (
    DEFAULT_TOP,
    FUNCTIONS,
    Bucket,
    Dedup,
    Extract,
    Figure,
    Histogram,
    Key,
    Name,
    Piped,
    Show,
    Sort,
    SortKey,
    Stats,
    Step,
    Take,
    Top,
    Where,
)
from bklog.query.pipe.tokens import Tokens
from bklog.query.repair import proposing, repair
from bklog.query.scanner import has_unopened_bracket
from bklog.query.tree import Regex, quote

MAX_STEPS: Final = 20
MAX_LIST: Final = 50  # columns of a step
MAX_FIGURES: Final = 20
MAX_KEYS: Final = 5
MAX_NUMBER: Final = 10_000
MAX_PATTERN: Final = 2_000
MAX_GROUPS: Final = 30
PERCENTILES: Final = tuple(f"p{number}" for number in range(1, 100))
_One = TypeVar("_One")


def read_piped(text: str) -> Piped:
    """`parse_piped`, whose error proposes a repair."""
    try:
        return parse_piped(text)
    except QuerySyntax as error:
        raise proposing(error, repair(text, error, parse_piped)) from error


def has_steps(text: str) -> bool:
    """Whether steps follow the query, also where one of both is to be repaired first."""
    try:
        return bool(begin(text)[1].peek())
    except QuerySyntax as error:
        repaired = repair(text, error, parse_piped)
        return bool(repaired) and bool(parse_piped(repaired).steps)


def parse_piped(text: str) -> Piped:
    """A query without steps too. Raises QuerySyntax."""
    query, scan = begin(text)
    place, tokens = scan.position, Tokens(scan)
    steps: list[Step] = []
    while scan.take("|"):
        if len(steps) == MAX_STEPS:
            message = f"more than {MAX_STEPS} steps follow each other"
            raise tokens.refuse(message, "ask in several searches", expected="the end", code=TOO_LARGE)
        steps.append(_step(tokens))
        scan.skip_space()
        if scan.peek() and not scan.at_pipe():
            raise tokens.refuse(
                "the step ends here, and something follows it", "put | before the next step", expected="| or the end"
            )
    return Piped(query, tuple(steps), place)


def _step(tokens: Tokens) -> Step:
    start = tokens.begin()
    word = tokens.word()
    read = VERBS.get(word.lower())
    if read is None:
        raise _no_verb(tokens, word, start)
    return read(tokens)


def _no_verb(tokens: Tokens, word: str, start: int) -> QuerySyntax:
    known = f"one of: {', '.join(VERBS)}"
    if not word:
        return tokens.refuse(
            "a step is expected after |", f"write {known}", expected="a step", edit=tokens.dropping_pipe(start)
        )
    close = get_close_matches(word.lower(), VERBS, n=1)
    edit = Edit(start, tokens.position, close[0]) if close else None
    return tokens.refuse(f"there is no step {word[:40]}", f"steps are {known}", expected="a step", start=start, edit=edit)


def _stats(tokens: Tokens) -> Stats:
    figures = _several(tokens, _figure, most=MAX_FIGURES)
    keys = _several(tokens, _key, most=MAX_KEYS) if tokens.take_word("by") else ()
    return Stats(figures, keys)


def _figure(tokens: Tokens) -> Figure:
    start = tokens.begin()
    word = tokens.word()
    function = word.lower()
    if function not in FUNCTIONS and function not in PERCENTILES:
        close = get_close_matches(function, FUNCTIONS, n=1) if function else []
        edit = Edit(start, tokens.position, close[0]) if close else None
        hint = f"functions are: {', '.join(FUNCTIONS)}, p50, p95 …"
        message = f"there is no function {word[:40]}" if word else "a function is expected"
        raise tokens.refuse(message, hint, expected="a function", start=start, edit=edit)
    tokens.require("(", f"{function}(…)")
    column, level = _given(tokens, function, start)
    tokens.require(")", "a closing )")
    span = Span(start, tokens.position)
    return Figure("percentile" if level is not None else function, column, level, _alias(tokens), span=span)


def _given(tokens: Tokens, function: str, start: int) -> tuple[Name | None, float | None]:
    tokens.skip()
    if tokens.peek() == ")":
        if function == "count":
            return None, None
        message, hint = f"{function} needs a column", f"write {function}(latency), or count() for the number of rows"
        raise tokens.refuse(message, hint, expected="a column", start=start)
    column = tokens.name()
    if function != "percentile":
        return column, float(function[1:]) if function in PERCENTILES else None
    tokens.require(",", "a comma and a number, as in percentile(latency, 95)")
    begun = tokens.begin()
    level = tokens.number()
    if level is None or not 0 <= level.value <= 100 or f"{level.value:g}" != str(level.value).removesuffix(".0"):
        hint = "a percentile is from 0 to 100, with at most 6 digits, as in percentile(latency, 99.9)"
        raise tokens.refuse("this is no percentile", hint, expected="a number from 0 to 100", start=begun)
    return column, float(level.value)


def _alias(tokens: Tokens) -> Name | None:
    return tokens.name() if tokens.take_word("as") else None


def _key(tokens: Tokens) -> Key:
    start = tokens.begin()
    if not tokens.take_word("bucket"):
        return tokens.name()
    tokens.require("(", "bucket(5m)")
    width = _width(tokens, ")")
    tokens.require(")", "a closing )")
    return Bucket(width, span=Span(start, tokens.position))


def _width(tokens: Tokens, stops: str) -> str:
    """What it means, the plan says: that depends on the range."""
    start = tokens.begin()
    width = tokens.run(stops)
    if not width.isalnum() or not width.isascii():
        hint = "write auto, or 500ms, 30s, 5m, 1h, 1d, 1w, 1M, 1y"
        raise tokens.refuse("a width of time is expected", hint, expected="a width", start=start, code="interval")
    return width


def _histogram(tokens: Tokens) -> Histogram:
    start = tokens.begin()
    bucket = Bucket(_width(tokens, "|"), span=Span(start, tokens.position))
    return Histogram(bucket, _several(tokens, Tokens.name, most=MAX_KEYS - 1) if tokens.take_word("by") else ())


def _top(tokens: Tokens) -> Top:
    tokens.skip()
    number = _whole(tokens) if tokens.peek().isdigit() else DEFAULT_TOP
    return Top(number, _several(tokens, Tokens.name, most=MAX_KEYS))


def _sort(tokens: Tokens) -> Sort:
    return Sort(_several(tokens, _sort_key, most=MAX_KEYS))


def _sort_key(tokens: Tokens) -> SortKey:
    tokens.skip()
    descending = tokens.scan.take("-")
    if not descending:
        tokens.scan.take("+")
    return SortKey(tokens.name(), descending)


def _whole(tokens: Tokens) -> int:
    start = tokens.begin()
    found = tokens.number()
    if found is None or not isinstance(found.value, int) or not 1 <= found.value <= MAX_NUMBER:
        hint = f"from 1 to {MAX_NUMBER}"
        raise tokens.refuse("a number of rows is expected", hint, expected=f"a number from 1 to {MAX_NUMBER}", start=start)
    return found.value


def _extract(tokens: Tokens) -> Extract:
    start = tokens.begin()
    is_grok = tokens.take_word("grok")
    tokens.skip()
    if tokens.peek() != ('"' if is_grok else "/"):
        hint = r'write extract /user=(?<user>\w+)/, or extract grok "%{IP:client} %{WORD:verb}"'
        raise tokens.refuse("an expression is expected", hint, expected='a grok in "…"' if is_grok else "an expression in /…/")
    text = tokens.scan.quoted() if is_grok else tokens.scan.regex()
    span = Span(start, tokens.position)
    if is_grok and (name := grok.unknown(text)):
        close = get_close_matches(name.upper(), grok.PATTERNS, n=1)
        edit = Edit(*span_of(span), f"grok {quote(text.replace(f'%{{{name}', f'%{{{close[0]}'))}") if close else None
        raise _refuse(tokens, f"there is no grok pattern {name[:40]}", f"patterns are: {', '.join(grok.PATTERNS)}", span, edit)
    pattern = grok.expand(text) if is_grok else text
    _require_groups(tokens, pattern, span)
    column = tokens.name() if tokens.take_word("from") else None
    return Extract(Regex(pattern), column, text if is_grok else "", span=span)


def span_of(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _require_groups(tokens: Tokens, pattern: str, span: Span) -> None:
    hint = r"name what is to be a column: extract /took (?<ms>\d+)ms/"
    if len(pattern) > MAX_PATTERN:
        raise _refuse(tokens, f"the expression has more than {MAX_PATTERN} characters", "shorten it", span, code=TOO_LARGE)
    if has_unopened_bracket(pattern):
        raise _refuse(tokens, "a bracket in the expression was never opened", r"write \) for the character itself", span)
    names = named_groups(pattern)[1]
    if not names:
        raise _refuse(tokens, "the expression has no named group", hint, span)
    if len(names) > MAX_GROUPS:
        raise _refuse(tokens, f"the expression has more than {MAX_GROUPS} groups", "name fewer", span, code=TOO_LARGE)
    if len(set(names)) < len(names) or not all(names):
        raise _refuse(tokens, "two groups have one name, or one has none", "give each group a name of its own", span)


def _refuse(tokens: Tokens, message: str, hint: str, span: Span, edit: Edit | None = None, code: str = "") -> QuerySyntax:
    return tokens.refuse(
        message, hint, expected="an expression with named groups", start=span.start, end=span.end, edit=edit, code=code
    )


def _several(tokens: Tokens, read: Callable[[Tokens], _One], *, most: int) -> tuple[_One, ...]:
    found = [read(tokens)]
    while tokens.take(","):
        if len(found) == most:
            message = f"there are more than {most}"
            raise tokens.refuse(message, "name fewer", expected=f"at most {most}", code=TOO_LARGE)
        found.append(read(tokens))
    return tuple(found)


VERBS: Final[Mapping[str, Callable[[Tokens], Step]]] = {
    "stats": _stats,
    "histogram": _histogram,
    "top": _top,
    "sort": _sort,
    "limit": lambda tokens: Take(_whole(tokens)),
    "fields": lambda tokens: Show(_several(tokens, Tokens.name, most=MAX_LIST)),
    "dedup": lambda tokens: Dedup(_several(tokens, Tokens.name, most=MAX_KEYS)),
    "where": lambda tokens: Where(conditions.read(tokens)),
    "extract": _extract,
}
