"""Messages that stay in a list instead of a broker, and steps made of what they are to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bklog.errors import Unavailable
from bklog.pipeline import actions
from bklog.pipeline.definition import Answer, Pipeline, Step, Work
from bklog.pipeline.engine import execute
from bklog.pipeline.models import PipelineRun, PipelineStep


@dataclass
class Post:
    """`send` of the queues, read by the test. `is_away`: the broker takes nothing."""

    sent: list[tuple[str, int, int, float]] = field(default_factory=list)
    is_away: bool = False

    def __call__(self, task: str, *ids: Any, countdown_seconds: float = 0) -> None:
        if self.is_away:
            raise Unavailable("the message queue does not take it")
        self.sent.append((task, *ids, countdown_seconds))

    def deliver(self, *pipelines: Pipeline, most: int = 50) -> int:
        """Each message to the engine, when its time has come. Not more than `most`; returns how many."""
        delivered = 0
        while self.sent and delivered < most:
            _, run_id, position, countdown_seconds = self.sent.pop(0)
            if countdown_seconds:
                PipelineStep.objects.filter(run_id=run_id, position=position).update(due_at=None)
            execute(run_id, position, pipelines={one.name: one for one in pipelines}, send=self)
            delivered += 1
        return delivered


def step(name: str, *answers: Answer | Exception | Callable[[Work], Answer], **options: Any) -> Step:
    """A step that answers one after the other, the last one for ever; a function is called, an exception raised."""
    left = list(answers)

    def run(work: Work) -> Answer:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(work) if callable(answer) else answer

    return Step(name, run, **{"timeout_seconds": 60.0, **options})


def begin(pipeline: Pipeline, post: Post, *, subject: str = "collector:shop", **context: Any) -> PipelineRun:
    return actions.start(pipeline.name, subject, context, send=post)


def again(run: PipelineRun) -> PipelineRun:
    """As it is now."""
    return PipelineRun.objects.get(pk=run.pk)


def states(run: PipelineRun) -> dict[str, str]:
    return {step.name: step.state for step in run.steps.all()}
