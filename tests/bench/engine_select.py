"""The baseline of search: python -m tests.bench.engine_select FOLDER RUNS takes a statement a line, prints its milliseconds."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

from tests.bench.search import EMPTY_CACHE
from tests.chdb_connection import connect

PLANNING = {"use_statistics": 0, "use_statistics_for_part_pruning": 0}  # as the store plans, which is no slower


def median_milliseconds(connection: Any, statement: dict[str, Any], runs: int) -> float:
    times = []
    for _ in range(runs):
        connection.query(EMPTY_CACHE, "Null")
        started = time.perf_counter()
        connection.query(statement["text"], "Native", params={name: str(value) for name, value in statement["params"].items()})
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    engine = connect(sys.argv[1])
    engine.query(f"SET {', '.join(f'{name} = {value}' for name, value in PLANNING.items())}", "Null")
    engine.query("SYSTEM STOP MERGES", "Null")  # the parts stay those of the store
    for line in sys.stdin:
        print(median_milliseconds(engine, json.loads(line), int(sys.argv[2])), flush=True)
    os._exit(0)
