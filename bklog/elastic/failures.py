"""A failure as Elasticsearch's clients read it: error.type, error.reason, error.root_cause, status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final = {
    "query_syntax": "query_shard_exception",
    "unknown_field": "query_shard_exception",
    "bad_value": "query_shard_exception",
    "search_timeout": "timeout_exception",
    "search_too_large": "circuit_breaking_exception",
    "time_syntax": "parse_exception",
    "time_range": "parse_exception",
    "zone": "illegal_argument_exception",
    "interval": "illegal_argument_exception",
    "no_json": "parsing_exception",
    "body_too_large": "content_too_long_exception",
    "overloaded": "es_rejected_execution_exception",
}
_SECURITY: Final = (401, 403)


def as_failure(failure: Mapping[str, Any], status: int) -> dict[str, Any]:
    """`failure` has the platform's `code`, `message` and `hint`."""
    code = str(failure.get("code", ""))
    kind = "security_exception" if status in _SECURITY else _TYPES.get(code, code)
    kind = kind if kind.endswith("_exception") else f"{kind}_exception"
    reason = "; ".join(str(failure[key]) for key in ("message", "hint") if failure.get(key))
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], **cause, "code": code}, "status": status}
