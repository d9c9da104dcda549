"""What nobody waits for is done when Django has sent the answer, all of it and once."""

from __future__ import annotations

import pytest
from django.core.signals import request_finished

from bklog.api.afterwards import afterwards

pytestmark = pytest.mark.django_db  # Django's own receiver of the signal looks after the connections that there are


def test_jobs_are_done_in_their_order_and_once() -> None:
    done: list[int] = []
    for number in range(3):
        afterwards(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == []
    for _ in range(2):
        request_finished.send(sender=None)
    assert done == [0, 1, 2]


def test_one_that_fails_keeps_no_other_from_being_done() -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("no room")

    for job in (lambda: done.append("before"), fail, lambda: done.append("behind")):
        afterwards(job)
    with pytest.raises(OSError, match="no room"):
        request_finished.send(sender=None)
    assert done == ["before", "behind"]
    request_finished.send(sender=None)
    assert done == ["before", "behind"]
