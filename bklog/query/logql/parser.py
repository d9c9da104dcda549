"""LogQL text -> tree: what is not supported is refused with its place, never passed over."""

from __future__ import annotations

from typing import Final

from bklog.query.logql.reader import Reader
from bklog.query.logql.scanner import END, IDENTIFIER, NUMBER, SPAN
from bklog.query.logql.stages import read_log_query, read_selector, read_stages
from bklog.query.logql.tree import (
    Binary,
    Expression,
    Grouping,
    LogQuery,
    Matcher,
    Number,
    RangeAggregation,
    Unwrap,
    VectorAggregation,
    VectorOf,
)
from bklog.query.logql.units import nanoseconds_of

COUNTED: Final = ("count_over_time", "rate", "bytes_over_time", "bytes_rate")
UNWRAPPED: Final = (
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "first_over_time",
    "last_over_time",
    "quantile_over_time",
)
GROUPED: Final = tuple(name for name in UNWRAPPED if name != "sum_over_time")
VECTOR_OPERATORS: Final = ("sum", "avg", "min", "max", "count", "stddev", "stdvar", "topk", "bottomk")
RANKED: Final = ("topk", "bottomk")
COMPARISONS: Final = ("==", "!=", ">", ">=", "<", "<=")
_PRECEDENCE: Final = {
    **dict.fromkeys(COMPARISONS, 1),
    **dict.fromkeys(("+", "-"), 2),
    **dict.fromkeys(("*", "/", "%"), 3),
    "^": 4,
}
_REFUSED_WORDS: Final = ("and", "or", "unless", "on", "ignoring", "group_left", "group_right")
_REFUSED_FUNCTIONS: Final = (
    "absent_over_time",
    "rate_counter",
    "label_replace",
    "sort",
    "sort_desc",
    "approx_topk",
    "variants",
)
MAX_RANKED: Final = 10_000
MAX_SPAN: Final = nanoseconds_of("100y")


