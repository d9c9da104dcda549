"""Figure: one measured number beside what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`ours` and `baseline`, that of `against`, are in `unit`; `target` says what must hold of them, `holds` if it does."""

    name: str
    unit: str
    ours: float
    baseline: float
    ratio: float
    target: str
    holds: bool
    against: str = "engine"

    def line(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        return (
            f"{self.name:<20} {self.ours:>12,.1f} {self.unit:<7} {self.against} {self.baseline:>12,.1f}  "
            f"ratio {self.ratio:>6.2f}  {verdict}: {self.target}"
        )


def at_least(name: str, unit: str, *, ours: float, baseline: float, ratio: float) -> Figure:
    return Figure(name, unit, ours, baseline, ours / baseline, f"at least {ratio:g} x", ours >= ratio * baseline)


def at_most(name: str, unit: str, *, ours: float, baseline: float, ratio: float, plus: float) -> Figure:
    target = f"at most {ratio:g} x + {plus:g} {unit}"
    return Figure(name, unit, ours, baseline, ours / baseline, target, ours <= ratio * baseline + plus)
