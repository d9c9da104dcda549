"""One question each to what the fleet itself is: its programs, what waits for its workers, and its clocks. See `probes`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.db import connections
from django.db.utils import Error as DatabaseError

from bklog.errors import Unavailable
from bklog.supervise import probes, status
from bklog.supervise.backlog import read_queues
from bklog.supervise.programs import fleet_of
from bklog.supervise.status import Row
from config.environ import Loaded
from config.store import store_address

MOST_MESSAGES: Final = 10_000
OLDEST_SECONDS: Final = 600.0
CLOCK_SECONDS: Final = 5.0  # tokens and leases live longer; rows that are five seconds off sort wrongly already
_RUNS: Final = ("RUNNING", "STARTING")
_DATABASE_CLOCK: Final = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mysql": "SELECT unix_timestamp(sysdate(6))",
}


def service_module(loaded: Loaded) -> str:
    """Each program as its supervisor knows it; one that starts counts as running, one that keeps crashing does not."""
    fleet = fleet_of(loaded)
    if not fleet.home.fleet_file.is_file():
        return "no fleet was started in this home; its programs are watched elsewhere"
    rows = status.read(fleet).programs
    wrong = [row for row in rows if row.state not in _RUNS or row.is_looping]
    if wrong:
        words = "; ".join(_in_words(row) for row in wrong)
        raise Unavailable(words, hint="`bklog logs PROGRAM` says why, `bklog up` starts what does not run")
    return f"{len(rows)} programs run"


def _in_words(row: Row) -> str:
    return f"{row.name} is {row.state}{f', {row.reason}' if row.reason else ''}"


def queues(loaded: Loaded) -> str:
    states = read_queues(fleet_of(loaded).programs).values()
    wrong = [one for one in states if one.length >= MOST_MESSAGES or one.oldest_seconds >= OLDEST_SECONDS]
    if wrong:
        words = "; ".join(f"{one.name} has {one.length}, the oldest {one.oldest_seconds:.0f} s old" for one in wrong)
        raise Unavailable(f"messages wait too long: {words}", hint="do their workers run? see `bklog status`")
    oldest = max((one.oldest_seconds for one in states), default=0.0)
    return f"{sum(one.length for one in states)} messages wait in {len(states)} queues, the oldest for {oldest:.0f} s"


def clock(loaded: Loaded) -> str:
    """Database and store against this machine. One that runs in this machine has its clock."""
    asked: dict[str, Callable[[], float]] = {}
    if connections["default"].vendor in _DATABASE_CLOCK:
        asked["database"] = _database_seconds
    if not store_address(loaded).is_embedded:
        asked["store"] = lambda: probes.store_seconds(loaded)
    offsets = {name: _offset_seconds(read) for name, read in asked.items()}
    for name, offset in offsets.items():
        if abs(offset) > CLOCK_SECONDS:
            words = "ahead of" if offset > 0 else "behind"
            raise Unavailable(
                f"the clock of the {name} is {abs(offset):.1f} s {words} this machine's",
                hint="set both by NTP (chrony, timesyncd)",
            )
    found = ", ".join(f"{name} {offset:+.2f} s" for name, offset in offsets.items())
    return f"against this machine: {found}" if found else "database and store have the clock of this machine"


def _offset_seconds(read: Callable[[], float]) -> float:
    """Against the middle of question and answer."""
    began = time.time()
    found = read()
    return found - (began + time.time()) / 2


def _database_seconds() -> float:
    connection = connections["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_DATABASE_CLOCK[connection.vendor])
            return float(cursor.fetchone()[0])
    except DatabaseError as problem:
        raise Unavailable(f"{connection.vendor} does not tell the time", hint="see the part `database`") from problem
    finally:
        connection.close()  # the thread that asks ends with its question
