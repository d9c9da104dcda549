"""/api/v1/databus/: versions of a collector's clean rule, and clean rules under a name for many collectors."""

from __future__ import annotations

from typing import Any, Final

from bklog.clean import CleanRule
from bklog.collect.versions import MOST_KEPT
from bklog.openapi.codes import KEPT, STORE
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import ID, MOMENT, TEXT, Schema, described, listing, nullable, record, ref, text

RULES: Final = "/api/v1/databus/collectors/{collector_id}/rules/"
TEMPLATES: Final = "/api/v1/databus/clean_template/"
TEMPLATE: Final = f"{TEMPLATES}{{template_id}}/"
_NAME: Final = text(minLength=1, maxLength=64)
_DESCRIPTION: Final = text(maxLength=200)
_SPACE: Final = text(pattern="^[a-z][a-z0-9_-]{0,63}$")
_RULE: Final = ref("CleanRuleRequest")
_ONE: Final = Answer("As it is now", ref("CleanTemplate"))
ORDER_LINES: Final = CleanRule("regexp", types={"took": "int"}, pattern=r"^(?P<level>[A-Z]+) (?P<order>\S+) (?P<took>\d+) ms$")
SCHEMAS: Final[dict[str, Schema]] = {
    "CleanRuleVersion": record(
        {
            "number": ID,
            "clean_rule": ref("CleanRule"),
            "made_at": described(MOMENT, "since when it is in force"),
            "made_by": described(TEXT, "who asked for it; empty for the platform, and where nobody wrote it down"),
        }
    ),
    "CleanTemplate": record(
        {
            "id": described(nullable(ID), "null for one that comes with the product: it cannot be changed"),
            "space": nullable(TEXT),
            "name": TEXT,
            "description": TEXT,
            "clean_rule": ref("CleanRule"),
            "sample": described(TEXT, "a line of its format, or empty"),
            "changed_at": nullable(MOMENT),
            "changed_by": nullable(TEXT),
        }
    ),
    "CleanTemplateRequest": record(
        {"name": _NAME, "clean_rule": _RULE},
        {"space": _SPACE, "description": _DESCRIPTION},
    ),
    "CleanTemplateChange": record({}, {"name": _NAME, "clean_rule": _RULE, "description": _DESCRIPTION}),
}


def _one(method: str, name: str, summary: str, answers: dict[int, Answer], *codes: str, **more: Any) -> Operation:
    """Of one template of a space."""
    return Operation(method, TEMPLATE, name, summary, answers, ("no_template", *codes), **more)


AREA = Area(
    "Clean rules: the versions that a collector had, and templates that many share",
    [
        Operation(
            "GET",
            RULES,
            "list_rule_versions",
            f"The clean rules that a collector has had, the latest {MOST_KEPT}",
            {200: Answer("The one in force first", record({"items": listing(ref("CleanRuleVersion"))}))},
            codes=("no_collector",),
            examples=[Example("All that are kept")],
            about="An older one is taken back by changing the collector's rule to it, which makes another version.",
        ),
        Operation(
            "GET",
            f"{RULES}{{number}}/",
            "show_rule_version",
            "One of them",
            {200: Answer("As it was", ref("CleanRuleVersion"))},
            codes=("no_collector", "no_version"),
            examples=[Example("The first", shown={"number": 1})],
        ),
        Operation(
            "GET",
            TEMPLATES,
            "list_clean_templates",
            "Clean rules to take: of spaces, and of the product",
            {200: Answer("Those of spaces by name, then the product's", record({"items": listing(ref("CleanTemplate"))}))},
            query=[Parameter("space", TEXT, "only of this space, and the product's")],
            examples=[Example("Of a space", query={"space": "default"})],
            about="Whoever takes one has a copy: what becomes of a template later changes no collector.",
        ),
        Operation(
            "POST",
            TEMPLATES,
            "create_clean_template",
            "Keep a clean rule under a name",
            {201: Answer("It is kept", ref("CleanTemplate"))},
            codes=(*KEPT, *STORE, "clean_template", "clean_rule", "template_exists", "too_many_templates"),
            body=ref("CleanTemplateRequest"),
            examples=[
                Example(
                    "Of lines of text",
                    body={"name": "orders", "description": "订单", "clean_rule": ORDER_LINES.as_dict()},
                    shown={"name": "orders", "space": "default"},
                ),
                Example("A name of the product", body={"name": "syslog", "clean_rule": {"kind": "json"}}, status=409),
                Example(
                    "A pattern that the engine cannot run",
                    body={"name": "ahead", "clean_rule": {"kind": "regexp", "pattern": "(?P<a>x)(?=y)"}},
                    status=400,
                ),
            ],
        ),
        _one("GET", "show_clean_template", "One template of a space", {200: _ONE}, examples=[Example("One")]),
        _one(
            "PATCH",
            "change_clean_template",
            "Change one; collectors that took it stay as they are",
            {200: _ONE},
            *KEPT,
            *STORE,
            "clean_template",
            "clean_rule",
            "template_exists",
            body=ref("CleanTemplateChange"),
            examples=[Example("Another description", body={"description": "of web"}, shown={"description": "of web"})],
        ),
        _one(
            "DELETE",
            "delete_clean_template",
            "Delete one; collectors that took it stay as they are",
            {204: Answer("It is gone")},
            examples=[Example("One")],
        ),
    ],
    SCHEMAS,
)
