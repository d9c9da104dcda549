"""States of a task in the database, and what may be submitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bklog.clientlog import actions, selectors
from bklog.clientlog.models import ClientFile, ClientTask
from bklog.clientlog.submission import Submission
from bklog.errors import BadRequest, Conflict, NotFound, Unavailable

pytestmark = pytest.mark.django_db(transaction=True)
State = ClientTask.State
AWAY = Unavailable("the storage is away", hint="wait", code="objects_unavailable")


class Sent(list[int]):
    def __call__(self, task: str, pk: int) -> None:
        assert task == "clientlog.process"
        self.append(pk)


def make(task_id: str = "t", sent: Sent | None = None, **said: Any) -> ClientTask:
    submission = Submission.from_dict({"task_id": task_id, "object_key": "k", **said})
    return actions.submit(submission, origin="api:test", send=sent if sent is not None else Sent())[0]


def set_back(task: ClientTask, **moments: timedelta) -> None:
    ClientTask.objects.filter(pk=task.pk).update(**{name: timezone.now() - ago for name, ago in moments.items()})


def test_a_task_is_made_and_sent_once() -> None:
    sent = Sent()
    task = make("t", sent, user_id="u", metadata={"a": 1})
    assert make("t", sent, user_id="u", metadata={"a": 1}).pk == task.pk
    with pytest.raises(Conflict, match="exists with another metadata"):
        make("t", sent, user_id="u", metadata={"a": 2})
    assert sent == [task.pk]


def test_what_passes_is_postponed_each_time_longer_and_then_fails_with_its_reason() -> None:
    task = make()
    pauses = []
    for attempt in range(1, 4):
        claimed = actions.claim(task.pk, most_attempts=3)
        assert claimed is not None
        assert (claimed.state, claimed.attempts) == (State.FETCHING, attempt)
        actions.postpone(claimed, AWAY, most_attempts=3)
        task.refresh_from_db()
        if task.next_try_at:
            pauses.append(round((task.next_try_at - timezone.now()).total_seconds()))
    assert pauses == [30, 60]
    assert (task.state, task.code, task.reason, task.hint) == (State.FAILED, AWAY.stable_code, AWAY.message, AWAY.hint)
    assert actions.claim(task.pk, most_attempts=3) is None
    assert actions.pause_seconds(50) == actions.LONGEST_PAUSE_SECONDS


def test_a_task_that_kills_its_worker_each_time_is_given_up() -> None:
    task = make()
    for _ in range(2):
        assert actions.claim(task.pk, most_attempts=2)
    assert actions.claim(task.pk, most_attempts=2) is None
    task.refresh_from_db()
    assert (task.state, task.code) == (State.FAILED, "worker_lost")


def test_the_sweep_sends_what_is_due_and_each_once() -> None:
    due, later, done = make("due"), make("later"), make("done")
    set_back(due, next_try_at=timedelta(seconds=1))
    actions.succeed(done, [], fetched_bytes=0)
    sent = Sent()
    assert actions.send_due(sent) == 1
    assert actions.send_due(sent) == 0
    assert sent == [due.pk]
    assert later.state == State.PENDING


def test_only_what_failed_can_be_tried_again() -> None:
    sent = Sent()
    task = make()
    with pytest.raises(Conflict, match="waits for a worker"):
        actions.retry(task, send=sent)
    assert actions.claim(task.pk, most_attempts=3)
    actions.fail(task, AWAY)
    again = actions.retry(task, send=sent)
    assert (again.state, again.attempts, again.reason, again.finished_at, sent) == (State.PENDING, 0, "", None, [task.pk])


def test_reports_expire_and_ids_are_remembered_longer() -> None:
    fresh, old, stuck, ancient = make("fresh"), make("old"), make("stuck"), make("ancient")
    for task in (fresh, old):
        file = ClientFile(
            task=task, position=0, name="a", size_bytes=4, state="stored", line_count=2, stored_lines=1, duplicate_lines=1
        )
        actions.succeed(task, [file], fetched_bytes=4)
    set_back(old, finished_at=timedelta(days=4))
    set_back(stuck, created_at=timedelta(days=4))
    set_back(ancient, created_at=timedelta(days=31))
    assert actions.expire(keep_days=3) == 3
    states = dict(ClientTask.objects.values_list("task_id", "state"))
    assert states == {"fresh": State.SUCCESS, "old": State.EXPIRED, "stuck": State.EXPIRED}
    assert [file.task.task_id for file in ClientFile.objects.all()] == ["fresh"]
    assert make("old").state == State.EXPIRED
    assert actions.claim(stuck.pk, most_attempts=3) is None
    found = selectors.get_task("old")
    assert (found.line_count, found.stored_lines) == (2, 2)


def test_lists_are_filtered_and_paged() -> None:
    made = [make(f"t{n}", user_id="even" if n % 2 == 0 else "odd") for n in range(6)]
    ids = [task.task_id for task in selectors.list_tasks(state="", user_id="even", limit=2, before=None)]
    assert ids == ["t4", "t2"]
    assert [task.task_id for task in selectors.list_tasks(state="pending", user_id="", limit=9, before=made[1].pk)] == ["t0"]
    with pytest.raises(BadRequest, match="state is 'nonsense'"):
        selectors.list_tasks(state="nonsense", user_id="", limit=1, before=None)
    with pytest.raises(NotFound):
        selectors.get_task("none")


def test_a_signed_link_is_not_shown() -> None:
    task = make("signed", object_key="", url="https://a.example/x.zip?signature=secret")
    assert "secret" not in str(selectors.present_task(task))
    assert task.url.endswith("secret")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ({}, "give url or object_key"),
        ({"object_key": "k", "url": "http://a/"}, "give url or object_key"),
        ({"url": "ftp://a/b"}, "url is http"),
        ({"url": "http://user:pw@a/b"}, "url is http"),
        ({"url": "http://[::1"}, "url is http"),
        ({"url": "http://a:99999/"}, "url is http"),
        ({"url": "file:///etc/passwd"}, "url is http"),
        ({"object_key": "k", "user_id": "a\nb"}, "user_id is a string"),
        ({"object_key": "k", "user_id": 5}, "user_id is a string"),
        ({"object_key": "k", "device": "x" * 201}, "at most 200"),
        ({"object_key": "k", "metadata": []}, "metadata is an object"),
        ({"object_key": "k", "metadata": {"a.b": 1}}, "an object of at most"),
        ({"object_key": "k", "metadata": {"a": None}}, "an object of at most"),
        ({"object_key": "k", "metadata": {"a": float("nan")}}, "an object of at most"),
        ({"object_key": "k", "metadata": {"a": "\ud800"}}, "an object of at most"),
        ({"object_key": "k", "metadata": {"a": "x" * 2001}}, "characters of JSON"),
        ({"object_key": "k", "task_id": "a/b"}, "task_id is 1 to 100"),
        ({"object_key": "k", "task_id": 5}, "task_id is 1 to 100"),
        ({"object_key": "k", "state": "success"}, "known: task_id"),
    ],
)
def test_what_cannot_be_submitted(said: dict[str, Any], hint: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Submission.from_dict({"task_id": "t", **said})
    assert hint in caught.value.hint
