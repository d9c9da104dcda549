"""Plan -> nested objects for JSON: {"HasWords": {"target": …, "words": […]}}."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from bklog.query import Plan


def describe_plan(plan: Plan) -> dict[str, Any]:
    return {part.name: _describe(getattr(plan, part.name)) for part in fields(plan)}


def _describe(value: object) -> Any:
    if is_dataclass(value):
        return {type(value).__name__: {part.name: _describe(getattr(value, part.name)) for part in fields(value)}}
    if isinstance(value, tuple):
        return [_describe(inner) for inner in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, UUID) else value
