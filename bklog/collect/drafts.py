"""JSON object -> Draft: a collector as somebody asks for it, checked field by field before anything is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from bklog.clean import CleanRule
from bklog.collect.models import Collector
from bklog.errors import BadRequest

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{1,49}")
SPACE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MAX_LABELS: Final = 50
MAX_LABEL_CHARACTERS: Final = 200
MAX_DESCRIPTION_CHARACTERS: Final = 200
MAX_RETENTION_DAYS: Final = 3650
SCENARIOS: Final = (Collector.Scenario.ROW.value, Collector.Scenario.CUSTOM.value)


@dataclass(frozen=True, slots=True)
class Draft:
    """Raises BadRequest (`collector`) naming the field that is wrong and what it may be."""

    name: str
    retention_days: int
    rule: CleanRule = field(default_factory=lambda: CleanRule("text"))
    space: str = "default"
    scenario: str = "custom"
    description: str = ""
    index: str = "full"
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise refuse("name", self.name, "2 to 50 of a-z 0-9 _ -, a letter first")
        if not SPACE.fullmatch(self.space):
            raise refuse("space", self.space, "1 to 64 of a-z 0-9 _ -, a letter first")
        if self.scenario not in SCENARIOS:
            raise refuse("scenario", self.scenario, f"one of: {', '.join(SCENARIOS)}")
        if self.index not in Collector.Index.values:
            raise refuse("index", self.index, f"one of: {', '.join(Collector.Index.values)}")
        if not 1 <= self.retention_days <= MAX_RETENTION_DAYS:
            raise refuse("retention_days", self.retention_days, f"a number of days from 1 to {MAX_RETENTION_DAYS}")
        if len(self.description) > MAX_DESCRIPTION_CHARACTERS:
            raise refuse("description", self.description, f"at most {MAX_DESCRIPTION_CHARACTERS} characters")
        _require_labels(self.labels)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, retention_days: int) -> Draft:
        """`retention_days` is what a collector gets that asks for none."""
        known = {one.name for one in fields(cls)} - {"rule"} | {"clean_rule"}
        if unknown := sorted(set(raw) - known):
            raise BadRequest(f"unknown field {unknown[0]!r}", hint=f"known: {', '.join(sorted(known))}", code="collector")
        _require_types(raw)
        given = {name: value for name, value in raw.items() if name != "clean_rule"}
        rule = CleanRule.from_dict(raw.get("clean_rule", {}))
        return cls(**{"name": "", "retention_days": retention_days, **given, "rule": rule})

    def as_dict(self) -> dict[str, Any]:
        """What `from_dict` takes."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in {"rule", "labels"}}
        return {**values, "clean_rule": self.rule.as_dict(), "labels": dict(self.labels)}


def refuse(name: str, value: object, valid: str) -> BadRequest:
    shown = repr(value) if len(repr(value)) <= MAX_LABEL_CHARACTERS else f"{repr(value)[:MAX_LABEL_CHARACTERS]}…"
    return BadRequest(f"{name} is {shown}", hint=f"{name} is {valid}", code="collector")


def _require_types(raw: Mapping[str, Any]) -> None:
    for name, value in raw.items():
        if name == "retention_days":
            if type(value) is not int:
                raise refuse(name, value, "a whole number of days")
        elif name not in {"labels", "clean_rule"} and not isinstance(value, str):
            raise refuse(name, value, "a string")


def _require_labels(labels: object) -> None:
    valid = f"an object of at most {MAX_LABELS} strings of at most {MAX_LABEL_CHARACTERS} characters"
    if not isinstance(labels, Mapping) or len(labels) > MAX_LABELS:
        raise refuse("labels", labels, valid)
    for text in [*labels, *labels.values()]:
        if not isinstance(text, str) or not 0 < len(text) <= MAX_LABEL_CHARACTERS:
            raise refuse("labels", labels, valid)
