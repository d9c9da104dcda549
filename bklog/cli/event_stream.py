"""A question → the API's server-sent events, one after the other, as long as the connection lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from bklog.cli.client import begun, read_answer

SILENCE_SECONDS: Final = 20.0  # four heartbeats: the connection is dead, though nobody said so
CHUNK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """`data` are its lines; a heartbeat has no name and no lines. `id` is empty where it has none."""

    name: str
    data: tuple[str, ...]
    id: str


class ConnectionLost(Exception):
    """The events ended without an end."""


def events(path: str, asked: Mapping[str, Any], *, last_id: str) -> Iterator[Event]:
    """Raises what the API refuses with, Unavailable where nothing answers, ConnectionLost where it breaks off."""
    answer = begun(path, asked, {"Last-Event-ID": last_id} if last_id else {}, silence_seconds=SILENCE_SECONDS)
    if answer.status != 200:
        read_answer(answer.status, answer.data)
    try:
        yield from _events(answer)
    except urllib3.exceptions.HTTPError as problem:
        raise ConnectionLost(str(problem)) from problem
    finally:
        answer.close()
    raise ConnectionLost("the connection was closed")


def _events(answer: urllib3.BaseHTTPResponse) -> Iterator[Event]:
    """What was begun when the connection ended is no event."""
    pending = b""
    while chunk := answer.read1(CHUNK_BYTES):
        pending += chunk
        if b"\n\n" in chunk or b"\n\n" in pending[-len(chunk) - 1 :]:
            *whole, pending = pending.split(b"\n\n")
            yield from (_event(one.decode()) for one in whole)


def _event(text: str) -> Event:
    parts: dict[str, list[str]] = {"event": [], "data": [], "id": []}
    for line in text.split("\n"):
        name, _, value = line.partition(": ")
        parts.setdefault(name, []).append(value)
    return Event("".join(parts["event"]), tuple(parts["data"]), "".join(parts["id"]))
