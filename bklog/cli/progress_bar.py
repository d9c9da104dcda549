"""The progress of an upload on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._started = time.monotonic()

    def show(self, *, position: int, lines: int, size: int) -> None:
        seconds = max(time.monotonic() - self._started, 1e-3)
        rates = f"{lines:,} lines · {lines / seconds:,.0f} lines/s · {size / 1e6 / seconds:,.1f} MB/s"
        self._progress.update(self._task, completed=position, rates=rates)


@contextmanager
def progress_bar(total: int) -> Iterator[Bar]:
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[rates]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bar(progress, progress.add_task("", total=total or None, rates=""))
