"""Clean rules under a name, for many collectors: those of a space, and those that come with the product.

JSON object ─▶ WantedTemplate, checked by field ─▶ a row of the database

Taking one copies its rule: no collector knows a template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction

from bklog.clean import CleanRule
from bklog.clean.shipped import SHIPPED, Shipped
from bklog.collect.drafts import MAX_DESCRIPTION_CHARACTERS, SPACE
from bklog.collect.index_sets import PLAIN, require
from bklog.collect.models import RuleTemplate
from bklog.errors import BadRequest, Conflict, NotFound

MOST_OF_A_SPACE: Final = 200
MAX_NAME_CHARACTERS: Final = 64
KEYS: Final = ("space", "name", "description", "clean_rule")
SHIPPED_NAMES: Final = frozenset(one.name for one in SHIPPED)
_require: Final = partial(require, code="clean_template")


@dataclass(frozen=True, slots=True)
class WantedTemplate:
    """A template as somebody asks for it. Raises BadRequest (`clean_template`) naming the field that is wrong."""

    name: str
    rule: CleanRule
    space: str = "default"
    description: str = ""

    def __post_init__(self) -> None:
        is_name = self.name == self.name.strip() and 0 < len(self.name) <= MAX_NAME_CHARACTERS
        _require(is_name, "name", self.name, f"1 to {MAX_NAME_CHARACTERS} characters, without spaces around them")
        _require(SPACE.fullmatch(self.space), "space", self.space, "1 to 64 of a-z 0-9 _ -, a letter first")
        valid = f"at most {MAX_DESCRIPTION_CHARACTERS} characters"
        _require(len(self.description) <= MAX_DESCRIPTION_CHARACTERS, "description", self.description, valid)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], now: RuleTemplate | None = None) -> WantedTemplate:
        """What is not named is as in `now`, whose space stays. Raises BadRequest (`clean_rule`) as well."""
        known = [key for key in KEYS if now is None or key != "space"]
        if unknown := sorted(set(raw) - set(known)):
            raise BadRequest(f"unknown field {unknown[0]!r}", hint=f"known: {', '.join(known)}", code="clean_template")
        if now is None and "clean_rule" not in raw:
            raise BadRequest("a template is a clean rule", hint="clean_rule is missing", code="clean_template")
        texts = {key: getattr(now, key) for key in KEYS if now and key != "clean_rule"}
        for key in set(raw) - {"clean_rule"}:
            is_text = isinstance(raw[key], str) and PLAIN.fullmatch(raw[key])
            _require(is_text, key, raw[key], "a string without control characters")
            texts[key] = raw[key]
        rule = CleanRule.from_dict(raw["clean_rule"]) if "clean_rule" in raw or now is None else now.rule
        return cls(**{"name": "", **texts, "rule": rule})


def list_templates() -> list[RuleTemplate]:
    return list(RuleTemplate.objects.all())


def get_template(template_id: int) -> RuleTemplate:
    found = RuleTemplate.objects.filter(pk=template_id).first()
    if found is None:
        hint = "GET /api/v1/databus/clean_template/ lists them"
        raise NotFound(f"there is no template {template_id} of a clean rule", hint=hint, code="no_template")
    return found


def create_template(wanted: WantedTemplate, *, by: str) -> RuleTemplate:
    """Raises Conflict for a name that the space or the product has, and for one more than a space may have."""
    if RuleTemplate.objects.filter(space=wanted.space).count() >= MOST_OF_A_SPACE:
        message = f"the space {wanted.space} has {MOST_OF_A_SPACE} templates"
        raise Conflict(message, hint="delete one that nobody takes", code="too_many_templates")
    return _write(RuleTemplate(space=wanted.space), wanted, by)


def change_template(template: RuleTemplate, wanted: WantedTemplate, *, by: str) -> RuleTemplate:
    """Collectors that took it stay as they are. Raises Conflict for a name that the space or the product has."""
    return _write(template, wanted, by)


def delete_template(template: RuleTemplate) -> None:
    """Collectors that took it keep their rules."""
    template.delete()


def present_template(template: RuleTemplate) -> dict[str, Any]:
    return {
        "id": template.pk,
        "space": template.space,
        "name": template.name,
        "description": template.description,
        "clean_rule": template.rule.as_dict(),
        "sample": "",
        "changed_at": template.changed_at.isoformat(),
        "changed_by": template.changed_by,
    }


def present_shipped(shipped: Shipped) -> dict[str, Any]:
    """In the shape of a space's; without the number by which one is changed or deleted."""
    return {
        "id": None,
        "space": None,
        "name": shipped.name,
        "description": shipped.description,
        "clean_rule": shipped.rule.as_dict(),
        "sample": shipped.sample,
        "changed_at": None,
        "changed_by": None,
    }


def _write(template: RuleTemplate, wanted: WantedTemplate, by: str) -> RuleTemplate:
    if wanted.name in SHIPPED_NAMES:
        raise _taken(wanted, "the product")
    template.name, template.description = wanted.name, wanted.description
    template.clean_rule, template.changed_by = wanted.rule.as_dict(), by[:64]
    with _name_alone(wanted), transaction.atomic():
        template.save()
    return template


@contextmanager
def _name_alone(wanted: WantedTemplate) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise _taken(wanted, f"the space {wanted.space}") from error


def _taken(wanted: WantedTemplate, by: str) -> Conflict:
    return Conflict(
        f"{by} has a template {wanted.name!r}", hint="choose another name, or change that one", code="template_exists"
    )
