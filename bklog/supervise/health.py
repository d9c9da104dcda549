"""Loaded → one Part for each thing the platform stands on, all asked at once; the slowest is waited for a few seconds only."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from bklog.errors import BadRequest, BklogError
from bklog.supervise import fleet_probes, probes
from bklog.supervise.asking import start
from config.environ import Loaded, load

Probe = Callable[[Loaded], str]

ANSWER_SECONDS: Final = 8.0  # more than the time that each probe gives itself


@dataclass(frozen=True, slots=True)
class Part:
    """`message` says what was found, or what is wrong and the remedy."""

    name: str
    ok: bool
    message: str
    milliseconds: float


CONNECTIONS: Final[Mapping[str, Probe]] = {"database": probes.database, "mq": probes.queue, "store": probes.store}
PARTS: Final[Mapping[str, Probe]] = {
    "service_module": fleet_probes.service_module,
    "database": probes.database,
    "mq": probes.queue,
    "queues": fleet_probes.queues,
    "store": probes.store,
    "ingest": probes.ingest,
    "disk": probes.disk,
    "clock": fleet_probes.clock,
}
# What a part that does not even fail in time was asked at: without it nobody knows where to look.
ASKED_AT: Final[Mapping[str, Probe]] = {"mq": probes.queue_address, "queues": probes.queue_address, "store": probes.stores}


def check_all(loaded: Loaded | None = None, *, include: Collection[str] = (), exclude: Collection[str] = ()) -> list[Part]:
    """What `/healthz/` answers with. Needs Django's settings. Raises BadRequest for a part that there is not."""
    return check(_chosen(include, exclude), loaded or load())


def part_names(text: str) -> list[str]:
    """`a, b` as an address or an option has it."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _chosen(include: Collection[str], exclude: Collection[str]) -> Mapping[str, Probe]:
    for name in (*include, *exclude):
        if name not in PARTS:
            raise BadRequest(f"there is no part {name!r}", hint=f"one of {', '.join(PARTS)}", code="no_part")
    chosen = {name: probe for name, probe in PARTS.items() if name not in exclude and (not include or name in include)}
    if not chosen:
        raise BadRequest("no part is left to ask", hint="include one that is not excluded", code="no_part")
    return chosen


def check(asked: Mapping[str, Probe], loaded: Loaded, *, seconds: float = ANSWER_SECONDS) -> list[Part]:
    end = time.monotonic() + seconds
    answers = {name: start((name, probe), partial(_ask, name, probe, loaded)) for name, probe in asked.items()}
    return [_answer(name, answer, end, seconds, loaded) for name, answer in answers.items()]


def is_healthy(parts: Sequence[Part]) -> bool:
    return all(part.ok for part in parts)


def as_text(parts: Sequence[Part]) -> str:
    """A line a part, as load balancers and people read it."""
    lines = [f"[{'+' if part.ok else '-'}]{part.name} {part.message} ({part.milliseconds:.1f} ms)" for part in parts]
    return "\n".join([*lines, "healthz check passed" if is_healthy(parts) else "healthz check failed", ""])


def _answer(name: str, answer: Future[Part], end: float, seconds: float, loaded: Loaded) -> Part:
    try:
        return answer.result(max(0.0, end - time.monotonic()))
    except TimeoutError:
        at = f"{ASKED_AT[name](loaded)}: " if name in ASKED_AT else ""
        return Part(name, ok=False, message=f"{at}no answer within {seconds:g} seconds", milliseconds=seconds * 1000)


def _ask(name: str, probe: Probe, loaded: Loaded) -> Part:
    began = time.perf_counter()
    try:
        ok, message = True, probe(loaded)
    except BklogError as error:
        ok, message = False, f"{error.message} ({error.hint})" if error.hint else error.message
    return Part(name, ok, message, round((time.perf_counter() - began) * 1000, 1))
