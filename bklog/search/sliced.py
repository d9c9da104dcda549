"""Sliced: an analysis over its range; where that takes long, slice by slice from the newest on, its answers put together.

plan ─ sweep ─▶ rows of one statement ──────────────────────▶ shape ─▶ answer
            └─▶ rows of a slice … ─▶ Merging ─ rows ─▶ shape ─▶ partial answers, and the last one: the answer

Counts of slices are summed. Of a slice only so many values are asked for: where it had more, the answer is approximate, and
says by how much a count may be too low.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from bklog.query import Plan, render
from bklog.query.moment import moment_text
from bklog.query.outputs import Analysis
from bklog.records import Limits, Rows
from bklog.search.given import Given
from bklog.search.question import Answer, Question
from bklog.search.request import LEAST_BUDGET_SECONDS, MOST_BUDGET_SECONDS
from bklog.search.stream import progress
from bklog.search.sweep import Part, sweep
from bklog.search.union import Gathered

BUDGET: Final = "budget_seconds"
NO_ROWS: Final = Rows((), [], 0, 0, 0.0)
Event = dict[str, Any]


class Asked(Protocol):
    """An analysis whose question stands: it can be answered, once, as a whole or as it comes."""

    def answer(self) -> Answer: ...

    def events(self) -> Iterator[Event]: ...


class Merging(Protocol):
    """Of all slices that were added. `lacking` is the most that a count may be too low."""

    @property
    def lacking(self) -> int: ...

    def merged(self, rows: Rows) -> Rows:
        """Those of one more slice are added; what one statement would have given for all of them. The costs are the slice's."""
        ...


@dataclass(frozen=True, slots=True)
class OneStatement:
    """What is not made of slices."""

    make: Callable[[], Answer]

    def answer(self) -> Answer:
        return self.make()

    def events(self) -> Iterator[Event]:
        yield {"result": self.make()}


@dataclass(frozen=True, slots=True)
class Sliced:
    """`of_a_slice` is what a slice is asked for, from which `merging` makes what `output` would have given."""

    question: Question
    output: Analysis
    of_a_slice: Analysis
    merging: Merging
    shape: Callable[[Rows], Answer]
    budget_seconds: float | None

    def answer(self) -> Answer:
        """Raises SearchTimeout, and as a search does."""
        *_, last = self.events()
        found: Answer = last["result"]
        return found

    def events(self) -> Iterator[Event]:
        """`partial` answers and how far they go, then the `result`."""
        plan = self.question.plan(self.output)
        parts: list[Part] = []
        for part in sweep(plan, self._ask, self.question.limits, budget_seconds=self.budget_seconds):
            parts.append(part)
            if not part.is_last:
                yield {"partial": self._content(part.gathered.rows)}
                yield {"progress": progress(parts)}
        yield {"result": self._result(plan, parts)}

    def _ask(self, plan: Plan, limits: Limits) -> Gathered:
        """Few threads are those of a slice."""
        if not limits.threads:
            return Gathered(self.question.run_statement(render(plan), limits=limits), ())
        found = self.question.run_statement(render(replace(plan, output=self.of_a_slice)), limits=limits)
        return Gathered(self.merging.merged(found), ())

    def _result(self, plan: Plan, parts: Sequence[Part]) -> Answer:
        last = parts[-1] if parts else Part(Gathered(NO_ROWS, ()), plan.end, plan.end, is_last=False)
        answer = self.question.answer(self._content(last.gathered.rows))
        if not last.is_last:
            covered = {"start": moment_text(last.start), "end": moment_text(last.end)}
            answer["statistics"] |= {"complete": False, "covered": covered}
        return answer

    def _content(self, rows: Rows) -> Answer:
        content = self.shape(rows)
        lacking = self.merging.lacking
        return content | ({"approximate": True, "too_low_by_at_most": lacking} if lacking else {})


def budget_of(given: Given) -> float | None:
    if BUDGET not in given:
        return None
    return given.number(BUDGET, least=LEAST_BUDGET_SECONDS, most=MOST_BUDGET_SECONDS)
