"""Meaning: what stands beside a setting's type in `config/default.py`; `docs/settings.md` repeats it, and a test looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Secrecy = Literal["open", "secret", "password in URL"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """`low` and `high` bound a number, both included. `secrecy` says how much of the value may be shown."""

    text: str
    secrecy: Secrecy = "open"
    low: float | None = None
    high: float | None = None
