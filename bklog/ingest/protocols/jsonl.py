"""POST /ingest/v1/jsonl: each line of the body is one JSON object, whatever the collector's rule reads otherwise."""

from __future__ import annotations

from bklog.clean import CleanRule
from bklog.ingest.protocol import Protocol, unchanged


def json_rule(rule: CleanRule) -> CleanRule:
    return rule if rule.kind == "json" else CleanRule(kind="json")


PROTOCOL = Protocol(lines=unchanged, rule=json_rule)
