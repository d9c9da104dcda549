"""What a pipeline is: a name and its steps in order, each a function that may run twice, and what a step may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Context = Mapping[str, Any]
GROWTH: Final = 1.5  # of the pauses between two polls


@dataclass(frozen=True, slots=True)
class Work:
    """What a step is given. `context` holds ids and names, never a secret: everybody who may see the run sees it.

    `started_at` is when this step was first begun. `is_lost` turns true when another process may do the same by now:
    a step that works for minutes looks at it between two pieces, and gives up.
    """

    run_id: int
    subject: str
    context: Context
    started_at: datetime
    is_lost: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done; `adds` goes into the context."""

    adds: Context = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """A piece of the step is done, `adds` says how far: the same step goes on at once, by the same worker program."""

    adds: Context = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done yet; `note` says what is waited for. Asked again after a pause, by service_schedule."""

    note: str
    adds: Context = field(default_factory=dict)


Answer = Done | Again | Wait


@dataclass(frozen=True, slots=True)
class Step:
    """`run` may raise: what is Retryable is tried again until the time-out, anything else fails the run.

    `timeout_seconds` counts from the first begin of the step, over all its attempts; `remedy` is what to do when it is over.
    """

    name: str
    run: Callable[[Work], Answer]
    timeout_seconds: float
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    may_skip: bool = False
    remedy: str = ""

    def pause_seconds(self, polls: int) -> float:
        """Before the poll after so many."""
        return float(min(self.first_pause_seconds * GROWTH ** min(polls, 50), self.longest_pause_seconds))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A run keeps the names of the steps that it began with, in their order; what they do is looked up here by name.

    So a step that a new version adds is not done by older runs, and one that it removes or renames fails them (`step_unknown`):
    it is kept among `former` until no run needs it.
    """

    name: str
    steps: tuple[Step, ...]
    former: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        names = [step.name for step in (*self.steps, *self.former)]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a pipeline has steps, and each has a name of its own")

    def step(self, name: str) -> Step | None:
        return next((step for step in (*self.steps, *self.former) if step.name == name), None)


Pipelines = Mapping[str, Pipeline]
