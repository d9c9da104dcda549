"""JSON object -> Changes: what of a collector is to be another way. Some of it is done at once, some needs another table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bklog.collect.drafts import Draft
from bklog.collect.models import Collector
from bklog.collect.replacing import Change
from bklog.errors import BadRequest

# The pipelines of another table, by the names under which runs keep them.
RECLEAN: Final = "collector_reclean"
MOVE: Final = "collector_move"
AT_ONCE: Final = ("description", "labels", "retention_days")
ANOTHER_TABLE: Final = ("clean_rule", "index")


@dataclass(frozen=True, slots=True)
class Changes:
    """`draft` is the collector as it is to be, checked like a new one; `at_once` are the names of the fields to save."""

    draft: Draft
    at_once: tuple[str, ...]
    needs_table: bool

    @classmethod
    def from_dict(cls, collector: Collector, raw: Mapping[str, Any]) -> Changes:
        """Raises BadRequest (`collector`, `clean_rule`). What is not named stays."""
        possible = (*AT_ONCE, *ANOTHER_TABLE)
        if unknown := sorted(set(raw) - set(possible)):
            raise BadRequest(f"{unknown[0]!r} cannot be changed", hint=f"what can: {', '.join(possible)}", code="collector")
        now = {name: getattr(collector, name) for name in ("name", "space", *possible)}
        draft = Draft.from_dict({**now, **raw}, retention_days=collector.retention_days)
        needs_table = draft.rule != collector.rule or draft.index != collector.index
        return cls(draft, tuple(name for name in AT_ONCE if name in raw), needs_table)

    def of_table(self, collector: Collector) -> Change:
        return Change(self.draft.rule, self.draft.index, collector.store)


def wanted(change: Change) -> dict[str, Any]:
    """What a run keeps of it."""
    return {"clean_rule": change.rule.as_dict(), "index": change.index, "store": change.store}
