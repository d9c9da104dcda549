"""What an operator feels, in Debian's Chromium on the page of the loaded platform.

    Enter ─▶ first rows that match on the screen          page_first_rows    beside the API's own time for the same rows
    100,000 loaded rows, scrolled through                 page_scroll        95th percentile of a frame
    50,000 rows a second into a live tail                 page_tail          the same; each row is shown, or counted as left out

The browser, the platform and who sends share the machine.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

from bklog.page.paths import DIST
from tests.bench import tail
from tests.bench.figure import Figure
from tests.bench.ingest import TYPES
from tests.bench.search import absolute_range, index_set
from tests.page.desk import CHROMIUM, FLAGS, Operator
from tests.running_fleet import RunningFleet

NAMES: Final = ("page_first_rows", "page_scroll", "page_tail")
INDEX_SET: Final = "bench_json"
TAILED: Final = "bench_page"
# Words of real lines, some frequent and some not.
WORDS: Final = ("error", "user", "failed", "connection", "failure", "block", "password", "server")
RUNS: Final = 3
PAGE_ROWS: Final = 200
FIRST_MILLISECONDS: Final = 300.0
OVERHEAD_MILLISECONDS: Final = 10.0 + 100.0
LOADED_ROWS: Final = 100_000
FRAME_MILLISECONDS: Final = 34.0
TAIL_FRAME_MILLISECONDS: Final = 100.0  # what is answered by then is felt as at once
MOST_DOM_ROWS: Final = 200
SCROLL_FRAMES: Final = 600
SCROLL_PIXELS: Final = 700
LAST_MS: Final = 120_000
WITHIN: Final = Path(__file__).with_suffix(".js")


def measure(fleet: RunningFleet, wanted: Sequence[str]) -> Iterator[Figure]:
    names = [name for name in NAMES if name in wanted]
    if not names:
        return
    if CHROMIUM is None or not DIST.is_dir():
        print(f"{', '.join(names)}: not measured: {'the page is not built' if CHROMIUM else 'chromium is not installed'}")
        return
    token = _collector(fleet)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        who = Operator(browser, fleet)
        who.page.set_default_timeout(LAST_MS)
        who.page.add_init_script(path=WITHIN)
        who.sign_in(f"/search?from=now-3h&set={_id(INDEX_SET, fleet)}", finds=INDEX_SET)
        if "page_first_rows" in wanted:
            yield _first_rows(who, fleet)
        if "page_scroll" in wanted:
            yield _scroll(who)
        if "page_tail" in wanted:
            yield _tail(who, fleet, token)
        browser.close()


def _collector(fleet: RunningFleet) -> str:
    """Returns its token. The page hears of its index set as it is loaded."""
    rule = {"kind": "json", "types": {**TYPES, "body": "int"}, "time_field": "time", "level_field": "level"}
    made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": TAILED, "clean_rule": rule})
    token: str = made["ingest_token"]
    return token


def _id(name: str, fleet: RunningFleet) -> str:
    return index_set(name, fleet).rsplit("/", 1)[1]


def _first_rows(who: Operator, fleet: RunningFleet) -> Figure:
    path = f"{index_set(INDEX_SET, fleet)}/search/"
    shown, answered = [], []
    for run in range(RUNS + 1):
        for word in WORDS:
            milliseconds = _enter(who, word)
            own = _api_milliseconds(fleet, path, word)
            if run:  # the first makes it warm
                shown.append(milliseconds)
                answered.append(own)
    ours, baseline = statistics.median(shown), statistics.median(answered)
    slowest = statistics.quantiles(shown, n=20)[-1]
    holds = ours <= FIRST_MILLISECONDS and ours <= baseline + OVERHEAD_MILLISECONDS
    target = f"at most {FIRST_MILLISECONDS:g} ms, and {OVERHEAD_MILLISECONDS:g} ms more than the API (p95 {slowest:,.0f} ms)"
    return Figure("page_first_rows", "ms", ours, baseline, ours / baseline, target, holds, "API")


def _enter(who: Operator, word: str) -> float:
    who.page.evaluate("word => bench.watchFirstRow(word)", word)
    who.ask(word)
    milliseconds: float = who.page.evaluate("bench.shown")
    expect(who.at("stop")).to_have_count(0, timeout=LAST_MS)  # the other parts of this search are not beside the next
    return milliseconds


def _api_milliseconds(fleet: RunningFleet, path: str, word: str) -> float:
    """Until the first rows of the same search have come, as a stream, as the page asks for them."""
    parts = urlsplit(fleet.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    body = {"query": word, "limit": PAGE_ROWS, "fields": ["*"], **absolute_range()}
    started = time.perf_counter()
    connection.request("POST", path, json.dumps(body), {**fleet.api_headers, "Accept": "application/x-ndjson"})
    answer = connection.getresponse()
    for line in answer:
        if "rows" in json.loads(line):
            milliseconds = (time.perf_counter() - started) * 1000
            connection.close()
            return milliseconds
    raise RuntimeError(f"no rows of {word!r} came: HTTP {answer.status}")


def _scroll(who: Operator) -> Figure:
    who.ask("*")
    expect(who.at("stop")).to_have_count(0, timeout=LAST_MS)
    loaded = min(LOADED_ROWS, _number(who.at("total").inner_text()))
    who.page.evaluate("count => bench.load(count)", f"{loaded:,} of")
    seen: dict[str, Any] = who.page.evaluate(f"bench.scroll({SCROLL_FRAMES}, {SCROLL_PIXELS})")
    p95, most = _p95(seen["times"]), seen["most"]
    holds = p95 < FRAME_MILLISECONDS and most < MOST_DOM_ROWS
    target = f"under {FRAME_MILLISECONDS:g} ms a frame at p95, of {loaded:,} rows, {MOST_DOM_ROWS} in the DOM (were {most})"
    return Figure("page_scroll", "ms", p95, FRAME_MILLISECONDS, p95 / FRAME_MILLISECONDS, target, holds, "limit")


def _tail(who: Operator, fleet: RunningFleet, token: str) -> Figure:
    who.page.goto(f"{fleet.url}/search?from=now-3h&live=1&set={_id(TAILED, fleet)}")
    expect(who.at("tail-phase")).to_contain_text("Waiting", timeout=LAST_MS)
    who.page.evaluate("bench.watch()")
    acknowledged, rate = tail.send(fleet, token)
    sent = len(acknowledged) * tail.BODY_ROWS
    frames, tasks = who.page.evaluate("[bench.frames, bench.tasks]")
    told = _told(who, sent)
    p95, longest = _p95(frames), max(tasks, default=0.0)
    holds = p95 < TAIL_FRAME_MILLISECONDS and sum(told.values()) == sent and rate >= tail.LEAST_RATE * tail.ROWS_PER_SECOND
    became = ", ".join(f"{rows:,} {what}" for what, rows in told.items())
    target = (
        f"under {TAIL_FRAME_MILLISECONDS:g} ms a frame at p95, at {tail.ROWS_PER_SECOND:,} rows/s (were {rate:,.0f}); "
        f"longest frame {max(frames):,.0f} ms, longest task {longest:,.0f} ms; of {sent:,} rows {became}"
    )
    return Figure("page_tail", "ms", p95, TAIL_FRAME_MILLISECONDS, p95 / TAIL_FRAME_MILLISECONDS, target, holds, "limit")


def _told(who: Operator, sent: int) -> dict[str, int]:
    """What became of each row, as the page says it: listed, gone from the list since, or left out by the server."""
    end = time.monotonic() + tail.LAST_SECONDS
    while True:
        told = {
            "listed": _number(who.at("tail-phase").inner_text()),
            "gone by": _number_at(who, "tail-left"),
            "left out": _number_at(who, "tail-dropped"),
        }
        if sum(told.values()) == sent or time.monotonic() > end:
            return told
        time.sleep(0.5)


def _number_at(who: Operator, name: str) -> int:
    return _number(who.at(name).inner_text()) if who.at(name).count() else 0


def _number(text: str) -> int:
    found = re.search(r"\d[\d,]*", text)
    return int(found[0].replace(",", "")) if found else 0


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
