"""The engine, message by message: what a step answers, what fails, what comes twice, what is lost."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from bklog.errors import BadRequest, Unavailable
from bklog.pipeline import engine, selectors, upkeep
from bklog.pipeline.definition import Again, Done, Pipeline, Step, Wait, Work
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.queues.leases import lease
from tests.pipeline.recorded import Post, again, begin, states, step

pytestmark = pytest.mark.django_db
DONE = Done()


@pytest.fixture
def post() -> Post:
    return Post()


def make_overdue(run: PipelineRun) -> None:
    PipelineStep.objects.filter(run=run).update(deadline_at=timezone.now() - timedelta(seconds=1))


def make_lost(run: PipelineRun) -> None:
    PipelineRun.objects.filter(pk=run.pk).update(next_at=timezone.now() - timedelta(seconds=1))


def test_steps_run_in_order_and_each_extends_the_context(post: Post) -> None:
    two = Pipeline(
        "two", (step("a", Done({"x": 1})), step("b", lambda work: Done({"y": work.context["x"] + work.context["z"]})))
    )
    run = begin(two, post, z=5)
    assert post.deliver(two) == 2
    run = again(run)
    assert (run.state, run.context, run.active_subject) == ("done", {"z": 5, "x": 1, "y": 6}, None)
    assert states(run) == {"a": "done", "b": "done"}
    assert run.finished_at


def test_a_step_that_waits_is_polled_with_growing_pauses_by_the_other_program(post: Post) -> None:
    waits = Pipeline("waits", (step("w", Wait("for rain"), Wait("for rain"), Wait("for rain"), DONE, longest_pause_seconds=2),))
    run = begin(waits, post)
    seen = []
    while post.sent:
        seen.append((post.sent[0][0], round(post.sent[0][3], 2)))
        post.deliver(waits, most=1)
    assert seen == [("pipeline.step", 0), ("pipeline.poll", 1.0), ("pipeline.poll", 1.5), ("pipeline.poll", 2)]
    assert again(run).state == "done"


def test_what_is_waited_for_is_shown(post: Post) -> None:
    waits = Pipeline("waits", (step("w", Wait("for rain", {"cloud": 3})),))
    run = begin(waits, post)
    post.deliver(waits, most=1)
    shown = selectors.present_run(again(run))
    assert (shown["state"], shown["step"], shown["note"], shown["context"]) == ("waiting", "w", "for rain", {"cloud": 3})
    json.dumps(shown)


def test_a_step_is_asked_once_more_when_its_time_is_over_and_then_fails(post: Post) -> None:
    waits = Pipeline("waits", (step("w", Wait("for rain"), timeout_seconds=10, remedy="seed the clouds"),))
    run = begin(waits, post)
    post.deliver(waits, most=1)
    assert PipelineStep.objects.get(run=run).deadline_at
    make_overdue(run)
    post.deliver(waits, most=1)
    run = again(run)
    assert (run.state, run.code, run.hint) == ("failed", "step_timeout", "seed the clouds")
    assert "for rain" in run.reason
    assert not post.sent


def test_no_pause_goes_beyond_the_time_of_the_step(post: Post) -> None:
    waits = Pipeline(
        "waits", (step("w", Wait("for rain"), timeout_seconds=3, first_pause_seconds=60, longest_pause_seconds=60),)
    )
    begin(waits, post)
    post.deliver(waits, most=1)
    assert 2.5 < post.sent[0][3] < 3.2


def test_a_step_in_pieces_goes_on_at_once_in_the_same_program(post: Post) -> None:
    def piece(work: Work) -> Again | Done:
        day = work.context.get("day", 0) + 1
        return Again({"day": day}, note=f"day {day}") if day < 4 else Done({"day": day})

    pieces = Pipeline("pieces", (step("p", piece),))
    run = begin(pieces, post)
    post.deliver(pieces, most=2)
    assert post.sent == [("pipeline.step", run.pk, 0, 0.0)]
    assert run.steps.get().note == "day 2"
    assert post.deliver(pieces) == 2
    assert (again(run).state, again(run).context) == ("done", {"day": 4})


def test_what_passes_is_tried_again_and_anything_else_fails_the_run(post: Post) -> None:
    shaky = Pipeline("shaky", (step("s", Unavailable("no store", hint="start it", code="store_down"), DONE),))
    run = begin(shaky, post)
    post.deliver(shaky, most=1)
    row = run.steps.get()
    assert (again(run).state, row.state, row.code, row.hint) == ("running", "retrying", "store_down", "start it")
    post.deliver(shaky)
    assert (again(run).state, run.steps.get().code) == ("done", "")

    wrong = Pipeline("wrong", (step("s", BadRequest("no such rule", hint="give another", code="clean_rule")), step("t", DONE)))
    run = begin(wrong, post)
    post.deliver(wrong)
    run = again(run)
    assert (run.state, run.code, run.reason, run.hint) == ("failed", "clean_rule", "no such rule", "give another")
    assert states(run) == {"s": "failed", "t": "pending"}


def test_what_passes_does_not_pass_for_ever(post: Post) -> None:
    shaky = Pipeline("shaky", (step("s", Unavailable("no store", code="store_down")),))
    run = begin(shaky, post)
    post.deliver(shaky, most=1)
    make_overdue(run)
    post.deliver(shaky, most=1)
    assert (again(run).state, again(run).code) == ("failed", "store_down")


def test_a_defect_fails_the_run_with_its_words(post: Post) -> None:
    broken = Pipeline("broken", (step("b", ZeroDivisionError("by nothing")),))
    run = begin(broken, post)
    post.deliver(broken)
    assert (again(run).state, again(run).code) == ("failed", "internal_error")
    assert "by nothing" in again(run).reason


@pytest.mark.parametrize("adds", [{"much": "x" * 70_000}, {"no": {1, 2}}, {"endless": float("inf")}])
def test_a_context_that_cannot_be_kept_fails_the_run(post: Post, adds: dict[str, object]) -> None:
    large = Pipeline("large", (step("l", Done(adds)),))
    run = begin(large, post)
    post.deliver(large)
    assert (again(run).state, again(run).code, again(run).context) == ("failed", "context", {})


def test_a_run_does_not_begin_with_more_than_can_be_kept(post: Post) -> None:
    with pytest.raises(BadRequest) as refused:
        begin(Pipeline("p", (step("a", DONE),)), post, much="x" * 70_000)
    assert (refused.value.stable_code, PipelineRun.objects.exists()) == ("context", False)


def test_messages_that_come_twice_or_late_do_nothing(post: Post) -> None:
    calls: list[int] = []

    def counted(work: Work) -> Done:
        calls.append(len(work.context))
        return Done({f"after {len(calls)}": True})

    two = Pipeline("two", (step("a", counted), step("b", counted)))
    run = begin(two, post)
    post.sent *= 3
    post.deliver(two)
    post.sent.append(("pipeline.step", run.pk, 1, 0))
    post.sent.append(("pipeline.step", 10**6, 0, 0))
    post.deliver(two)
    assert calls == [0, 1]


def test_the_double_of_a_poll_is_dropped_before_its_time(post: Post) -> None:
    waits = Pipeline("waits", (step("w", Wait("for rain")),))
    run = begin(waits, post)
    post.deliver(waits, most=1)
    post.sent = [("pipeline.poll", run.pk, 0, 0.0)]
    post.deliver(waits)
    assert (run.steps.get().attempts, post.sent) == (1, [])


def test_one_works_on_a_subject_at_a_time_and_the_other_comes_later(post: Post) -> None:
    one = Pipeline("one", (step("a", DONE),))
    run = begin(one, post)
    with lease(engine.lease_name(run.subject)):
        post.deliver(one, most=1)
        assert again(run).state == "running"
        assert post.sent == [("pipeline.step", run.pk, 0, engine.BUSY_SECONDS)]
    post.deliver(one)
    assert again(run).state == "done"


def test_a_run_without_a_broker_is_kept_and_sent_by_the_sweep(post: Post) -> None:
    one = Pipeline("one", (step("a", DONE), step("b", DONE)))
    post.is_away = True
    run = begin(one, post)
    post.is_away = False
    assert upkeep.sweep(post) == 0  # its time has not come
    make_lost(run)
    assert upkeep.sweep(post) == 1
    assert upkeep.sweep(post) == 0  # it was sent a moment ago
    post.deliver(one)
    assert again(run).state == "done"
    make_lost(run)
    assert upkeep.sweep(post) == 0


def test_what_a_worker_has_in_hand_is_not_lost(post: Post) -> None:
    one = Pipeline("one", (step("a", DONE),))
    run = begin(one, post)
    make_lost(run)
    with lease(engine.lease_name(run.subject)):
        assert upkeep.sweep(post) == 0
    assert upkeep.sweep(post) == 1


def test_no_worker_for_a_day_makes_no_heap_of_messages(post: Post) -> None:
    run = begin(Pipeline("one", (step("a", DONE),)), post)
    pauses = []
    for _ in range(8):
        make_lost(run)
        upkeep.sweep(post)
        pauses.append(round((again(run).next_at - timezone.now()).total_seconds() / 60))  # type: ignore[operator]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_step_that_takes_its_worker_with_it_ends_after_ten(post: Post) -> None:
    deadly = Pipeline("deadly", (step("d", die),))
    run = begin(deadly, post)
    for _ in range(engine.MOST_LOSSES + 1):
        with pytest.raises(KeyboardInterrupt):
            post.deliver(deadly, most=1)
        make_lost(run)
        upkeep.sweep(post)
    post.deliver(deadly, most=1)
    assert (again(run).state, again(run).code) == ("failed", "worker_lost")


def die(_: Work) -> Done:
    raise KeyboardInterrupt  # as if the process ended: nothing is concluded


def test_a_zombie_whose_time_is_over_is_tried_once_more_and_then_ended_by_the_sweep(post: Post) -> None:
    deadly = Pipeline("deadly", (step("d", die),))
    run = begin(deadly, post)
    for sent in (1, 0):
        with pytest.raises(KeyboardInterrupt):
            post.deliver(deadly, most=1)
        make_overdue(run)
        make_lost(run)
        assert upkeep.sweep(post) == sent
    assert (again(run).state, again(run).code, states(run)) == ("failed", "worker_lost", {"d": "failed"})


def test_a_machine_that_was_off_over_night_goes_on_with_the_step_that_it_left(post: Post) -> None:
    run = begin(Pipeline("one", (step("a", die),)), post)
    with pytest.raises(KeyboardInterrupt):
        post.deliver(Pipeline("one", (step("a", die),)), most=1)
    make_overdue(run)
    make_lost(run)
    upkeep.sweep(post)
    one = Pipeline("one", (step("a", Unavailable("no store yet"), Wait("for rain"), DONE),))
    post.deliver(one)
    assert again(run).state == "done"


def test_the_time_in_which_nobody_asked_does_not_count(post: Post) -> None:
    waits = Pipeline("waits", (step("w", Wait("for rain"), timeout_seconds=600),))
    run = begin(waits, post)
    post.deliver(waits, most=1)
    hour = timedelta(hours=1)
    row = run.steps.get()
    assert row.deadline_at
    assert row.due_at
    PipelineStep.objects.filter(pk=row.pk).update(deadline_at=row.deadline_at - hour, due_at=row.due_at - hour)
    engine.execute(run.pk, 0, pipelines={"waits": waits}, send=post)
    after = run.steps.get().deadline_at
    assert again(run).state == "waiting"
    assert after
    assert abs(after - row.deadline_at) < timedelta(seconds=10)


def test_a_statement_that_the_database_refuses_is_a_defect_and_its_absence_is_not(post: Post) -> None:
    wrong = Pipeline("wrong", (step("a", IntegrityError("twice")),))
    run = begin(wrong, post)
    post.deliver(wrong)
    assert (again(run).state, again(run).code) == ("failed", "internal_error")
    away = Pipeline("away", (step("a", OperationalError("gone")),))
    run = begin(away, post)
    with pytest.raises(OperationalError):
        post.deliver(away)
    assert again(run).state == "running"


def test_who_was_overtaken_writes_nothing(post: Post) -> None:
    """The process was paused so long that another one has done the step."""
    one = Pipeline("one", (step("a", Done({"by": "second"})), step("b", Wait("for rain"))))

    def slow(work: Work) -> Done:
        PipelineRun.objects.filter(pk=work.run_id).update(turn=99)
        return Done({"by": "first"})

    run = begin(one, post)
    post.deliver(Pipeline("one", (step("a", slow), step("b", DONE))), most=1)
    assert (again(run).position, again(run).context, post.sent) == (0, {}, [])
    make_lost(run)
    upkeep.sweep(post)
    post.deliver(one, most=1)
    assert (again(run).position, again(run).context) == (1, {"by": "second"})


def test_a_run_keeps_the_steps_that_it_began_with(post: Post) -> None:
    old = Pipeline("p", (step("a", Wait("for rain")), step("b", DONE)))
    new = Pipeline("p", (step("a", DONE), step("added", ZeroDivisionError()), step("b", DONE)))
    run = begin(old, post)
    post.deliver(old, most=1)
    post.deliver(new)
    assert states(run) == {"a": "done", "b": "done"}
    assert again(run).state == "done"


def test_a_worker_of_another_version_leaves_a_run_to_those_that_know_it_and_in_the_end_says_so(post: Post) -> None:
    known = Pipeline("p", (step("a", DONE), step("b", DONE)))
    run = begin(known, post)
    post.deliver(most=1)
    assert (again(run).state, post.sent[0][3]) == ("running", engine.LEASE_SECONDS)
    post.deliver(known, most=1)
    removed = Pipeline("p", (step("a", DONE),))
    post.deliver(removed, most=1)
    assert (again(run).state, states(run)["b"], run.steps.get(name="b").code) == ("running", "retrying", "step_unknown")
    make_overdue(run)
    post.deliver(removed)
    assert (again(run).state, again(run).code) == ("failed", "step_unknown")

    forgotten = begin(Pipeline("q", (step("a", DONE),)), post, subject="collector:other")
    PipelineRun.objects.filter(pk=forgotten.pk).update(created_at=timezone.now() - timedelta(days=1))
    post.deliver()
    assert (again(forgotten).state, again(forgotten).code) == ("failed", "step_unknown")


def test_what_ended_long_ago_is_deleted_with_its_steps(post: Post) -> None:
    one = Pipeline("one", (step("a", DONE),))
    old, young = begin(one, post), begin(one, post, subject="collector:b")
    going = begin(one, post, subject="collector:c")
    post.deliver(one, most=2)
    PipelineRun.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=8))
    assert upkeep.expire(keep_days=7) == 1
    assert set(PipelineRun.objects.values_list("pk", flat=True)) == {young.pk, going.pk}
    assert not PipelineStep.objects.filter(run_id=old.pk).exists()


def test_a_pipeline_has_steps_with_names_of_their_own() -> None:
    one = Step("a", lambda _: DONE, 1)
    for steps in ((), (one, one)):
        with pytest.raises(ValueError, match="a name of its own"):
            Pipeline("p", steps)
