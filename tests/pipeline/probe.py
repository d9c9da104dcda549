"""`python -m tests.pipeline.probe worker NAME`: a worker whose steps stop after they were done, before anything is kept of it.

Each attempt leaves a line `held <step>:<program>:<number> <pid>` in $PROBE_FILE, and goes on once $PROBE_FOLDER has a file
of that name. So a test finds every step in the moment in which an end of its process hurts most.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import django

from bklog.pipeline.definition import Answer, Pipelines, Step, Work
from tests.queues.probe import trace


def held(step: Step, program: str, folder: Path) -> Step:
    def run(work: Work) -> Answer:
        answer = step.run(work)
        name = f"{step.name}:{program}:{time.monotonic_ns()}"
        trace("held", name)
        while not (folder / name).exists():
            time.sleep(0.02)
        return answer

    return replace(step, run=run)


def holding(known: Callable[[], Pipelines], program: str) -> Callable[[], Pipelines]:
    folder = Path(os.environ["PROBE_FOLDER"])

    def all_pipelines() -> Pipelines:
        return {
            name: replace(pipeline, steps=tuple(held(step, program, folder) for step in pipeline.steps))
            for name, pipeline in known().items()
        }

    return all_pipelines


def main() -> None:
    django.setup()
    from bklog.tasks import worker
    from bklog.tasks.wiring import pipelines

    program = sys.argv[2]
    setattr(pipelines, "all_pipelines", holding(pipelines.all_pipelines, program))  # noqa: B010 what the tasks look up
    worker.main(program)


if __name__ == "__main__":
    main()
