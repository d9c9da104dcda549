"""Tasks about the fleet itself."""

from __future__ import annotations

import logging

from bklog.tasks.app import task

logger = logging.getLogger("bklog.tasks")


@task("fleet.echo")
def echo(text: str) -> None:
    """Says that a message came through, for who wonders whether the workers work: `bklog search` finds the line."""
    logger.info("echo", extra={"echo": text})
