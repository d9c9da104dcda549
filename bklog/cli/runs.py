"""A pipeline's run on the command line: waited for, and told step by step. For every command that starts one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from bklog.cli.client import api

POLL_SECONDS: Final = 0.5
GOING: Final = {"running", "waiting"}


def wait_for_end(run: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The run as it is after so many seconds, or at its end."""
    ends = time.monotonic() + seconds
    while run["state"] in GOING and time.monotonic() < ends:
        time.sleep(POLL_SECONDS)
        run = api("GET", f"/api/v1/pipelines/{run['id']}/")
    return run


def exit_code_of(run: dict[str, Any]) -> int:
    return 1 if run["state"] in {"failed", "cancelled"} else 0


def report_run(run: dict[str, Any]) -> Iterator[str]:
    yield f"run {run['id']}: {run['pipeline']} of {run['subject']} is {run['state']}"
    for step in run["steps"]:
        yield _step(step)
    if run["reason"]:
        yield f"reason: {run['reason']} [{run['code']}]"
    if run["hint"]:
        yield f"hint: {run['hint']}"
    if run["state"] in GOING:
        yield f"see it with: bklog pipeline show {run['id']}"


def _step(step: dict[str, Any]) -> str:
    said = step["reason"] or step["note"]
    often = f"attempt {step['attempts']}" if step["attempts"] > 1 else ""
    return f"  {step['state']:<10}{step['name']:<20}{often:<13}{said}".rstrip()
