"""Tasks of pipelines: a step, a poll of one that waits, and what keeps the runs in order. The work is that of the wiring."""

from __future__ import annotations

from django.conf import settings

from bklog.pipeline import upkeep
from bklog.pipeline.engine import execute
from bklog.queues.send import send
from bklog.tasks.app import task


@task("pipeline.step")
def step(run_id: int, position: int) -> None:
    _work_on(run_id, position)


@task("pipeline.step_priority")
def step_priority(run_id: int, position: int) -> None:
    _work_on(run_id, position)


@task("pipeline.poll")
def poll(run_id: int, position: int) -> None:
    _work_on(run_id, position)


@task("pipeline.poll_priority")
def poll_priority(run_id: int, position: int) -> None:
    _work_on(run_id, position)


@task("pipeline.sweep")
def sweep() -> None:
    upkeep.sweep(send)


@task("pipeline.expire")
def expire() -> None:
    upkeep.expire(keep_days=settings.BKLOG_PIPELINE_KEEP_DAYS)


@task("pipeline.orphans")
def orphans() -> None:
    from bklog.collect.orphans import check_orphans  # noqa: PLC0415 memory of the other workers
    from bklog.tasks.wiring.store import the_store  # noqa: PLC0415 as above

    check_orphans(store=the_store(), abandoned=upkeep.abandoned_tables())


@task("pipeline.replacements")
def replacements() -> None:
    from bklog.tasks.wiring.replacements import put_in_order  # noqa: PLC0415 as above

    put_in_order()


def _work_on(run_id: int, position: int) -> None:
    from bklog.tasks.wiring import pipelines  # noqa: PLC0415 as above

    execute(run_id, position, pipelines=pipelines.all_pipelines(), send=send)
