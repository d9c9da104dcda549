"""The clean rules that a collector has had, numbered: one more with each change, from the moment at which it is in force."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Max

from bklog.collect.models import Collector, RuleVersion
from bklog.errors import NotFound

MOST_KEPT: Final = 50  # the latest of each collector


def keep_version(collector: Collector, *, by: str) -> None:
    """In the transaction of the change, which holds the collector. The oldest go where there are too many."""
    last = collector.rule_versions.aggregate(last=Max("number"))["last"] or 0
    collector.rule_versions.create(number=last + 1, clean_rule=collector.clean_rule, made_by=by[:64])
    collector.rule_versions.filter(number__lte=last + 1 - MOST_KEPT).delete()


def list_versions(collector: Collector) -> list[dict[str, Any]]:
    """The latest, which is in force, first."""
    return [present_version(one) for one in collector.rule_versions.all()]


def get_version(collector: Collector, number: int) -> RuleVersion:
    found = collector.rule_versions.filter(number=number).first()
    if found is None:
        hint = f"GET /api/v1/databus/collectors/{collector.pk}/rules/ lists those that are kept, the latest {MOST_KEPT}"
        raise NotFound(f"the collector {collector.name} has no version {number} of its rule", hint=hint, code="no_version")
    return found


def present_version(version: RuleVersion) -> dict[str, Any]:
    """The rule with all of its keys, whichever there were when it was kept."""
    return {
        "number": version.number,
        "clean_rule": version.rule.as_dict(),
        "made_at": version.made_at.isoformat(),
        "made_by": version.made_by,
    }
