"""Metric aggregations: which figures of the engine each needs, and how they are shown.

Numbers that stand in text count as numbers; a time counts as its milliseconds. A percentile is a value that occurs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bklog.elastic.dates import MILLISECOND, write_date
from bklog.elastic.keys import Keys, illegal, items, real_of
from bklog.elastic.reader import field_name
from bklog.query.fields import Kind
from bklog.query.outputs import Field
from bklog.query.plan import Figure, Measure

DEFAULT_PERCENTS: Final = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
MAX_PERCENTS: Final = 50
STATS: Final = (Measure.NUMBERS, Measure.LEAST, Measure.MOST, Measure.MEAN, Measure.SUM)
SPREAD: Final = (Measure.SQUARES, Measure.VARIANCE, Measure.SAMPLE_VARIANCE)
MEASURES: Final[Mapping[str, tuple[Measure, ...]]] = {
    "avg": (Measure.MEAN,),
    "min": (Measure.LEAST,),
    "max": (Measure.MOST,),
    "sum": (Measure.SUM,),
    "value_count": (Measure.VALUES,),
    "cardinality": (Measure.DISTINCT,),
    "stats": STATS,
    "extended_stats": (*STATS, *SPREAD),
    "percentiles": (Measure.QUANTILES,),
}
_WITHOUT_EFFECT: Final = ("precision_threshold", "tdigest", "hdr", "execution_hint")  # on figures that are exact anyway
_STAT_NAMES: Final = ("count", "min", "max", "avg", "sum")


@dataclass(frozen=True, slots=True)
class Metric:
    kind: str
    field: Field
    percents: tuple[float, ...] = ()
    sigma: float = 2.0

    @property
    def figures(self) -> tuple[Figure, ...]:
        levels = tuple(percent / 100 for percent in self.percents)
        return tuple(Figure(measure, self.field, levels) for measure in MEASURES[self.kind])

    @property
    def nothing(self) -> tuple[Any, ...]:
        """The figures of no rows."""
        counted = (Measure.VALUES, Measure.NUMBERS, Measure.DISTINCT, Measure.SUM, Measure.SQUARES)
        return tuple(
            (None,) * len(self.percents) if one is Measure.QUANTILES else 0 if one in counted else None
            for one in MEASURES[self.kind]
        )

    def show(self, figures: Sequence[Any]) -> dict[str, Any]:
        if self.kind == "percentiles":
            found = figures[0] or (None,) * len(self.percents)
            return {"values": {str(name): _number(one) for name, one in zip(self.percents, found, strict=True)}}
        if self.kind in ("stats", "extended_stats"):
            stats = dict(zip(_STAT_NAMES, (int(figures[0]), *map(_number, figures[1:5])), strict=True))
            return stats | (self._spread(figures, stats["avg"]) if self.kind == "extended_stats" else {})
        if self.kind in ("value_count", "cardinality"):
            return {"value": int(figures[0])}
        value = _number(figures[0])
        is_time = self.kind in ("min", "max") and value is not None and self.is_of_time
        return {"value": value} | ({"value_as_string": write_date(int(value or 0) * MILLISECOND)} if is_time else {})

    @property
    def is_of_time(self) -> bool:
        return self.field.targets[0].kind is Kind.TIME

    def place_of(self, part: str) -> tuple[int, int | None]:
        """Which figure an order by `name.part` means, and which of several. Raises BadRequest."""
        if self.kind == "percentiles":
            wanted = real_of(part, "order")
            if wanted in self.percents:
                return 0, self.percents.index(wanted)
        elif self.kind in ("stats", "extended_stats"):
            if part in _STAT_NAMES:
                return _STAT_NAMES.index(part), None
            spread = {"sum_of_squares": 5, "variance": 6, "variance_population": 6, "std_deviation": 6, "variance_sampling": 7}
            if self.kind == "extended_stats" and part in spread:  # a deviation orders as the variance that it is the root of
                return spread[part], None
        elif part in ("", "value"):
            return 0, None
        raise illegal(f"an aggregation {self.kind} has no [{part[:40]}] to order by")

    def _spread(self, figures: Sequence[Any], mean: float | None) -> dict[str, Any]:
        squares, variance, sample = map(_number, figures[5:8])
        root, sample_root = (None if one is None else math.sqrt(max(one, 0.0)) for one in (variance, sample))

        def bound(sign: int, deviation: float | None) -> float | None:
            return None if mean is None or deviation is None else mean + sign * self.sigma * deviation

        return {
            "sum_of_squares": squares if mean is not None else None,
            "variance": variance,
            "variance_population": variance,
            "variance_sampling": sample,
            "std_deviation": root,
            "std_deviation_population": root,
            "std_deviation_sampling": sample_root,
            "std_deviation_bounds": {
                "upper": bound(1, root),
                "lower": bound(-1, root),
                "upper_population": bound(1, root),
                "lower_population": bound(-1, root),
                "upper_sampling": bound(1, sample_root),
                "lower_sampling": bound(-1, sample_root),
            },
        }


def read_metric(kind: str, body: Any, find: Callable[[str], Field]) -> Metric:
    """Raises BadRequest."""
    own = {"percentiles": ("percents", "keyed"), "extended_stats": ("sigma",)}.get(kind, ())
    given = Keys(body, ("field", *own, *_WITHOUT_EFFECT), kind)
    given.only("keyed", True)
    field = find(field_name(given.text("field")))
    return Metric(kind, field, _percents(given) if kind == "percentiles" else (), given.real("sigma", 2.0))


def _percents(given: Keys) -> tuple[float, ...]:
    found = tuple(dict.fromkeys(real_of(one, "percents") for one in items(given.raw("percents", list(DEFAULT_PERCENTS)))))
    if not 1 <= len(found) <= MAX_PERCENTS or not all(0 <= one <= 100 for one in found):
        raise illegal(f"[percents] is a list of 1 to {MAX_PERCENTS} numbers from 0 to 100")
    return found


def _number(value: Any) -> float | None:
    """The engine says NULL or NaN where there is none."""
    return None if value is None or math.isnan(float(value)) else float(value)