def parse(text: str) -> Expression:
    """Raises LogqlSyntax."""
    reader = Reader(text)
    found = _expression(reader, 0)
    if reader.token.kind == IDENTIFIER and reader.token.text in _REFUSED_WORDS:
        raise reader.unsupported(f"the operator {reader.token.text}")
    if reader.token.kind != END:
        raise reader.unexpected()
    return found


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Raises LogqlSyntax for anything beyond the selector."""
    reader = Reader(text)
    found = read_selector(reader)
    reader.expect(END)
    return found


def _expression(reader: Reader, least: int) -> Expression:
    reader.deeper()
    left = _operand(reader)
    while (strength := _PRECEDENCE.get(reader.token.kind, 0)) > least:
        reader.part()
        operator = reader.next().kind
        as_bool = reader.take_word("bool") and operator in COMPARISONS
        right = _expression(reader, strength - (operator == "^"))
        if isinstance(left, LogQuery) or isinstance(right, LogQuery):
            raise reader.refuse(f"unexpected type for a leg of binary operation ({operator}): a log query")
        left = Binary(operator, left, right, as_bool)
    reader.back()
    return left


def _operand(reader: Reader) -> Expression:
    match reader.token.kind:
        case "{":
            return read_log_query(reader)
        case "(":
            reader.next()
            found = _expression(reader, 0)
            reader.expect(")")
            return found
        case "-" | "+" | "NUMBER":
            return Number(_signed(reader))
        case "IDENTIFIER":
            return _function(reader)
    raise reader.unexpected()


def _signed(reader: Reader) -> float:
    sign = -1.0 if reader.take("-") else 1.0
    reader.take("+")
    return sign * float(reader.expect(NUMBER).text)


def _function(reader: Reader) -> Expression:
    name = reader.token.text
    if name in COUNTED + UNWRAPPED:
        return _range_aggregation(reader)
    if name in VECTOR_OPERATORS:
        return _vector_aggregation(reader)
    if name == "vector":
        reader.next()
        reader.expect("(")
        value = _signed(reader)
        reader.expect(")")
        return VectorOf(value)
    if name in _REFUSED_FUNCTIONS:
        raise reader.unsupported(f"{name}()")
    raise reader.unexpected()


def _range_aggregation(reader: Reader) -> RangeAggregation:
    start = reader.next()
    name = start.text
    reader.expect("(")
    parameter = None
    if name == "quantile_over_time":
        parameter = _signed(reader)
        reader.expect(",")
        if not 0 <= parameter <= 1:
            raise reader.refuse("the quantile is from 0 to 1", "write quantile_over_time(0.99, …)", at=start)
    query, width, offset = _range(reader)
    reader.expect(")")
    grouping = _grouping(reader) if _stands_grouping(reader) else None
    is_unwrapped = any(isinstance(stage, Unwrap) for stage in query.stages)
    if is_unwrapped and name not in (*UNWRAPPED, "rate"):
        raise reader.refuse(f"invalid aggregation {name} with unwrap", at=start)
    if not is_unwrapped and name in UNWRAPPED:
        raise reader.refuse(f"invalid aggregation {name} without unwrap", "add | unwrap LABEL before the range", at=start)
    if grouping and name not in GROUPED:
        raise reader.refuse(f"grouping not allowed for {name} aggregation", f"write sum by (…) ({name}(…))", at=start)
    return RangeAggregation(name, query, width, offset, parameter, grouping)


def _range(reader: Reader) -> tuple[LogQuery, int, int]:
    """The range may stand before the stages or behind them."""
    if reader.take("("):
        reader.deeper()
        found = _range(reader)
        reader.expect(")")
        reader.back()
        return found
    matchers, stages = read_selector(reader), read_stages(reader)
    width = _width(reader)
    if not stages:
        stages = read_stages(reader)
    offset = 0
    if reader.take_word("offset"):
        sign = -1 if reader.take("-") else 1
        offset = sign * _span(reader)
        if offset < 0:
            raise reader.unsupported("a negative offset")
    if sum(isinstance(stage, Unwrap) for stage in stages) > 1:
        raise reader.refuse("a query has one unwrap")
    return LogQuery(matchers, stages), width, offset


def _width(reader: Reader) -> int:
    reader.expect("[")
    width = _span(reader)
    if not width:
        raise reader.refuse("a range is longer than nothing")
    reader.expect("]")
    return width


def _span(reader: Reader) -> int:
    token = reader.expect(SPAN)
    found = nanoseconds_of(token.text)
    if found > MAX_SPAN:
        raise reader.refuse("a range and an offset are at most 100 years", at=token)
    return found


def _stands_grouping(reader: Reader) -> bool:
    return reader.token.kind == IDENTIFIER and reader.token.text in ("by", "without")


def _grouping(reader: Reader) -> Grouping:
    is_without = reader.next().text == "without"
    return Grouping(reader.names(), is_without)


def _vector_aggregation(reader: Reader) -> VectorAggregation:
    operator = reader.next().text
    grouping = _grouping(reader) if _stands_grouping(reader) else None
    reader.expect("(")
    parameter = None
    if operator in RANKED:
        token = reader.expect(NUMBER)
        if not token.text.isdigit() or not 1 <= int(token.text) <= MAX_RANKED:
            raise reader.refuse(f"invalid parameter {operator}({token.text},", f"a whole number from 1 to {MAX_RANKED}")
        parameter = int(token.text)
        reader.expect(",")
    inner = _expression(reader, 0)
    if isinstance(inner, LogQuery):
        raise reader.unexpected("[")
    if isinstance(inner, Number):
        raise reader.refuse(f"{operator} of a number", "write vector(…)")
    reader.expect(")")
    if grouping is None and _stands_grouping(reader):
        grouping = _grouping(reader)
    return VectorAggregation(operator, inner, grouping or Grouping(()), parameter)
