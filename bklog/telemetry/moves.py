"""How an event moves a metric, declared on its class: `Adds(INGEST_BYTES, "size_bytes")`.

A label's value is a field of the event (`by`, of the label's name) or fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import Counter, Histogram


class Move(Protocol):
    def apply(self, event: Any) -> None:  # each event has fields of its own
        ...


@dataclass(frozen=True, slots=True)
class Adds:
    """The field's value, or one for each event."""

    metric: Counter
    amount: str = ""
    by: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)

    def apply(self, event: Any) -> None:
        amount = getattr(event, self.amount) if self.amount else 1
        if amount:
            _labelled(self.metric, event, self.by, self.fixed).inc(amount)


@dataclass(frozen=True, slots=True)
class AddsEach:
    """The field holds amounts by the value of the one label."""

    metric: Counter
    amounts: str

    def apply(self, event: Any) -> None:
        for value, amount in getattr(event, self.amounts).items():
            self.metric.labels(value).inc(amount)


@dataclass(frozen=True, slots=True)
class AddsSum:
    """The sum of the amounts that the field holds."""

    metric: Counter
    amounts: str
    fixed: Mapping[str, str] = field(default_factory=dict)

    def apply(self, event: Any) -> None:
        amount = sum(getattr(event, self.amounts).values())
        if amount:
            _labelled(self.metric, event, (), self.fixed).inc(amount)


@dataclass(frozen=True, slots=True)
class Observes:
    metric: Histogram
    value: str
    by: tuple[str, ...] = ()

    def apply(self, event: Any) -> None:
        _labelled(self.metric, event, self.by, {}).observe(getattr(event, self.value))


def _labelled(metric: Any, event: Any, by: tuple[str, ...], fixed: Mapping[str, str]) -> Any:
    if not by and not fixed:
        return metric
    return metric.labels(**fixed, **{name: str(getattr(event, name)) for name in by})
