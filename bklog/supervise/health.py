"""Loaded → one Part for each thing the platform stands on, all asked at once, so that the slowest sets the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from bklog.errors import BklogError
from bklog.supervise import probes
from config.environ import Loaded, load

Probe = Callable[[Loaded], str]


@dataclass(frozen=True, slots=True)
class Part:
    """`message` says what was found, or what is wrong and the remedy."""

    name: str
    ok: bool
    message: str
    milliseconds: float


CONNECTIONS: Final[Mapping[str, Probe]] = {"database": probes.database, "mq": probes.queue, "store": probes.store}
_HEALTH: Final[Mapping[str, Probe]] = {
    "database": probes.database,
    "mq": probes.queue,
    "store": probes.store,
    "ingest": probes.ingest,
    "disk": probes.disk,
}


def check_all(loaded: Loaded | None = None) -> list[Part]:
    """What `/healthz/` answers with. Needs Django's settings."""
    loaded = loaded or load()
    return check(_HEALTH, loaded)


def check(asked: Mapping[str, Probe], loaded: Loaded) -> list[Part]:
    with ThreadPoolExecutor(max_workers=len(asked), thread_name_prefix="health") as threads:
        return list(threads.map(lambda name: _ask(name, asked[name], loaded), asked))


def is_healthy(parts: Sequence[Part]) -> bool:
    return all(part.ok for part in parts)


def _ask(name: str, probe: Probe, loaded: Loaded) -> Part:
    began = time.perf_counter()
    try:
        ok, message = True, probe(loaded)
    except BklogError as error:
        ok, message = False, f"{error.message} ({error.hint})" if error.hint else error.message
    return Part(name, ok, message, round((time.perf_counter() - began) * 1000, 1))
