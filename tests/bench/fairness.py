"""The 95th percentile of a light query while four heavy ones run all the time, against the same query alone."""

from __future__ import annotations

import itertools
import json
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tests.bench.figure import Figure
from tests.bench.search import absolute_range, index_set
from tests.running_fleet import RunningFleet

NAME: Final = "light_beside_heavy"
RATIO: Final = 4.0
HEAVY: Final = 4
RUNS: Final = 60
WARM_SECONDS: Final = 3.0  # until the heavy ones are known to be long
INDEX_SET: Final = "bench_lines"
LIGHT_QUERY: Final = "error"
HEAVY_QUERY: Final = "/zz[0-9]{9}q%dq/"  # no row has it: all are read, and each time anew


def measure(fleet: RunningFleet) -> Iterator[Figure]:
    path = f"{index_set(INDEX_SET, fleet)}/search/"
    light = {"query": LIGHT_QUERY, "limit": 100, **absolute_range()}
    alone = _percentile(fleet, path, light)
    stopped = threading.Event()
    with ThreadPoolExecutor(HEAVY) as pool:
        begun = [pool.submit(_keep_asking, fleet, path, stopped) for _ in range(HEAVY)]
        time.sleep(WARM_SECONDS)
        try:
            beside = _percentile(fleet, path, light)
        finally:
            stopped.set()
        ended = sum(one.result() for one in begun)
    if not ended:
        raise RuntimeError("no heavy search ended")
    holds = beside <= RATIO * alone
    yield Figure(NAME, "ms", beside, alone, beside / alone, f"at most {RATIO:g} x its p95 alone", holds, "alone")


def _percentile(fleet: RunningFleet, path: str, body: dict[str, Any]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        fleet.api("POST", path, body)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.quantiles(times, n=20)[-1]


def _keep_asking(fleet: RunningFleet, path: str, stopped: threading.Event) -> int:
    """How many were answered. One that was told to wait for its turn is asked again, as a person would."""
    ended = 0
    for number in itertools.count():
        if stopped.is_set():
            return ended
        body = {"query": HEAVY_QUERY % number, "limit": 100, "budget_seconds": 20, **absolute_range()}
        status, _ = fleet.post(path, json.dumps(body).encode(), fleet.api_headers)
        ended += status == 200
    return ended
