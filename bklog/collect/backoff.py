"""Backoff: how long to wait after a failure. Doubles up to a cap, with jitter: many agents must not come at once."""

from __future__ import annotations

import random
from typing import Final

from bklog.errors import BklogError, Retryable

FIRST_SECONDS: Final = 0.5
CAP_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 60.0  # a refusal stays until a person acts: slow, but going on by itself afterwards


def retry_delay(failures: int, *, at_least: float = 0.0) -> float:
    """Half of it is certain, half is drawn: 0.25–0.5 s after the first failure, 15–30 s after the seventh."""
    half = min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 16)) / 2
    return max(at_least, half) + half * random.random()  # noqa: S311 (no secret)


def delay_after(error: BklogError, *, failures: int) -> float:
    if not isinstance(error, Retryable):
        return REFUSED_SECONDS
    return retry_delay(failures, at_least=error.retry_after_seconds)


class Backoff:
    """Mutable: the state of one target. Failures that arrive while it waits already belong to the same trouble."""

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0

    def fail(self, error: BklogError, *, now: float) -> None:
        if now >= self.until:
            self.failures += 1
            self.until = now + delay_after(error, failures=self.failures)

    def succeed(self) -> None:
        self.failures = 0
        self.until = 0.0
