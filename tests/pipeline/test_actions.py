"""What a person may do with a run, in each of its states; and that two may not work on one thing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from bklog.errors import BadRequest, Conflict, NotFound
from bklog.pipeline import actions, selectors, upkeep
from bklog.pipeline.definition import Done, Pipeline, Wait, Work
from bklog.pipeline.models import PipelineRun
from tests.pipeline.recorded import Post, again, begin, states, step

DONE = Done()
WAITS = Pipeline("waits", (step("w", Wait("for rain"), may_skip=True), step("last", DONE)))
FAILS = Pipeline("fails", (step("f", BadRequest("no"), DONE), step("last", DONE)))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.mark.django_db
def test_two_runs_do_not_work_on_one_thing_until_the_first_has_ended(post: Post) -> None:
    run = begin(WAITS, post)
    with pytest.raises(Conflict) as refused:
        begin(FAILS, post)
    assert refused.value.stable_code == "pipeline_running"
    assert f"run {run.pk} (waits)" in refused.value.message
    begin(FAILS, post, subject="collector:other")
    actions.cancel(run.pk)
    begin(FAILS, post)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_start_at_once_one_starts() -> None:
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def one() -> None:
        together.wait()
        try:
            begin(WAITS, Post())
            outcomes.append("started")
        except Conflict as refused:
            outcomes.append(refused.stable_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["pipeline_running"] * 7 + ["started"]
    assert PipelineRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_that_get_the_same_message_at_once_one_does_the_step(post: Post) -> None:
    done: list[int] = []

    def count(work: Work) -> Done:
        done.append(work.run_id)
        return DONE

    counted = Pipeline("counted", (step("a", count),))
    run = begin(counted, post)
    post.sent *= 6

    def deliver(message: tuple[str, int, int, float]) -> None:
        mine = Post([message])
        try:
            mine.deliver(counted, most=1)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver, args=(message,)) for message in post.sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (again(run).state, done) == ("done", [run.pk])


@pytest.mark.django_db
def test_a_run_that_failed_is_retried_from_its_step_with_all_of_its_time(post: Post) -> None:
    fails = Pipeline("fails", (step("first", DONE), step("f", BadRequest("no"), DONE)))
    run = begin(fails, post)
    post.deliver(fails)
    assert again(run).state == "failed"
    actions.retry(again(run), send=post)
    row = run.steps.get(name="f")
    assert (row.state, row.started_at, row.deadline_at, row.code) == ("pending", None, None, "")
    post.deliver(fails)
    assert (again(run).state, states(run), again(run).code) == ("done", {"first": "done", "f": "done"}, "")


@pytest.mark.django_db
def test_a_run_that_failed_is_not_retried_into_another_one(post: Post) -> None:
    run = begin(FAILS, post)
    post.deliver(FAILS, most=1)
    begin(WAITS, post)
    with pytest.raises(Conflict) as refused:
        actions.retry(again(run), send=post)
    assert refused.value.stable_code == "pipeline_running"
    assert again(run).state == "failed"


@pytest.mark.django_db
def test_a_step_is_skipped_only_where_its_pipeline_says_so(post: Post) -> None:
    run = begin(WAITS, post)
    with pytest.raises(Conflict, match="not begun"):
        actions.skip(run.pk, send=post)
    post.deliver(WAITS, most=1)
    actions.skip(run.pk, send=post)
    assert states(run) == {"w": "skipped", "last": "pending"}
    with pytest.raises(Conflict, match="may not be skipped"):
        actions.skip(run.pk, send=post)
    post.deliver(WAITS)
    assert again(run).state == "done"


@pytest.mark.django_db
def test_the_last_step_can_be_skipped_and_a_failed_one(post: Post) -> None:
    last = Pipeline("last", (step("l", BadRequest("no"), may_skip=True),))
    run = begin(last, post)
    post.deliver(last)
    assert again(run).state == "failed"
    assert actions.skip(run.pk, send=post).state == "done"
    assert again(run).active_subject is None


@pytest.mark.django_db
def test_a_run_is_failed_by_hand_with_a_reason_and_can_be_retried(post: Post) -> None:
    run = begin(WAITS, post)
    post.deliver(WAITS, most=1)
    failed = actions.fail(run.pk, reason="it rains elsewhere")
    assert (failed.state, failed.code, failed.reason) == ("failed", "failed_by_hand", "it rains elsewhere")
    post.deliver(WAITS)
    assert again(run).state == "failed"
    assert actions.retry(again(run), send=post).state == "running"


@pytest.mark.django_db
def test_a_cancelled_run_is_never_gone_on_with(post: Post) -> None:
    run = begin(WAITS, post)
    post.deliver(WAITS, most=1)
    actions.cancel(run.pk)
    post.deliver(WAITS)
    assert upkeep.sweep(post) == 0
    assert (again(run).state, states(run)) == ("cancelled", {"w": "cancelled", "last": "pending"})
    refusing: tuple[Callable[[], Any], ...] = (
        lambda: actions.retry(again(run), send=post),
        lambda: actions.skip(run.pk, send=post),
        lambda: actions.fail(run.pk, reason=""),
        lambda: actions.cancel(run.pk),
    )
    for act in refusing:
        with pytest.raises(Conflict, match="is cancelled"):
            act()


@pytest.mark.django_db
def test_a_run_that_is_cancelled_while_its_step_is_done_stays_cancelled(post: Post) -> None:
    def cancelled_meanwhile(work: Work) -> Done:
        actions.cancel(work.run_id)
        return Done({"late": True})

    pipeline = Pipeline("p", (step("a", cancelled_meanwhile), step("b", DONE)))
    run = begin(pipeline, post)
    post.deliver(pipeline)
    assert (again(run).state, again(run).context, states(run)["b"]) == ("cancelled", {}, "pending")


@pytest.mark.django_db
def test_runs_are_listed_newest_first_and_filtered(post: Post) -> None:
    runs = [begin(WAITS, post, subject=f"collector:{n}") for n in range(4)]
    actions.cancel(runs[0].pk)

    def listed(limit: int = 10, before: int | None = None, **wanted: str) -> list[int]:
        given = {"state": "", "pipeline": "", "subject": "", **wanted}
        return [run.pk for run in selectors.list_runs(**given, limit=limit, before=before)]

    newest_first = [run.pk for run in reversed(runs)]
    assert listed() == newest_first
    assert listed(limit=2) == newest_first[:2]
    assert listed(before=newest_first[1]) == newest_first[2:]
    assert listed(state="cancelled") == [runs[0].pk]
    assert listed(subject="collector:2") == [runs[2].pk]
    assert listed(pipeline="other") == []
    with pytest.raises(BadRequest, match="state is 'gone'"):
        listed(state="gone")
    with pytest.raises(NotFound):
        selectors.get_run(10**6)
