"""Latency of the API for eight queries, against the engine's own time for the same statement on the same parts.

The two are asked in turn (`beside.py`), the engine for the statement that `explain` showed.
The cache of conditions is emptied before every run on both sides: it would answer a repeated scan without scanning.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import urllib3

from tests.bench.beside import Engine, Pair
from tests.bench.figure import Figure, at_most
from tests.running_fleet import RunningFleet

RUNS: Final = 15
PAGE_RATIO: Final = 1.2
PLUS_MILLISECONDS: Final = 5.0
RARE_MILLISECONDS: Final = 20.0
MERGE_SECONDS: Final = 120
EMPTY_CACHE: Final = "SYSTEM DROP QUERY CONDITION CACHE"


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    index_set: str
    query: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked, and how many rows it finds: for a peer, which is to find the same."""

    index_set: str
    query: str
    start: int
    end: int
    count: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Median latencies of the API and of the engine, and how many times the engine's is enough."""

    name: str
    pair: Pair
    ratio: float
    found: Found | None = None

    @property
    def milliseconds(self) -> float:
        return self.pair.ours


QUERIES: Final = (
    Question("search_rare_word", "bench_lines", "{rare}"),
    Question("search_frequent_word", "bench_lines", "error"),
    Question("search_two_words", "bench_lines", "authentication failure"),
    Question("search_phrase", "bench_lines", '"Connection reset by peer"'),
    Question("search_field", "bench_json", "status:404"),
    Question("search_newest", "bench_lines", "*"),
    Question("search_wildcard", "bench_lines", "auth*"),
    Question("search_regex", "bench_lines", "/port [0-9]{5} ssh2/"),
)
NAMES: Final = tuple(query.name for query in QUERIES)


def wait_for_merges(fleet: RunningFleet) -> None:
    """What was just inserted is still being merged, on the same cores: both sides are asked when that is over."""
    store = f"http://127.0.0.1:{fleet.settings['BKLOG_STORE_PORT']}/"
    deadline = time.monotonic() + MERGE_SECONDS
    while time.monotonic() < deadline:
        if urllib3.request("POST", store, body="SELECT count() FROM system.merges").data.strip() == b"0":
            return
        time.sleep(0.5)


def ask(question: Question, fleet: RunningFleet, engine: Engine, *, counts: bool = False) -> Asked:
    path = f"{index_set(question.index_set, fleet)}/search/"
    body = {"query": question.query, "limit": 100, **absolute_range()}
    if "{rare}" in question.query:  # the random word at the end of a line that is there
        newest = fleet.api("POST", path, {**body, "query": "*", "limit": 1})
        body["query"] = newest["rows"][0]["log"].rsplit(" ", 1)[1]
    statement = fleet.api("POST", path, {**body, "explain": True})["explanation"]["statement"]
    found = None
    if counts:
        count = fleet.api("POST", path, {**body, "count": True})["count"]
        found = Found(question.index_set, body["query"], body["start"], body["end"], count)
    pair = engine.beside(partial(median_milliseconds, path, body, fleet), statement, ratio=PAGE_RATIO)
    return Asked(question.name, pair, PAGE_RATIO, found)


def index_set(name: str, fleet: RunningFleet) -> str:
    """The API's path of an index set."""
    sets = {one["name"]: one["id"] for one in fleet.api("GET", "/api/v1/search/index_set/")["items"]}
    return f"/api/v1/search/index_set/{sets[name]}"


def median_milliseconds(path: str, body: dict[str, Any], fleet: RunningFleet) -> float:
    store = f"http://127.0.0.1:{fleet.settings['BKLOG_STORE_PORT']}/"
    times = []
    for _ in range(RUNS):
        urllib3.request("POST", store, body=EMPTY_CACHE)
        started = time.perf_counter()
        fleet.api("POST", path, body)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def absolute_range() -> dict[str, Any]:
    """Both sides must be asked for the same moments."""
    now = int(time.time() * 1000)
    return {"start": now - 24 * 3_600_000, "end": now}


def figures(one: Asked) -> Iterator[Figure]:
    baseline = one.pair.baseline
    yield at_most(one.name, "ms", ours=one.pair.ours, baseline=baseline, ratio=one.ratio, plus=PLUS_MILLISECONDS)
    if one.name == "search_rare_word":
        holds = baseline <= RARE_MILLISECONDS
        target = f"at most {RARE_MILLISECONDS:g} ms in the engine"
        yield Figure("rare_word_in_engine", "ms", baseline, baseline, 1.0, target, holds)
