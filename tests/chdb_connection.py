"""The engine in process, as tests and benchmarks use it beside the platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from chdb import _chdb

connect = cast("Callable[[str], Any]", getattr(_chdb, "connect"))  # noqa: B009 - its stub leaves it out
