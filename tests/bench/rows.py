"""Rows for benchmarks: real log lines, each made distinct by a random id, so that no index profits from repetition."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LOGHUB: Final = Path(__file__).parents[3] / "shared" / "data" / "loghub"


def sample_lines() -> list[tuple[str, str]]:
    """(system, line) of Loghub; where the folder is absent, lines of the same kinds, so that the benchmark runs anywhere."""
    if not LOGHUB.is_dir():
        return [(f"system{number % 8}", _made_up(number)) for number in range(16_000)]
    return [
        (file.name.removesuffix("_2k.log"), line)
        for file in sorted(LOGHUB.glob("*_2k.log"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def _made_up(number: int) -> str:
    level = ("INFO", "WARN", "ERROR", "DEBUG")[number % 4]
    client = f"10.{number % 7}.{number % 251}.{number % 13}"
    return f"{level} worker-{number % 97}: request {number} of {client} took {number % 1000} ms"
