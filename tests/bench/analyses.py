"""Latency of the API's analyses, against the best SQL that answers the same question, written by hand for the engine.

Other than for pages the baseline is not the platform's own statement: what that one reads or sorts without need counts too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tests.bench.beside import Engine
from tests.bench.search import Asked, absolute_range, index_set, median_milliseconds
from tests.running_fleet import RunningFleet

RATIO: Final = 1.1
RANGE: Final = "time >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
QUARTER: Final = "toStartOfInterval(time, INTERVAL 15 MINUTE)"  # what `auto` makes of a day


@dataclass(frozen=True, slots=True)
class Analysis:
    """`best` is SQL with TABLE and RANGE in it."""

    name: str
    index_set: str
    path: str
    body: dict[str, Any]
    best: str


ANALYSES: Final = (
    Analysis(
        "histogram",
        "bench_lines",
        "aggs/date_histogram/",
        {},
        f"SELECT {QUARTER} AS bucket, count() FROM TABLE WHERE RANGE GROUP BY bucket ORDER BY bucket",
    ),
    Analysis(
        "histogram_by_level",
        "bench_lines",
        "aggs/date_histogram/",
        {"field": "level"},
        f"SELECT {QUARTER} AS bucket, level, count() FROM TABLE WHERE RANGE GROUP BY bucket, level ORDER BY bucket",
    ),
    Analysis(
        "terms_level",
        "bench_lines",
        "aggs/terms/",
        {"fields": ["level"]},
        "SELECT level, count() AS n FROM TABLE WHERE RANGE GROUP BY level ORDER BY n DESC LIMIT 10",
    ),
    Analysis(
        "terms_status",
        "bench_json",
        "aggs/terms/",
        {"fields": ["status"]},
        "SELECT fields.status AS status, count() AS n FROM TABLE WHERE RANGE GROUP BY status ORDER BY n DESC LIMIT 10",
    ),
)
NAMES: Final = tuple(one.name for one in ANALYSES)


def ask(analysis: Analysis, fleet: RunningFleet, engine: Engine) -> Asked:
    path = f"{index_set(analysis.index_set, fleet)}/{analysis.path}"
    body = {"query": "*", **absolute_range(), **analysis.body}
    statement = fleet.api("POST", path, {**body, "explain": True})["explanation"]["statement"]
    table = re.search(r"FROM (`\w+`\.`\w+`)", statement["text"])
    if table is None:
        raise RuntimeError(f"no table in {statement['text']}")
    text = analysis.best.replace("TABLE", table[1]).replace("RANGE", RANGE)
    best = {"text": text, "params": {key: body[key] for key in ("start", "end")}}
    return Asked(analysis.name, engine.beside(partial(median_milliseconds, path, body, fleet), best, ratio=RATIO), RATIO)
