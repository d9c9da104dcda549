"""search_index_set and what is asked before a search: which index sets there are, their fields, the operators of conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.original import Call, answering
from bklog.api.original_door import envelope
from bklog.api.requests import asker, by_method, json_object
from bklog.api.spaces import visible
from bklog.collect.models import IndexSet
from bklog.collect.searchable import Searchable
from bklog.collect.selectors import list_index_sets
from bklog.elastic.mapping import fields_of
from bklog.esquery.conditions import read_conditions
from bklog.esquery.fields import SCOPES, list_fields, list_operators, mapping
from bklog.esquery.names import TIME, lucene_text
from bklog.esquery.question import PASSED_KEYS, read_ids
from bklog.esquery.times import TIME_KEYS
from bklog.query.plan import Order
from bklog.search.given import Given, refuse

Data = dict[str, Any]
SCENARIO: Final = "log"
MAPPING_KEYS: Final = ("indices", "index_set_id", "add_settings_details", *TIME_KEYS, *PASSED_KEYS)
FIELDS_KEYS: Final = ("index_set_ids", "scope", *TIME_KEYS, *PASSED_KEYS)


def list_sets(request: HttpRequest) -> HttpResponse:
    """Those of the space, or of all of them."""
    found = visible(asker(request), list_index_sets(space=request.GET.get("space_uid", "")))
    return JsonResponse(envelope(request, [_shown(one) for one in found]))


def _shown(one: IndexSet) -> Data:
    """`indices` has what esquery_search takes under this name."""
    return {
        "index_set_id": one.pk,
        "index_set_name": one.name,
        "space_uid": one.space,
        "scenario_id": SCENARIO,
        "scenario_name": SCENARIO,
        "storage_cluster_id": None,
        "indices": [{"result_table_id": one.name, "result_table_name": one.name}],
        "time_field": TIME,
        "time_field_type": "date",
        "time_field_unit": "millisecond",
        "tags": [{"name": name, "color": "green"} for name in one.tags],
        "is_favorite": False,
        "permission": {"search_log": True},
    }


@answering("fields")
def fields(call: Call, index_set_id: int) -> Data:
    one = call.one_set(index_set_id)
    return _listed(call, [one], _scope(call.request.GET.get("scope", SCOPES[0])))


@answering("union_fields")
def union_fields(call: Call) -> Data:
    given = Given(call.body, FIELDS_KEYS)
    sets = call.sets(read_ids(given.raw("index_set_ids", []), "index_set_ids"))
    return {**_listed(call, sets, _scope(given.text("scope", SCOPES[0]))), "index_set_ids": [one.pk for one in sets]}


def _listed(call: Call, sets: Sequence[Searchable], scope: str) -> Data:
    """Of several index sets what they show by themselves is no answer for all."""
    with call.let_in(sets, ""):
        found = {name: kind for index in call.indexes(sets) for name, kind in fields_of(index, call.parts).items()}
    (displayed, order) = (sets[0].default_fields, sets[0].default_order) if len(sets) == 1 else ((), Order.NEWEST)
    return list_fields(found, displayed, order, scope)


def _scope(text: str) -> str:
    if text not in SCOPES:
        raise refuse(f"scope is {text[:40]!r}", f"scope is one of: {', '.join(SCOPES)}")
    return text


@answering("mapping")
def esquery_mapping(call: Call) -> list[Data]:
    given = Given(call.body, MAPPING_KEYS)
    sets = call.sets(read_ids([given.raw("index_set_id", None)], "index_set_id")) if "index_set_id" in given else None
    sets = sets or call.named_sets(given.text("indices"))
    with call.let_in(sets, ""):
        return [{index.name: mapping(fields_of(index, call.parts))} for index in call.indexes(sets)]


def show_operators(request: HttpRequest) -> HttpResponse:
    return JsonResponse(envelope(request, list_operators()))


def generate_querystring(request: HttpRequest) -> HttpResponse:
    """Conditions as a keyword: what the text finds they find."""
    given = Given(json_object(request), ("addition", *PASSED_KEYS))
    node = read_conditions(given.raw("addition", None), "addition")
    return JsonResponse(envelope(request, {"querystring": lucene_text(node)}))


set_list = by_method(GET=list_sets)
fields_of_one = by_method(GET=fields)
fields_of_several = by_method(POST=union_fields)
mappings = by_method(POST=esquery_mapping)
operators = by_method(GET=show_operators)
querystrings = by_method(POST=generate_querystring)
