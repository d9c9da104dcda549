"""JSON object -> Onboarding: a collector that is wanted, and the files that the fleet's agent is to follow for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bklog.collect.agent.rules import AgentRule
from bklog.collect.drafts import Draft

# The pipelines of collectors, by the names under which runs keep them.
ONBOARDING: Final = "collector_onboarding"
DELETION: Final = "collector_deletion"


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Raises BadRequest. Without a rule for the agent the lines come from elsewhere."""

    draft: Draft
    rule: AgentRule | None

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, retention_days: int) -> Onboarding:
        """The fields of a collector, and `agent`. `retention_days` is what a collector gets that asks for none."""
        about = {name: value for name, value in raw.items() if name != "agent"}
        rule = AgentRule.from_dict(raw["agent"]) if raw.get("agent") is not None else None
        return cls(Draft.from_dict(about, retention_days=retention_days), rule)

    def as_dict(self) -> dict[str, Any]:
        """What `from_dict` takes."""
        return {**self.draft.as_dict(), "agent": self.rule.as_dict() if self.rule else None}
