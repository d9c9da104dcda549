"""The outside service: pages, cursors and reports, against a real HTTP server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bklog.clientlog import actions
from bklog.clientlog.models import ClientTask, PullPlace
from bklog.clientlog.pull import Pulled, Service, pull, read_page, report
from bklog.errors import BadRequest, Unavailable
from tests.clientlog.files import FileServer
from tests.clientlog.test_actions import AWAY, Sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as files:
        yield files


def service(server: FileServer, path: str = "/tasks") -> Service:
    return Service(server.url + path, "secret", server.url + "/reports")


def named(*names: str) -> list[dict[str, str]]:
    return [{"task_id": name, "object_key": f"up/{name}"} for name in names]


def test_pages_are_read_to_their_end_and_the_next_run_goes_on(server: FileServer) -> None:
    server.pages = [named("a", "b"), [*named("c"), {"task_id": "bad id"}, 7], named("a")]
    sent = Sent()
    assert pull(service(server), sent) == Pulled(created=3, known=1, refused=2)
    assert server.asked == ["/tasks?limit=100", "/tasks?limit=100&cursor=1", "/tasks?limit=100&cursor=2"]
    server.pages.append(named("d"))
    assert pull(service(server), sent) == Pulled(created=1, known=0, refused=0)
    assert server.asked[-1] == "/tasks?limit=100&cursor=3"
    assert server.tokens == {"Bearer secret"}
    assert len(sent) == 4
    assert set(ClientTask.objects.values_list("origin", flat=True)) == {"pull"}


def test_a_service_that_fails_is_told_of_and_what_was_read_stays_read(server: FileServer) -> None:
    server.pages = [named("a"), named("b")]
    server.failures["/other"] = [500]
    with pytest.raises(Unavailable, match="answers 500"):
        pull(service(server, "/other"), Sent())
    assert "answers 500" in PullPlace.objects.get().problem
    server.put("/other", b'{"tasks": "none"}')
    with pytest.raises(BadRequest, match="tasks is a list"):
        pull(service(server, "/other"), Sent())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"tasks": {}}',
        b'{"tasks": [], "cursor": 1}',
        b'{"tasks": [], "more": 1}',
        b'{"tasks": [], "more": true}',
        b"[" * 99999,
    ],
)
def test_another_shape_is_no_page(body: bytes) -> None:
    with pytest.raises(BadRequest, match="answers no page"):
        read_page(body)


def test_what_ended_is_reported_once_and_again_where_it_was_not_taken(server: FileServer) -> None:
    server.pages = [named("a", "b", "c")]
    pull(service(server), Sent())
    tasks = {task.task_id: task for task in ClientTask.objects.all()}
    actions.succeed(tasks["a"], [], fetched_bytes=3)
    server.report_status = 503
    with pytest.raises(Unavailable, match="answers a report with 503"):
        report(service(server))
    server.report_status = 200
    actions.fail(tasks["b"], AWAY)
    assert (report(service(server)), report(service(server))) == (2, 0)
    assert [(told["task_id"], told["state"], told["code"]) for told in server.reports] == [
        ("a", "success", ""), ("b", "failed", AWAY.stable_code)
    ]  # fmt: skip
