"""/api/v1/search/index_set/{id}/masking/: what an index set hides."""

from __future__ import annotations

from typing import Final

from bklog.openapi.areas.search import INDEX_SET
from bklog.openapi.codes import BODY, KEPT, STORE
from bklog.openapi.operation import Answer, Area, Example, Operation
from bklog.openapi.schema import ANYTHING, TEXT, Schema, asked, choice, listing, mapping, one_of, record, ref, text, whole
from bklog.query.masking import (
    MAX_FIELD_CHARACTERS,
    MAX_KEPT,
    MAX_MARK_CHARACTERS,
    MAX_PATTERN_CHARACTERS,
    MAX_RULES,
    MAX_TEXT_CHARACTERS,
)
from bklog.search.masking import MAX_LINE_CHARACTERS, MAX_LINES

_WHERE: Final[dict[str, Schema]] = {
    "field": text(maxLength=MAX_FIELD_CHARACTERS),
    "pattern": text(maxLength=MAX_PATTERN_CHARACTERS),
}
_RULES: Final = listing(ref("MaskingRule"), most=MAX_RULES)
_GIVEN: Final = {"rules": [{"field": "user", "operator": "shield", "head": 1, "tail": 0, "mark": "***"}]}
SCHEMAS: Final[dict[str, Schema]] = {
    "MaskingRule": one_of(
        record(
            {"operator": choice(["shield"])},
            {
                **_WHERE,
                "head": whole(0, MAX_KEPT),
                "tail": whole(0, MAX_KEPT),
                "mark": text(minLength=1, maxLength=MAX_MARK_CHARACTERS),
            },
        ),
        record({"operator": choice(["replace"])}, {**_WHERE, "text": text(maxLength=MAX_TEXT_CHARACTERS)}),
    ),
    "MaskingRules": record({"rules": _RULES}),
    "MaskingRulesChanged": record({"rules": _RULES, "other_index_sets": listing(TEXT)}),
}

AREA = Area(
    "What an index set hides from who may not see raw values: docs/masking.md",
    [
        Operation(
            "GET",
            f"{INDEX_SET}masking/",
            "show_masking",
            "The rules of an index set",
            {200: Answer("In their order", ref("MaskingRules"))},
            codes=("no_index_set",),
            examples=[Example("Of an index set")],
        ),
        Operation(
            "PUT",
            f"{INDEX_SET}masking/",
            "change_masking",
            "Other rules, in place of those that were there",
            {200: Answer("As they are now", ref("MaskingRulesChanged"))},
            codes=(*KEPT, *STORE, "no_index_set", "masking", "permission_missing"),
            body=ref("MaskingRules"),
            examples=[Example("Only the first letter of a name", body=_GIVEN, shown=_GIVEN)],
            about="Needs the permission raw_values: who could loosen the rules could read what they hide.",
        ),
        Operation(
            "POST",
            f"{INDEX_SET}masking/preview/",
            "preview_masking",
            "How lines look under rules to be",
            {
                200: Answer(
                    "Each line before and after",
                    record({"lines": listing(record({"before": TEXT, "after": TEXT, "fields": mapping(ANYTHING)}))}),
                )
            },
            codes=(
                *BODY,
                *STORE,
                "no_index_set",
                "masking",
                "permission_missing",
                "search_timeout",
                "search_too_large",
            ),
            body=asked({"rules": _RULES}, {"lines": listing(text(maxLength=MAX_LINE_CHARACTERS), least=1, most=MAX_LINES)}),
            examples=[
                Example("Of lines that are sent along", body={**_GIVEN, "lines": ['{"user": "ann"}', "plain"]}),
                Example("Of the newest rows", body=_GIVEN),
            ],
            about="Without `lines` the newest rows are shown, which needs the permission raw_values.",
        ),
    ],
    SCHEMAS,
)
