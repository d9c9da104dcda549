"""A question → the API's lines of events, as they come → the answer; on a terminal, how far back it has come meanwhile.

POST, Accept: application/x-ndjson ─▶ partial, progress … ─▶ result, or error

Whoever stops the command closes the connection, which ends the search in the engine too where it was not cancelled before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

import urllib3
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from bklog.cli.client import as_error, begun, read_answer, unreachable
from bklog.errors import Unavailable
from bklog.openapi.codes import STATUSES
from bklog.query.moment import read_moment
from config.environ import load

SILENCE_SECONDS: Final = 120.0  # as long as an answer may take that says nothing meanwhile
CHUNK_BYTES: Final = 1 << 16
NDJSON: Final = "application/x-ndjson"
Event = dict[str, Any]


def answer_of(path: str, asked: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """Raises the error that the API answered, or Unavailable where nothing answers or the answer breaks off."""
    with _shown() as show:
        for event in _events(path, asked, headers):
            if error := event.get("error"):
                raise as_error(STATUSES.get(error["code"], (500,))[0], error)
            if result := event.get("result"):
                return dict(result)
            show(event)
    raise Unavailable("the answer broke off before it was whole", hint="ask again; `bklog status` shows the programs")


def _events(path: str, asked: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[Event]:
    with opened(path, asked, headers) as (status, pieces):
        if status != 200:
            read_answer(status, b"".join(pieces))
        yield from map(json.loads, _lines(pieces))


@contextmanager
def opened(path: str, asked: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The status, and the body as it comes. Raises Unavailable."""
    with closing(begun(path, asked, {"Accept": NDJSON, **headers}, silence_seconds=SILENCE_SECONDS)) as answer:
        try:
            yield answer.status, iter(lambda: answer.read1(CHUNK_BYTES), b"")
        except urllib3.exceptions.HTTPError as problem:
            raise unreachable(load(), problem, timeout_seconds=SILENCE_SECONDS) from problem


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Each as soon as it is there. The last one ends too: what was begun when the connection broke is none."""
    pending = b""
    for piece in pieces:
        *whole, pending = (pending + piece).split(b"\n")
        yield from whole


@contextmanager
def _shown() -> Iterator[Callable[[Event], None]]:
    """Nothing is shown where no terminal is, and nothing stays."""
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)
        begin: list[int] = []

        def show(event: Event) -> None:
            if partial := event.get("partial"):
                begin[:] = [_nanoseconds(one["start"]) for one in partial.get("buckets", ())[:1] if "start" in one]
                bar.update(task, description=f"{partial['total']:,} rows so far", visible=True)
            elif (reached := event.get("progress")) and begin:
                end = _nanoseconds(reached["end"])
                bar.update(task, total=end - begin[0], completed=end - _nanoseconds(reached["start"]))

        yield show


def _nanoseconds(text: str) -> int:
    moment = read_moment(text)
    return moment.start if moment else 0
