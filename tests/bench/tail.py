"""How long after its acknowledgement a line is seen by who follows: 50,000 lines a second, of which one in a hundred matches.

    bodies, five a second ─▶ entry port ─▶ acknowledged at …
    tail, through the same port ─▶ events, each with the moment at which it came ─▶ delay of every line that matches

The baseline is the promise, one second. A rate that was not reached, a line that is missing or came twice, fails the figure.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from tests.bench.figure import Figure
from tests.bench.ingest import PARALLEL, TYPES
from tests.bench.rows import sample_lines
from tests.bench.search import index_set
from tests.running_fleet import RunningFleet

NAMES: Final = ("tail",)
COLLECTOR: Final = "bench_tail"
ROWS_PER_SECOND: Final = 50_000
BODY_ROWS: Final = 10_000
SECONDS: Final = 20
ONE_MATCHES_IN: Final = 100
PROMISED_MILLISECONDS: Final = 1_000.0
LEAST_RATE: Final = 0.95
LAST_SECONDS: Final = 10
PLACE: Final = b"@body@"
TEMPLATES: Final = 10


def measure(fleet: RunningFleet) -> Iterator[Figure]:
    rule = {"kind": "json", "types": {**TYPES, "body": "int"}, "time_field": "time", "level_field": "level"}
    made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": COLLECTOR, "clean_rule": rule})
    path = index_set(COLLECTOR, fleet).replace("/api/v1/search/index_set/", "/ingest/v1/tail/")
    tail = Tail(fleet, path, "level:fatal")
    acknowledged, rate = send(fleet, made["ingest_token"])
    expected = len(acknowledged) * BODY_ROWS // ONE_MATCHES_IN
    came = tail.wait_for(expected)
    delays = sorted(max(0.0, moment - acknowledged[body]) * 1000 for body, moment in came)
    if len(came) != expected:
        raise RuntimeError(f"{len(came)} lines came of {expected}; {tail.others}")
    shown = {"p50": statistics.median(delays), "p95": delays[int(len(delays) * 0.95)], "max": delays[-1]}
    for name, milliseconds in shown.items():
        yield _figure(f"tail_{name}", milliseconds, rate)


def _figure(name: str, milliseconds: float, rate: float) -> Figure:
    holds = milliseconds <= PROMISED_MILLISECONDS and rate >= LEAST_RATE * ROWS_PER_SECOND
    target = f"at most {PROMISED_MILLISECONDS:,.0f} ms at {ROWS_PER_SECOND:,} rows/s (were {rate:,.0f})"
    return Figure(name, "ms", milliseconds, PROMISED_MILLISECONDS, milliseconds / PROMISED_MILLISECONDS, target, holds)


def send(fleet: RunningFleet, token: str) -> tuple[dict[int, float], float]:
    """When each body was acknowledged, and the rows a second that were. Bodies are sent when their time has come."""
    templates = [_template(number) for number in range(TEMPLATES)]
    spacing, bodies = BODY_ROWS / ROWS_PER_SECOND, SECONDS * ROWS_PER_SECOND // BODY_ROWS
    began = time.perf_counter()

    def send_one(number: int) -> float:
        time.sleep(max(0.0, began + number * spacing - time.perf_counter()))
        body = templates[number % TEMPLATES].replace(PLACE, b"%d" % number)
        answer = fleet.send("/ingest/v1/jsonl", body, token=token, key=f"body-{number}")
        if answer["stored"] != BODY_ROWS:
            raise RuntimeError(f"{answer['stored']} lines stored of {BODY_ROWS}")
        return time.perf_counter()

    with ThreadPoolExecutor(2 * PARALLEL) as senders:
        acknowledged = dict(enumerate(senders.map(send_one, range(bodies))))
    return acknowledged, bodies * BODY_ROWS / (max(acknowledged.values()) - began)


def _template(number: int) -> bytes:
    chance = random.Random(number)
    samples = sample_lines()
    return b"".join(_line(place, chance, *samples[chance.randrange(len(samples))]) for place in range(BODY_ROWS))


def _line(place: int, chance: random.Random, system: str, text: str) -> bytes:
    level = "fatal" if place % ONE_MATCHES_IN == 0 else ("info", "warn", "error")[place % 3]
    record = {"level": level, "service": system, "status": 200, "message": f"{text} {chance.getrandbits(32):08x}", "body": 0}
    return json.dumps(record).replace('"body": 0', f'"body": {PLACE.decode()}').encode() + b"\n"


class Tail:
    """Follows in a thread; an event is kept as it came, with its moment, and read afterwards."""

    def __init__(self, fleet: RunningFleet, path: str, query: str) -> None:
        parts = urlsplit(fleet.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        connection.request("POST", path, json.dumps({"query": query}), fleet.api_headers)
        self._answer = connection.getresponse()
        if self._answer.status != 200:
            raise RuntimeError(f"HTTP {self._answer.status}: {self._answer.read().decode()}")
        self.others: list[bytes] = []
        self._events: list[tuple[float, bytes]] = []
        self._opened = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._opened.wait(20):
            raise RuntimeError("the tail did not begin")

    def _read(self) -> None:
        pending = b""
        while chunk := self._answer.read1(1 << 18):
            self._opened.set()
            moment = time.perf_counter()
            *whole, pending = (pending + chunk).split(b"\n\n")
            self._events += [(moment, one) for one in whole if b"event: rows" in one]
            self.others += [one for one in whole if b"event: " in one and b"event: rows" not in one]

    def wait_for(self, rows: int) -> Sequence[tuple[int, float]]:
        """The body of each line, and when it came."""
        end = time.monotonic() + LAST_SECONDS
        while sum(one.count(b"\ndata: ") for _, one in list(self._events)) < rows and time.monotonic() < end:
            time.sleep(0.05)
        return [(row["fields"]["body"], moment) for moment, one in list(self._events) for row in _rows(one)]


def _rows(event: bytes) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix(b"data: ")) for line in event.split(b"\n") if line.startswith(b"data: ")]
