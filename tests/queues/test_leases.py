"""Leases: one holder, renewed while it works, taken over from the dead and the late."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta

import psutil
import pytest
from django.utils import timezone

from bklog.queues.leases import LeaseHeld, lease, place, take
from bklog.queues.models import Lease

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_second_holder_is_refused_and_the_lease_ends_with_the_block() -> None:
    with lease("export:1"):
        with pytest.raises(LeaseHeld) as refused:
            take("export:1", seconds=1)
        assert refused.value.status == 409

    take("export:1", seconds=1).release()
    assert not Lease.objects.exists()


def test_a_lease_is_renewed_while_its_block_runs() -> None:
    with lease("export:1", seconds=0.9) as held:
        time.sleep(1.5)
        with pytest.raises(LeaseHeld):
            take("export:1", seconds=1)
        assert not held.is_lost


def test_a_lease_that_ran_out_is_taken_over_and_its_former_holder_sees_it() -> None:
    late = take("export:1", seconds=0.2)
    time.sleep(0.4)
    new = take("export:1", seconds=5)

    assert not late.renew()
    assert late.is_lost
    late.release()  # which must not end the lease of the new holder
    assert new.renew()


def test_a_dead_holder_of_this_machine_is_followed_at_once() -> None:
    process = subprocess.Popen(["sleep", "600"])
    began = psutil.Process(process.pid).create_time()
    far = timezone.now() + timedelta(hours=1)
    Lease.objects.create(name="export:1", holder="other", place=place(), pid=process.pid, began=began, until=far)
    with pytest.raises(LeaseHeld):
        take("export:1", seconds=1)
    process.kill()
    process.wait()

    take("export:1", seconds=1).release()


def test_a_dead_number_of_another_machine_says_nothing() -> None:
    held = take("export:1", seconds=600)
    Lease.objects.update(place=place() + "/elsewhere", pid=2**22 - 1)

    with pytest.raises(LeaseHeld):
        take("export:1", seconds=1)
    held.release()
