"""POST /ingest/v1/lines: each line of the body is one log line, read by the collector's clean rule."""

from __future__ import annotations

from bklog.clean import CleanRule
from bklog.ingest.protocol import Protocol, unchanged


def collectors_rule(rule: CleanRule) -> CleanRule:
    return rule


PROTOCOL = Protocol(lines=unchanged, rule=collectors_rule)
