"""Numbers and vectors of one number: what of a metric is known without a look at any row."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Final

from bklog.query.logql.tree import Binary, Metric, Number, VectorAggregation, VectorOf

_ZERO: Final = 0.0


def _divided(one: float, other: float) -> float:
    if other:
        return one / other
    return math.nan if not one or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1.0, other)


def _rest(one: float, other: float) -> float:
    return math.fmod(one, other) if other and math.isfinite(one) else math.nan


def _power(one: float, other: float) -> float:
    try:
        return math.pow(one, other)
    except OverflowError:
        return math.inf
    except ValueError:  # a root of what is negative, or a negative power of nothing
        return math.inf if not one else math.nan


_CALCULATIONS: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": _rest,
    "^": _power,
    "==": lambda one, other: float(one == other),
    "!=": lambda one, other: float(one != other),
    ">": lambda one, other: float(one > other),
    ">=": lambda one, other: float(one >= other),
    "<": lambda one, other: float(one < other),
    "<=": lambda one, other: float(one <= other),
}
COMPARISONS: Final = ("==", "!=", ">", ">=", "<", "<=")


def folded(metric: Metric) -> Metric:
    """The tree with every part that is made of numbers alone as that number."""
    match metric:
        case Binary(sign, left, right, as_bool):
            return _folded(sign, folded(left), folded(right), as_bool=as_bool)
        case VectorAggregation(name, inner, grouping, parameter):
            found = folded(inner)
            if not isinstance(found, VectorOf):
                return VectorAggregation(name, found, grouping, parameter)
            return VectorOf({"count": 1.0, "stddev": _ZERO, "stdvar": _ZERO}.get(name, found.value))
    return metric


def _folded(sign: str, left: Metric, right: Metric, *, as_bool: bool) -> Metric:
    """Two numbers are compared as with `bool`; of vectors a comparison keeps the left, which is not folded."""
    constant = isinstance(left, Number | VectorOf) and isinstance(right, Number | VectorOf)
    numbers = isinstance(left, Number) and isinstance(right, Number)
    if not constant or (sign in COMPARISONS and not as_bool and not numbers):
        return Binary(sign, left, right, as_bool)
    value = _CALCULATIONS[sign](left.value, right.value)  # type: ignore[union-attr]
    return Number(value) if numbers else VectorOf(value)
