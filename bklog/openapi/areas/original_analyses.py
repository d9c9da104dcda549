"""/api/bk-log-search/prod/…: what rows amount to, over time, by value, and of one field."""

from __future__ import annotations

from typing import Final

from bklog.esquery.analyses import MAX_FIELDS, MAX_TERMS, METRICS, ORDERS
from bklog.esquery.statistics import MAX_TOP
from bklog.openapi.areas.original import ASKED, ELASTIC, IDS, OBJECT, ONE, number, of_the_day, post
from bklog.openapi.operation import Area
from bklog.openapi.schema import ANYTHING, COUNT, NUMBER, TEXT, Schema, asked, choice, listing, mapping, nullable, record, text

_HISTOGRAM: Final[dict[str, Schema]] = {
    **ASKED,
    "interval": text(examples=["auto", "1m", "5m", "1h", "1d"]),
    "group_field": TEXT,
    "fields": {
        "type": "array",
        "maxItems": MAX_FIELDS,
        "items": {
            "anyOf": [
                TEXT,
                asked({"term_filed": TEXT}, {"metric_type": choice(["", *METRICS]), "metric_field": TEXT}),
            ]
        },
    },
    "size": number(0, MAX_TERMS),
    "begin": ANYTHING,
    "sort_list": ANYTHING,
}
_TERMS: Final[dict[str, Schema]] = {
    **ASKED,
    "size": number(1, MAX_TERMS),
    "order": {"enum": [*ORDERS, None]},
    "time_dimension": number(-1, 3_650),
    **dict.fromkeys(("interval", "begin", "sort_list"), ANYTHING),
}
_TERMS_DATA: Final = record({"aggs": mapping(listing(listing(ANYTHING))), "aggs_items": mapping(listing(ANYTHING))})
_HISTOGRAM_DATA: Final = record({"aggs": OBJECT})
_BY_FIELD: Final = listing(TEXT, least=1, most=MAX_FIELDS)
_STATISTICS: Final[dict[str, Schema]] = {**ASKED, "field_type": TEXT, "limit": number(1, MAX_TOP)}
_COUNTS: Final[dict[str, Schema]] = dict.fromkeys(("total_count", "field_count", "distinct_count"), COUNT)

AREA = Area(
    "What rows amount to, for clients of BK-LOG's own gateway: docs/original-api.md",
    [
        post(
            f"search/index_set/{ONE}/aggs/terms/",
            "index_set_terms",
            "The most frequent values of fields",
            _TERMS_DATA,
            asked({"fields": _BY_FIELD}, _TERMS),
            (*ELASTIC, "zone"),
            [of_the_day("Hosts", fields=["serverIp"], shown={"aggs_items": {"serverIp": ["web0", "web1"]}})],
        ),
        post(
            "search/index_set/aggs/union_search/terms/",
            "union_search_terms",
            "The most frequent values of fields, of several index sets",
            _TERMS_DATA,
            asked({"fields": _BY_FIELD, "index_set_ids": IDS}, _TERMS),
            (*ELASTIC, "zone"),
            [of_the_day("Of one that is not there", fields=["level"], index_set_ids=[2**40], status=404)],
        ),
        post(
            f"search/index_set/{ONE}/aggs/date_histogram/",
            "date_histogram",
            "Rows over time",
            _HISTOGRAM_DATA,
            asked({}, _HISTOGRAM),
            (*ELASTIC, "zone", "interval"),
            [
                of_the_day("By the day", interval="1d"),
                of_the_day("Of each level", interval="1d", fields=[{"term_filed": "level"}]),
            ],
        ),
        post(
            "search/index_set/aggs/union_search/date_histogram/",
            "union_search_date_histogram",
            "Rows over time, of several index sets",
            _HISTOGRAM_DATA,
            asked({"index_set_ids": IDS}, {**_HISTOGRAM, "union_configs": ANYTHING}),
            (*ELASTIC, "zone", "interval"),
            [of_the_day("Of one that is not there", index_set_ids=[2**40], status=404)],
        ),
        post(
            "field/index_set/statistics/total/",
            "index_set_statistics_total",
            "How many rows there are",
            record({"total_count": COUNT}),
            asked({"index_set_ids": IDS}, {**_STATISTICS, "agg_field": TEXT}),
            (*ELASTIC, "zone"),
            [of_the_day("Of one that is not there", index_set_ids=[2**40], status=404)],
        ),
        post(
            "field/index_set/statistics/info/",
            "fetch_statistics_info",
            "How many rows have a field, and what its numbers amount to",
            record(
                {**_COUNTS, "field_percent": NUMBER},
                {"value_analysis": record(dict.fromkeys(("max", "min", "avg", "median"), nullable(NUMBER)))},
            ),
            asked({"index_set_ids": IDS, "agg_field": TEXT}, _STATISTICS),
            (*ELASTIC, "zone"),
            [of_the_day("Of one that is not there", index_set_ids=[2**40], agg_field="status", status=404)],
        ),
        post(
            "field/index_set/fetch_topk_list/",
            "fetch_topk_list",
            "The most frequent values of a field, each with its share",
            record(
                {"name": TEXT, "columns": listing(TEXT), "limit": COUNT, **_COUNTS, "values": listing(listing(ANYTHING))},
            ),
            asked({"index_set_ids": IDS, "agg_field": TEXT}, _STATISTICS),
            (*ELASTIC, "zone"),
            [of_the_day("Of one that is not there", index_set_ids=[2**40], agg_field="level", status=404)],
        ),
    ],
    failure="OriginalFailure",
)
