"""Characters -> the two ends of a range: `[low TO high]`, `{low TO high}`, mixed, `>x >=x <x <=x`, `*` where it is open."""

from __future__ import annotations

from typing import TypeAlias

from bklog.errors import Edit, QuerySyntax
from bklog.query.scanner import Scanner
from bklog.query.tree import Bound, Wild, quote

Ends: TypeAlias = tuple[Bound | None, Bound | None]


def read_range(scan: Scanner) -> Ends:
    """The scanner stands at `[`, `{`, `<` or `>`. Both ends None: any value."""
    return _comparison(scan) if scan.peek() in "<>" else _between(scan)


def _comparison(scan: Scanner) -> Ends:
    start = scan.position
    opening = scan.peek()
    scan.position += 1
    inclusive = scan.take("=")
    scan.skip_space()
    if scan.peek() in ("", ")"):
        raise _no_comparison(scan, start)
    bound = _bound(scan, inclusive=inclusive)
    if bound is None:
        raise _no_comparison(scan, start)
    return (bound, None) if opening == ">" else (None, bound)


def _no_comparison(scan: Scanner, start: int) -> QuerySyntax:
    hint = f"write field:{scan.text[start]}5, or field:* for any value"
    edit = Edit(start, scan.position, "*")
    return scan.refuse("a comparison needs a value", hint, expected="a value", start=start, edit=edit)


def _between(scan: Scanner) -> Ends:
    start = scan.position
    is_inclusive = scan.peek() == "["
    scan.position += 1
    low = _bound(scan, inclusive=is_inclusive)
    scan.skip_space()
    if not scan.take("TO"):
        raise _no_to(scan, start)
    high = _bound(scan, inclusive=True)
    scan.skip_space()
    if not (scan.take("]") or scan.take("}")):
        edit = scan.inserting("]")
        raise scan.refuse("the range is never closed", "close it with ] or }", expected="] or }", start=start, edit=edit)
    is_open = scan.text[scan.position - 1] == "}"
    return low, (Bound(high.text, inclusive=False) if high and is_open else high)


def _no_to(scan: Scanner, start: int) -> QuerySyntax:
    here = scan.position
    is_small = scan.text[here : here + 2].lower() == "to"
    edit = Edit(here, here + 2, "TO") if is_small else Edit(here, here, " TO ")
    hint = "for example [1 TO 5], {1 TO 5} or [1 TO *]"
    return scan.refuse("TO is expected between the two ends", hint, expected="TO", start=start, edit=edit)


def _bound(scan: Scanner, *, inclusive: bool) -> Bound | None:
    """One end of a range, None for `*`."""
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
            hint = "write a value, or * for an open end"
            edit = Edit(start, start, "* ")
            raise scan.refuse("an end of the range is missing", hint, expected="a value, or *", start=start, edit=edit)
    raise scan.refuse(
        "an end of a range cannot have wildcards",
        "write a value, or * alone for an open end",
        expected="a value, or *",
        start=start,
        edit=Edit(start, scan.position, quote(written)),
    )
