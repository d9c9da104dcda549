"""/api/bk-log-search/prod/search_index_set/ and what is asked before a search: index sets, their fields, operators."""

from __future__ import annotations

from typing import Final

from bklog.esquery import PREFIX
from bklog.esquery.fields import SCOPES
from bklog.openapi.areas.original import (
    ELASTIC,
    IDS,
    NAMED,
    OBJECT,
    ONE,
    PASSED,
    TIMES,
    number,
    post,
    told_in_envelope,
)
from bklog.openapi.codes import QUERY
from bklog.openapi.operation import Area, Example, Operation, Parameter
from bklog.openapi.schema import ANYTHING, FLAG, ID, TEXT, Schema, asked, choice, listing, mapping, record, ref

_FIELD: Final = record(
    {
        **dict.fromkeys(("field_name", "field_alias", "field_type", "description"), TEXT),
        **dict.fromkeys(("is_display", "is_editable", "is_analyzed", "is_built_in", "es_doc_values"), FLAG),
    }
)
_FIELD_LIST: Final[dict[str, Schema]] = {
    "config": listing(ANYTHING),
    "display_fields": listing(TEXT),
    "fields": listing(_FIELD),
    "sort_list": listing(listing(TEXT)),
    **dict.fromkeys(("time_field", "time_field_type", "time_field_unit"), TEXT),
}

AREA = Area(
    "Index sets for clients of BK-LOG's own gateway: docs/original-api.md",
    [
        post(
            "esquery_mapping/",
            "esquery_mapping",
            "Fields and their types, as a mapping of Elasticsearch",
            listing(OBJECT),
            asked(
                {},
                {**PASSED, **TIMES, "indices": TEXT, "index_set_id": number(1, 2**53 - 1), "add_settings_details": ANYTHING},
            ),
            NAMED,
            [Example("Of an index set", body={"indices": "shop"})],
        ),
        Operation(
            "GET",
            f"{PREFIX}search_index_set/",
            "original_search_index_set",
            "Index sets",
            told_in_envelope(
                listing(
                    record(
                        {
                            "index_set_id": ID,
                            **dict.fromkeys(("index_set_name", "space_uid", "scenario_id", "scenario_name"), TEXT),
                            "storage_cluster_id": {"type": "null"},
                            "indices": listing(record({"result_table_id": TEXT, "result_table_name": TEXT})),
                            **dict.fromkeys(("time_field", "time_field_type", "time_field_unit"), TEXT),
                            "tags": listing(record({"name": TEXT, "color": TEXT})),
                            "is_favorite": FLAG,
                            "permission": mapping(FLAG),
                        }
                    )
                )
            ),
            query=[Parameter("space_uid", TEXT, "only those of this space")],
            examples=[Example("All", query={"space_uid": "default"})],
        ),
        Operation(
            "GET",
            f"{PREFIX}search_index_set/operators/",
            "original_search_operators",
            "The operators of conditions, by the type of a field",
            told_in_envelope(mapping(listing(record({"operator": TEXT, "label": TEXT})))),
            examples=[Example("All")],
        ),
        Operation(
            "GET",
            f"{PREFIX}search_index_set/{ONE}/fields/",
            "original_index_set_fields",
            "The fields of an index set",
            told_in_envelope(record(_FIELD_LIST)),
            codes=(*QUERY, *ELASTIC),
            query=[Parameter("scope", choice(SCOPES), "which fields are shown at first")],
            examples=[Example("Of one", query={"scope": "default"}, shown={"data": {"time_field": "dtEventTimeStamp"}})],
        ),
        post(
            "search/index_set/generate_querystring/",
            "generate_querystring",
            "Conditions as a query string",
            record({"querystring": TEXT}),
            asked({}, {**PASSED, "addition": ref("OriginalConditions")}),
            (),
            [
                Example(
                    "Two conditions",
                    body={"addition": [{"field": "level", "operator": "is one of", "value": "error,warn"}]},
                    shown={"data": {"querystring": 'level:"error" OR level:"warn"'}},
                )
            ],
        ),
        post(
            "search/index_set/union_search/fields/",
            "union_search_fields",
            "The fields of several index sets",
            record({**_FIELD_LIST, "index_set_ids": listing(ID)}),
            asked({"index_set_ids": IDS}, {**PASSED, **TIMES, "scope": choice(SCOPES)}),
            ELASTIC,
            [Example("Of one that is not there", body={"index_set_ids": [2**40]}, status=404)],
        ),
    ],
    failure="OriginalFailure",
)
