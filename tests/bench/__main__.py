"""The benchmark: what the platform adds to the engine, each figure a ratio to the engine doing the same in the same run.

    python -m tests.bench [--rows N] [--only NAME …] [--victoria-logs PATH]
    make bench ONLY="search_phrase …" ROWS=n VICTORIA_LOGS=PATH

    bodies ──▶ engine in process (baseline)
           └─▶ fleet: HTTP, token, clean rule, acknowledgement ──▶ the API and the engine, same statements, in turn

Prints a table and writes $BKLOG_HOME/bench/latest.json. Exit code 1 where a target does not hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from config.environ import load
from tests.bench import analyses, export, fairness, ingest, page, search, tail, victoria
from tests.bench.beside import engine_beside
from tests.bench.figure import Figure
from tests.bench.memory import idle_memory
from tests.running_fleet import RunningFleet

LEAST_ROWS = 5_000_000
ASKED = (*search.NAMES, *analyses.NAMES, fairness.NAME)
NAMES = ("idle_memory", *ingest.NAMES, *ASKED, *export.NAMES, *tail.NAMES, *page.NAMES)


def main() -> int:
    options = _options()
    wanted = _named(options.only)
    home = Path(tempfile.mkdtemp(prefix="bklog-bench-"))
    try:
        figures = run(home, options.rows, wanted, options.victoria_logs)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _write(figures, load().home / "bench" / "latest.json")
    return 0 if all(figure.holds for figure in figures) else 1


def run(home: Path, rows: int, wanted: Sequence[str], peer: Path | None) -> list[Figure]:
    figures: list[Figure] = []
    loads = [one for one in ingest.LOADS if one.name in wanted or _needs(one, wanted)]
    with RunningFleet(home) as fleet:
        if "idle_memory" in wanted:
            figures.append(_shown(idle_memory(fleet)))
        for one in loads:
            figures += [_shown(figure) for figure in ingest.measure(one, rows, fleet) if one.name in wanted]
        if loads:
            search.wait_for_merges(fleet)
        asked = _asked(fleet, wanted, counts=peer is not None)
        figures += [_shown(figure) for one in asked for figure in search.figures(one)]
        figures += [_shown(figure) for figure in (fairness.measure(fleet) if fairness.NAME in wanted else ())]
        exported, memory = export.export(wanted, rows, fleet)
        figures += [_shown(figure) for figure in (tail.measure(fleet) if tail.NAMES[0] in wanted else ())]
        figures += [_shown(figure) for figure in page.measure(fleet, wanted)]
    figures += [_shown(figure) for figure in (*memory, *export.compare(exported, home))]
    if peer:
        figures += [_shown(figure) for figure in victoria.compare(peer, rows, asked)]
    return figures


def _asked(fleet: RunningFleet, wanted: Sequence[str], *, counts: bool) -> list[search.Asked]:
    queries = [one for one in search.QUERIES if one.name in wanted]
    analysed = [one for one in analyses.ANALYSES if one.name in wanted]
    if not queries and not analysed:
        return []
    with engine_beside(fleet, search.RUNS) as engine:
        return [search.ask(one, fleet, engine, counts=counts) for one in queries] + [
            analyses.ask(one, fleet, engine) for one in analysed
        ]


def _needs(load: ingest.Load, wanted: Sequence[str]) -> bool:
    """Whether rows of it are asked for afterwards."""
    return any(name in wanted for name in ASKED) or (
        load.collector == page.INDEX_SET and any(one in wanted for one in page.NAMES)
    )


def _named(given: Sequence[str]) -> list[str]:
    """A name stands for itself and for those that begin with it: `export` for all of exports."""
    chosen = [name for name in NAMES if not given or any(f"{name}_".startswith(f"{one}_") for one in given)]
    if not chosen:
        raise SystemExit(f"there is no such benchmark; there are: {', '.join(NAMES)}")
    return chosen


def _shown(figure: Figure) -> Figure:
    print(figure.line(), flush=True)
    return figure


def _write(figures: Sequence[Figure], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    print(f"written to {file}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=LEAST_ROWS, help="lines of each load")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help=f"or the beginning of some: {', '.join(NAMES)}")
    parser.add_argument("--victoria-logs", type=Path, metavar="PATH", help="its binary: the same questions go to it too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
