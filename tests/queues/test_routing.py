"""The table of tasks against the tasks there are, and the programs against the queues."""

from __future__ import annotations

from collections import Counter

import pytest
from celery import Celery

from bklog.queues.app import app
from bklog.queues.routing import BY_TASK, ROUTES, all_queues, queue_of, worker_programs
from bklog.tasks.app import load_tasks
from bklog.tasks.schedule import SCHEDULE

RABBITMQ_TAKES_BACK_SECONDS = 30 * 60


def test_every_task_has_a_route_and_every_route_a_task() -> None:
    load_tasks()
    ours = {name for name in _registry(app) if not name.startswith("celery.")}
    assert ours == {route.task for route in ROUTES}


def test_limits_end_before_the_broker_takes_the_message_back() -> None:
    assert all(0 < route.soft_seconds < route.hard_seconds < RABBITMQ_TAKES_BACK_SECONDS for route in ROUTES)


@pytest.mark.parametrize("profile", ["full", "small"])
@pytest.mark.parametrize("high", ["celery", "urgent"])
def test_each_queue_has_one_program(profile: str, high: str) -> None:
    consumed = Counter(queue for worker in worker_programs(profile, high_priority_queue=high) for queue in worker.queues)
    assert set(consumed) == {*all_queues(), high}
    assert set(consumed.values()) == {1}


def test_a_task_of_high_priority_goes_where_the_setting_says() -> None:
    assert queue_of("queues.clean", high_priority_queue="urgent") == BY_TASK["queues.clean"].queue


def test_the_schedule_names_tasks_that_exist() -> None:
    assert {entry.task for entry in SCHEDULE} <= set(BY_TASK)
    assert len({entry.name for entry in SCHEDULE}) == len(SCHEDULE)


def _registry(celery: Celery) -> set[str]:
    return set(celery.tasks)
