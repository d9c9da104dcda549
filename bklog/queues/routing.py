"""The one table of tasks: name → queue and limits; and of worker programs: name → the queues that it consumes.

A task's limits stay below half an hour, after which RabbitMQ takes a message from a consumer that has not acknowledged it:
longer work saves its progress when the soft limit is reached, and sends itself again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# What the table calls HIGH goes to the queue that the setting names.
HIGH: Final = "high"
Queue = Literal[
    "default",
    "celery",
    "async_export",
    "pipeline",
    "pipeline_priority",
    "service_schedule",
    "service_schedule_priority",
    "pipeline_additional_task",
    "pipeline_additional_task_priority",
    "tgpa_task",
    "high",
]


@dataclass(frozen=True, slots=True)
class Route:
    """At `soft_seconds` the task is told (SoftTimeLimitExceeded), at `hard_seconds` its process is killed."""

    task: str
    queue: Queue
    soft_seconds: int
    hard_seconds: int


@dataclass(frozen=True, slots=True)
class WorkerProgram:
    """`queues` in the order of their precedence. `processes` is how many tasks it runs at once."""

    name: str
    queues: tuple[str, ...]
    processes: int


ROUTES: Final[tuple[Route, ...]] = (
    Route("fleet.echo", "default", 60, 90),
    Route("queues.clean", "default", 60, 90),
    Route("health.record", "default", 40, 50),
    Route("storage.sample", "default", 120, 180),
    Route("retention.check", "pipeline_additional_task", 600, 900),
    Route("ledger.roll_up", "pipeline_additional_task", 1500, 1700),
    Route("clientlog.process", "tgpa_task", 1500, 1700),
    # Not behind a file that takes long.
    Route("clientlog.pull", "default", 300, 360),
    Route("clientlog.sweep", "default", 60, 90),
    Route("clientlog.expire", "default", 300, 360),
    Route("export.run", "async_export", 1500, 1700),
    Route("export.mail", "default", 120, 180),
    # Not behind an export that takes long.
    Route("export.sweep", "default", 60, 90),
    Route("export.expire", "default", 300, 360),
    Route("accounts.expire", "default", 300, 360),
    Route("saved.expire", "default", 300, 360),
    Route("pipeline.step", "pipeline", 1500, 1700),
    Route("pipeline.step_priority", "pipeline_priority", 1500, 1700),
    Route("pipeline.poll", "service_schedule", 300, 360),
    Route("pipeline.poll_priority", "service_schedule_priority", 300, 360),
    # Not behind heavy jobs: this is what brings back what was lost.
    Route("pipeline.sweep", "pipeline_additional_task_priority", 120, 180),
    Route("pipeline.replacements", "pipeline_additional_task_priority", 120, 180),
    Route("pipeline.expire", "pipeline_additional_task", 300, 360),
    Route("pipeline.orphans", "pipeline_additional_task", 600, 900),
)
BY_TASK: Final = {route.task: route for route in ROUTES}

WORKERS: Final[tuple[WorkerProgram, ...]] = (
    WorkerProgram("celery", ("default", "celery"), 2),
    WorkerProgram("async_export", ("async_export",), 2),
    WorkerProgram("pipeline", ("pipeline_priority", "pipeline"), 2),
    WorkerProgram("service_schedule", ("service_schedule_priority", "service_schedule"), 1),
    WorkerProgram("additional_task", ("pipeline_additional_task_priority", "pipeline_additional_task"), 1),
    WorkerProgram("tgpa_task", ("tgpa_task",), 1),
)
FOLDED_NAME: Final = "worker"


def worker_programs(profile: str, *, high_priority_queue: str) -> tuple[WorkerProgram, ...]:
    """The small profile folds all of them into one. A high-priority queue of its own is consumed by `celery`, first."""
    celery, *others = WORKERS
    if high_priority_queue not in all_queues():
        celery = WorkerProgram(celery.name, (high_priority_queue, *celery.queues), celery.processes)
    if profile == "full":
        return (celery, *others)
    return (WorkerProgram(FOLDED_NAME, tuple(queue for worker in (celery, *others) for queue in worker.queues), 2),)


def all_queues() -> tuple[str, ...]:
    return tuple(queue for worker in WORKERS for queue in worker.queues)


def queue_of(task: str, *, high_priority_queue: str) -> str:
    queue = BY_TASK[task].queue
    return high_priority_queue if queue == HIGH else queue
