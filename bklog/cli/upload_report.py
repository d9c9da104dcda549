"""Tallies -> what a person reads while files are sent and afterwards, or the same as JSON."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import click

from bklog.collect.upload import Tally
from bklog.records import REJECTS

PLAIN_SECONDS: Final = 5.0
MB: Final = 1e6


class Progress(Protocol):
    def show(self, *, position: int, lines: int, size: int) -> None: ...


class PlainProgress:
    """Where no terminal is: a line at times, so that a log of it stays short."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._started = self._shown = time.monotonic()

    def show(self, *, position: int, lines: int, size: int) -> None:
        now = time.monotonic()
        if now - self._shown < PLAIN_SECONDS:
            return
        self._shown = now
        share = f"{100 * position / self._total:.0f} %" if self._total else f"{position / MB:.0f} MB"
        click.echo(f"{share} read, {_rates(lines, size, now - self._started)}", err=True)


@contextmanager
def show_progress(total: int, *, quiet: bool) -> Iterator[Progress]:
    if quiet or not sys.stderr.isatty():
        yield PlainProgress(total)
        return
    from bklog.cli.progress_bar import progress_bar  # noqa: PLC0415 - rich takes 0.1 s to import, and only a terminal needs it

    with progress_bar(total) as bar:
        yield bar


def total_of(tallies: Sequence[Tally]) -> Tally:
    total = Tally("total")
    for tally in tallies:
        total.lines += tally.lines
        total.size += tally.size
        total.stored += tally.stored
        total.duplicate += tally.duplicate
        total.rejected += tally.rejected
        total.marked += tally.marked
    return total


def as_json(collector: str, tallies: Sequence[Tally], *, seconds: float) -> dict[str, Any]:
    total = total_of(tallies)
    return {
        "collector": collector,
        "files": [{"path": tally.path, **_counts(tally)} for tally in tallies],
        "total": _counts(total),
        "seconds": round(seconds, 3),
        "complete": total.is_complete,
    }


def as_text(tallies: Sequence[Tally], *, seconds: float) -> list[str]:
    total = total_of(tallies)
    lines = [f"{tally.path}: {_sentence(tally)}" for tally in tallies]
    if len(tallies) > 1:
        lines.append(f"total: {_sentence(total)}")
    lines.append(f"{total.size / MB:,.1f} MB in {seconds:.1f} s, {_rates(total.lines, total.size, seconds)}")
    if total.rejected:
        lines.append(f"the rejected lines are kept with their reasons: bklog search --index-set {REJECTS} '*'")
    return lines


def _counts(tally: Tally) -> dict[str, Any]:
    return {
        "lines": tally.lines,
        "bytes": tally.size,
        "stored": tally.stored,
        "duplicate": tally.duplicate,
        "rejected": tally.rejected.total(),
        "rejected_by_reason": dict(tally.rejected),
        "marked": dict(tally.marked),
    }


def _sentence(tally: Tally) -> str:
    rejected = f"{tally.rejected.total():,} rejected{_reasons(tally.rejected)}"
    marked = f"{tally.marked.total():,} marked{_reasons(tally.marked)}"
    return f"{tally.lines:,} lines read, {tally.stored:,} stored, {tally.duplicate:,} duplicate, {rejected}, {marked}"


def _reasons(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{count:,} {reason}' for reason, count in counts.most_common())})" if counts else ""


def _rates(lines: int, size: int, seconds: float) -> str:
    seconds = max(seconds, 1e-3)
    return f"{lines / seconds:,.0f} lines/s, {size / MB / seconds:,.1f} MB/s"
