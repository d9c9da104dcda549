"""Leases in the database: `with lease(name)` → one holder among all processes of all hosts, renewed while the block runs.

A lease ends with its block; when its holder dies, another process of the same machine takes it over at once, and one of
another machine when it runs out. All times are the database's, so that the clocks of the machines do not matter.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final
from uuid import uuid4

import psutil
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.models import BooleanField, DateTimeField, ExpressionWrapper, Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from bklog.errors import Conflict
from bklog.queues.models import Lease

logger = logging.getLogger("bklog.queues")
_RENEWALS: Final = 3  # within the life of a lease, so that one that fails is not the end


class LeaseHeld(Conflict):
    code = "lease_held"


@dataclass(frozen=True, slots=True)
class Holding:
    """`is_lost` turns true when the lease could not be renewed in time: whoever holds it now works on the same thing."""

    name: str
    holder: str
    seconds: float
    _lost: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set()

    def renew(self) -> bool:
        """False where another holder has it."""
        renewed = Lease.objects.filter(name=self.name, holder=self.holder).update(until=_from_now(self.seconds))
        if not renewed:
            self._lost.set()
        return bool(renewed)

    def release(self) -> None:
        Lease.objects.filter(name=self.name, holder=self.holder).delete()


@contextmanager
def lease(name: str, *, seconds: float = 30.0) -> Iterator[Holding]:
    """Raises LeaseHeld where a living process has it."""
    holding = take(name, seconds=seconds)
    stop = threading.Event()
    thread = threading.Thread(target=_keep, args=(holding, stop), name=f"lease {name}", daemon=True)
    thread.start()
    try:
        yield holding
    finally:
        stop.set()
        thread.join()
        holding.release()


def take(name: str, *, seconds: float) -> Holding:
    """For who renews and releases it himself; see `lease`."""
    holding = Holding(name, str(uuid4()), seconds)
    if _insert(holding) if (held := _held(name)) is None else _take_over(holding, held):
        return holding
    raise LeaseHeld(f"{name} is being worked on", hint="it is free when its work ends", fields={"lease": name})


def _held(name: str) -> Lease | None:
    is_over = ExpressionWrapper(Q(until__lt=Now()), output_field=BooleanField())
    return Lease.objects.annotate(is_over=is_over).filter(name=name).first()


def _insert(holding: Holding) -> bool:
    try:
        with transaction.atomic():
            Lease.objects.create(name=holding.name, until=_from_now(holding.seconds), **_identity(holding))
    except IntegrityError:
        return False
    return True


def _take_over(holding: Holding, held: Lease) -> bool:
    """What ran out, or whose holder on this machine is dead. Of several that try, one finds the row as it was read."""
    died_here = held.place == place() and not is_alive(held.pid, held.began)
    if not (died_here or getattr(held, "is_over")):  # noqa: B009 annotated by `_held`
        return False
    as_read = Lease.objects.filter(name=held.name, holder=held.holder, until=held.until)
    return bool(as_read.update(until=_from_now(holding.seconds), **_identity(holding)))


def _identity(holding: Holding) -> dict[str, str | int | float]:
    pid = os.getpid()
    return {"holder": holding.holder, "place": place(), "pid": pid, "began": psutil.Process(pid).create_time()}


def _from_now(seconds: float) -> ExpressionWrapper[CombinedExpression]:
    later: CombinedExpression = Now() + Value(timedelta(seconds=seconds))
    return ExpressionWrapper(later, output_field=DateTimeField())


def _keep(holding: Holding, stop: threading.Event) -> None:
    try:
        while not stop.wait(holding.seconds / _RENEWALS):
            try:
                if not holding.renew():
                    logger.error("a lease was taken over while its work went on", extra={"lease": holding.name})
                    return
            except DatabaseError:
                logger.warning("a lease could not be renewed", extra={"lease": holding.name}, exc_info=True)
                connections.close_all()
    finally:
        connections.close_all()  # of this thread


@cache
def place() -> str:
    """Where a process number means something: the host, its boot, and the process space (a container has its own)."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    space = Path("/proc/self/ns/pid")
    known = (boot.read_text().strip() if boot.exists() else "", str(space.readlink()) if space.exists() else "")
    return "/".join((socket.gethostname(), *known))


def is_alive(pid: int, began: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - began) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
