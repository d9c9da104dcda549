"""VictoriaLogs beside us: the same lines, the same eight questions over HTTP, the answers compared, the latencies as ratios.

    make bench VICTORIA_LOGS=PATH-OF-ITS-BINARY ROWS=20000000

lines ─▶ its own server on a free port ─▶ count of each question = ours? ─▶ median latency of the newest 100 rows ─▶ Figure

Its words are told apart by case, ours are not: a question is asked in its usual form where that finds the same rows, else in
the form that ignores case.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from tests.bench import ingest, search
from tests.bench.figure import Figure
from tests.servers import START_SECONDS, free_port

PEER: Final = "victoria-logs"
RATIO: Final = 0.5
SAME: Final = 0.01  # what a word is differs: with us any sign ends one, there an underscore is part of it
CALL_SECONDS: Final = 300
FLUSH_SECONDS: Final = 3.0  # rows can be searched a second after they were taken
MERGE_SECONDS: Final = 120.0
STILL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Form:
    """`usual` is how its users type the question; `any_case` finds what ours finds. WORD is the rare word of the lines."""

    usual: str
    any_case: str


FORMS: Final = {
    "search_rare_word": Form("WORD", "i(WORD)"),
    "search_frequent_word": Form("error", "i(error)"),
    "search_two_words": Form("authentication failure", "i(authentication) i(failure)"),
    "search_phrase": Form('"Connection reset by peer"', 'i("Connection reset by peer")'),
    "search_field": Form("status:=404", "status:=404"),
    "search_newest": Form("*", "*"),
    "search_wildcard": Form("auth*", "i(auth*)"),
    "search_regex": Form('~"port [0-9]{5} ssh2"', '~"port [0-9]{5} ssh2"'),
}
MEDIAN: Final = "victoria_median"


def compare(binary: Path, rows: int, asked: Sequence[search.Asked]) -> Iterator[Figure]:
    """`asked` are our answers of this run."""
    ratios = []
    for load in ingest.LOADS:
        mine = [(one, found) for one in asked if (found := one.found) and found.index_set == load.collector]
        if not mine:
            continue
        with served(binary) as server:
            server.take(load, rows)
            for one, found in mine:
                milliseconds, count = server.ask(FORMS[one.name], found)
                ratios.append(one.milliseconds / milliseconds)
                yield _figure(one, milliseconds, found.count, count)
    if ratios:
        middle = statistics.median(ratios)
        yield Figure(MEDIAN, "ratio", middle, 1.0, middle, f"at most {RATIO:g} x at the median", middle <= RATIO, against=PEER)


def _figure(one: search.Asked, milliseconds: float, ours: int, theirs: int) -> Figure:
    """Of one question alone nothing is asked but the answer: the latency that counts is the median's."""
    ratio = one.milliseconds / milliseconds
    target = f"{ours} rows, there {theirs}: the same but for {SAME:.0%}"
    holds = abs(ours - theirs) <= SAME * ours
    return Figure(one.name.replace("search", "victoria"), "ms", one.milliseconds, milliseconds, ratio, target, holds, PEER)


@contextmanager
def served(binary: Path) -> Iterator[Victoria]:
    folder = Path(tempfile.mkdtemp(prefix="victoria-logs-"))
    port = free_port()
    options = [f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=30d", "-loggerLevel=ERROR"]
    process = subprocess.Popen([binary, *options])
    try:
        server = Victoria(f"http://127.0.0.1:{port}")
        server.wait()
        yield server
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


class Victoria:
    def __init__(self, url: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(maxsize=ingest.PARALLEL)

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self._http.request("GET", f"{self._url}/health", retries=False).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def take(self, load: ingest.Load, rows: int) -> None:
        fields = {"_stream_fields": "service", "_time_field": "time", "_msg_field": "message"}
        bodies = ingest.bodies_of(_as_json(load, ingest.lines_of(load, rows)))
        with ThreadPoolExecutor(ingest.PARALLEL) as senders:
            while some := list(islice(bodies, ingest.PARALLEL)):
                list(senders.map(lambda body: self._post("/insert/jsonline", fields, body.encode()), some))
        time.sleep(FLUSH_SECONDS)
        self._wait_for_merges()

    def ask(self, form: Form, ours: search.Found) -> tuple[float, int]:
        """Median milliseconds of its newest 100 rows, and how many rows there are."""
        for text in (form.usual, form.any_case):
            query = text.replace("WORD", ours.query)
            count = self._count(query, ours)
            if count == ours.count:
                break
        times = []
        for _ in range(search.RUNS):
            started = time.perf_counter()
            rows = self._query(query, ours, limit="100")
            times.append((time.perf_counter() - started) * 1000)
            if len(rows) != min(100, count):
                raise RuntimeError(f"{query}: {len(rows)} rows of {count} came")
        return statistics.median(times), count

    def _count(self, query: str, ours: search.Found) -> int:
        (row,) = self._query(f"{query} | stats count() as n", ours)
        return int(row["n"])

    def _query(self, query: str, ours: search.Found, **options: str) -> list[dict[str, Any]]:
        # Its rows came after ours were asked for.
        given = {"query": query, "start": f"{ours.start}", "end": f"{time.time_ns() // 1_000_000}", **options}
        return [json.loads(line) for line in self._post("/select/logsql/query", given, b"").splitlines()]

    def _post(self, path: str, fields: dict[str, str], body: bytes) -> bytes:
        answer = self._http.request(
            "POST", f"{self._url}{path}?{urlencode(fields)}", body=body, timeout=CALL_SECONDS, retries=False
        )
        if answer.status != 200:
            raise RuntimeError(f"VictoriaLogs answers {answer.status}: {answer.data.decode(errors='replace')}")
        return answer.data

    def _wait_for_merges(self) -> None:
        """As for ours: what was just taken is still being merged, on the same cores."""
        deadline = time.monotonic() + MERGE_SECONDS
        still_since = time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - still_since < STILL_SECONDS:
            if self._merging():
                still_since = time.monotonic()
            time.sleep(0.5)

    def _merging(self) -> bool:
        metrics = self._http.request("GET", f"{self._url}/metrics").data.decode()
        return any(line.startswith("vl_active_merges{") and not line.endswith(" 0") for line in metrics.splitlines())


def _as_json(load: ingest.Load, lines: Iterable[str]) -> Iterator[str]:
    """Lines without a time get that of their arrival, as in our store; times are whole nanoseconds."""
    for line in lines:
        if load.clean_rule["kind"] == "text":
            yield json.dumps({"message": line[:-1]}) + "\n"
        else:
            record = json.loads(line)
            yield json.dumps({**record, "time": int(record["time"] * 1e9)}) + "\n"
