"""Condition -> Test: what each comparison means for the types of its two sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from bklog.errors import QuerySyntax
from bklog.query.moment import TIME_HINT, read_moment
from bklog.query.pipe.steps import (
    Among,
    Both,
    Compared,
    Condition,
    Either,
    Has,
    Name,
    Number,
    Operand,
    Opposite,
    Text,
)
from bklog.query.pipe.table import (
    Any,
    Column,
    Comparison,
    Constant,
    Containing,
    Every,
    Given,
    Instant,
    Inverse,
    Matching,
    Test,
    Type,
)
from bklog.query.planner import read_number
from bklog.query.tree import Regex

Find = Callable[[Name], Column]


def plan_test(condition: Condition, find: Find) -> Test:
    match condition:
        case Both(conditions):
            return Every(tuple(plan_test(one, find) for one in conditions))
        case Either(conditions):
            return Any(tuple(plan_test(one, find) for one in conditions))
        case Opposite(inner):
            return Inverse(plan_test(inner, find))
        case Has(name):
            return Given(find(name))
        case Among(name, operands):
            found = tuple(_compare(name, "=", operand, find) for operand in operands)
            return found[0] if len(found) == 1 else Any(found)
        case Compared(name, operator, operand):
            return _compare(name, operator, operand, find)
        case unreachable:
            assert_never(unreachable)


def _compare(name: Name, operator: str, operand: Operand, find: Find) -> Test:
    column = find(name)
    if column.type is Type.OBJECT:
        raise _no_value(name, "fields is an object", "name one of its fields")
    match operand:
        case Regex(pattern):
            return Matching(column, pattern, negated=operator == "!~")
        case Text(text) if operator == "contains":
            return Containing(column, text)
        case Name() as other:
            return _columns(name, column, operator, find(other))
        case Number(value):
            return _number(name, column, operator, value)
        case Text(text):
            return _text(name, column, operator, text)
        case unreachable:
            assert_never(unreachable)


def _columns(name: Name, left: Column, operator: str, right: Column) -> Test:
    if right.type is Type.OBJECT or (left.type is Type.TIME) != (right.type is Type.TIME):
        raise _no_value(name, f"{left.name} and {right.name} cannot be compared", "compare columns of one type")
    as_numbers = left.type is not Type.TIME and (left.is_number or right.is_number or operator not in ("=", "!="))
    return Comparison(left, operator, right, as_numbers)


def _number(name: Name, column: Column, operator: str, value: float) -> Test:
    if column.type is Type.TIME:
        raise _no_value(name, f"{column.name} is a time", f"{TIME_HINT}, in quotes")
    return Comparison(column, operator, Constant(value), as_numbers=True)


def _text(name: Name, column: Column, operator: str, text: str) -> Test:
    if column.type is Type.TIME:
        return _moment(name, column, operator, text)
    if not column.is_number:
        return Comparison(column, operator, Constant(text))
    number = read_number(text)
    if number is None:
        raise _no_value(name, f"{column.name} is a number, and {text[:40]!r} is none", "write a number")
    return Comparison(column, operator, Constant(number), as_numbers=True)


def _moment(name: Name, column: Column, operator: str, text: str) -> Test:
    """A time that is written to the day means the whole day."""
    moment = read_moment(text)
    if moment is None:
        raise _no_value(name, f"{text[:40]!r} is no time", TIME_HINT)
    from_start, before_end = (
        Comparison(column, ">=", Instant(moment.start)),
        Comparison(column, "<", Instant(moment.end)),
    )
    match operator:
        case "=":
            return Every((from_start, before_end))
        case "!=":
            return Every((Given(column), Inverse(Every((from_start, before_end)))))
        case "<" | ">=":
            return Comparison(column, operator, Instant(moment.start))
        case "<=":
            return before_end
        case _:
            return Comparison(column, ">=", Instant(moment.end))


def _no_value(name: Name, message: str, hint: str) -> QuerySyntax:
    return QuerySyntax(message, span=name.span, hint=hint, expected="a comparison that has a meaning", code="bad_value")
