"""Rows: esquery_search, esquery_dsl, esquery_scroll, and the searches of index sets, one or several of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final

from bklog.api.original import Call, answering
from bklog.api.requests import by_method
from bklog.collect.searchable import Searchable
from bklog.elastic import search as searching
from bklog.elastic.reader import TIMESTAMP
from bklog.elastic.view import Index
from bklog.esquery.names import NANOSECONDS, body_in_our_names
from bklog.esquery.question import (
    COMMON_KEYS,
    PASSED_KEYS,
    Asked,
    Paging,
    read_ids,
    read_order,
    read_paging,
    read_question,
    whole_of,
)
from bklog.esquery.rows import in_their_names, lengths_of, marked_row, row_of
from bklog.query import MAX_ROWS
from bklog.query.plan import Order
from bklog.search.given import Given, refuse

Data = dict[str, Any]
SEARCH_KEYS: Final = (
    *COMMON_KEYS, "begin", "size", "sort_list", "aggs", "is_scroll_search", "scroll_id", "track_total_hits", "interval",
)  # fmt: skip
ESQUERY_KEYS: Final = (
    *COMMON_KEYS, "indices", "index_set_id", "start", "size", "sort_list", "aggs", "highlight", "scroll", "track_total_hits",
    "dtEventTimeStamp", "slice_id", "slice_max", "search_after",
)  # fmt: skip
DSL_KEYS: Final = ("indices", "body", "scroll", *PASSED_KEYS)
SCROLL_KEYS: Final = ("indices", "scroll_id", "scroll", *PASSED_KEYS)
CONFIG_KEYS: Final = ("index_set_id", "begin", "is_desensitize", "custom_indices")
UNION_KEYS: Final = (
    *COMMON_KEYS, "union_configs", "index_set_ids", "size", "begin", "sort_list", "track_total_hits", "interval",
)  # fmt: skip
MAX_SAMPLE: Final = 10
USUAL_SAMPLE: Final = 3
SCROLL_KEEP: Final = "1m"
COUNTED: Final = 10_000  # as the original, which is not asked for all
SET_OF: Final = "__index_set_id__"
_AS_NUMBER: Final = {"rest_total_hits_as_int": "true"}


@answering("esquery_search")
def esquery_search(call: Call) -> Data:
    """As Elasticsearch answers; `aggs` and `highlight` are in its words."""
    given = Given(call.body, ESQUERY_KEYS)
    sets = _sets_of(call, given)
    asked = read_question(given, now=call.now, zone=call.zone)
    paging, order = read_paging(given, "start"), read_order(given)
    more = {key: given.raw(key, None) for key in ("aggs", "highlight", "search_after") if given.raw(key, None)}
    body = {"query": asked.in_elastic, "from": paging.begin, "size": paging.size, **_order_of(order), **body_in_our_names(more)}
    scroll = {"scroll": given.text("scroll")} if given.text("scroll") else {}
    with call.let_in(sets, asked.typed, asked.query):
        found = call.elastic(body, call.indexes(sets, asked), {**_AS_NUMBER, **scroll})
    return dict(in_their_names(found))


@answering("esquery_dsl")
def esquery_dsl(call: Call) -> Data:
    """`body` is one of Elasticsearch, in the original's names of fields."""
    given = Given(call.body, DSL_KEYS)
    sets, body = call.named_sets(given.text("indices")), given.raw("body", None)
    if not isinstance(body, dict):
        raise refuse("body is no object", 'body is {"query": {"match_all": {}}}')
    scroll = {"scroll": given.text("scroll")} if given.text("scroll") else {}
    with call.let_in(sets, json.dumps(body, ensure_ascii=False)):
        found = call.elastic(body_in_our_names(body), call.indexes(sets), {**_AS_NUMBER, **scroll})
    return dict(in_their_names(found))


@answering("esquery_scroll")
def esquery_scroll(call: Call) -> Data:
    """The next hits of a search that was asked with `scroll`."""
    given = Given(call.body, SCROLL_KEYS)
    return _scrolled(call, given.text("scroll_id"), given.text("scroll", SCROLL_KEEP))


def _scrolled(call: Call, token: str, keep: str) -> Data:
    """Blocks of index sets hold; what the search was, its first page has asked. What is hidden is so on every further page."""
    with ExitStack() as stack:

        def resolve(names: Sequence[str]) -> list[Index]:
            sets = call.named_sets(",".join(names))
            stack.enter_context(call.let_in(sets, ""))
            return call.indexes(sets)

        found = searching.scroll(token, keep, resolve, call.parts, as_int=True)
    return dict(in_their_names(found))


@answering("search")
def search(call: Call, index_set_id: int) -> Data:
    """`list` has marks around what was found, `origin_log_list` the rows as they are."""
    given = Given(call.body, SEARCH_KEYS)
    one = call.one_set(index_set_id)
    if given.text("scroll_id"):
        return _page_of_scroll(_scrolled(call, given.text("scroll_id"), SCROLL_KEEP))
    asked = read_question(given, now=call.now, zone=call.zone)
    paging, order = read_paging(given, "begin"), read_order(given)
    with call.let_in([one], asked.typed, asked.query):
        if given.flag("is_scroll_search"):
            return _page_of_scroll(_first_of_scroll(call, one, asked, paging, order))
        return _page(call, one, asked, paging, order, aggs=given.raw("aggs", {}), counts_all=given.flag("track_total_hits"))


def _page(
    call: Call,
    one: Searchable,
    asked: Asked,
    paging: Paging,
    order: Order | None,
    *,
    aggs: Any = None,
    counts_all: bool = False,
) -> Data:
    found = call.rows(one, asked, limit=max(1, paging.begin + paging.size), order=order)
    shown = found.rows[paging.begin : paging.begin + paging.size]
    if found.cursor is None and not aggs:  # there are no more than these
        counted: Data = {"total": len(found.rows), "total_relation": "eq", "aggregations": {}}
    else:
        counted = _counted(call, one, asked, aggs, counts_all=counts_all)
    read = found.statistics
    rows = [row_of(row) for row in shown]
    return {
        **counted,
        "took": round(read.milliseconds),
        "list": [marked_row(row) for row in shown],
        "origin_log_list": rows,
        "aggs": counted["aggregations"],
        "fields": lengths_of(rows),
        "complete": read.complete,
        "note": found.note,
    }


def _counted(call: Call, one: Searchable, asked: Asked, aggs: Any, *, counts_all: bool) -> Data:
    """How many rows match, up to COUNTED of them where not all are asked for, and aggregations of all of them."""
    body = {"query": asked.in_elastic, "size": 0, "track_total_hits": True if counts_all else COUNTED}
    more = body_in_our_names({"aggs": aggs}) if aggs else {}
    found = call.elastic({**body, **more}, call.indexes([one], asked))
    total = found["hits"]["total"]
    aggregations = in_their_names(found.get("aggregations", {}))
    return {"total": total["value"], "total_relation": total["relation"], "aggregations": aggregations}


def _first_of_scroll(call: Call, one: Searchable, asked: Asked, paging: Paging, order: Order | None) -> Data:
    body = {"query": asked.in_elastic, "size": paging.size, "highlight": _MARKED, **_order_of(order)}
    return dict(in_their_names(call.elastic(body, call.indexes([one], asked), {**_AS_NUMBER, "scroll": SCROLL_KEEP})))


_MARKED: Final = {"fields": {"*": {}}, "pre_tags": ["<mark>"], "post_tags": ["</mark>"]}


def _page_of_scroll(found: Mapping[str, Any]) -> Data:
    hits = found["hits"]["hits"]
    rows = [hit["_source"] for hit in hits]
    marked = [{**hit["_source"], "log": hit["highlight"]["log"][0]} if "highlight" in hit else hit["_source"] for hit in hits]
    told = {"total": found["hits"]["total"], "total_relation": "eq", "took": found["took"], "scroll_id": found["_scroll_id"]}
    about = {"aggregations": {}, "aggs": {}, "fields": lengths_of(rows), "complete": True, "note": ""}
    return {**told, "list": marked, "origin_log_list": rows, **about}


@answering("search_original")
def search_original(call: Call, index_set_id: int) -> Data:
    """A few of the newest rows of the last day, to look at."""
    given = Given(call.body, ("begin", "size", *PASSED_KEYS))
    one = call.one_set(index_set_id)
    begin = whole_of(given, "begin", 0, least=0, most=MAX_ROWS - MAX_SAMPLE)
    paging = Paging(begin, whole_of(given, "size", USUAL_SAMPLE, least=0, most=MAX_SAMPLE))
    asked = read_question(Given({}, ()), now=call.now, usual=timedelta(days=1))
    with call.let_in([one], asked.typed):
        return _page(call, one, asked, paging, Order.NEWEST)


@answering("union_search")
def union_search(call: Call) -> Data:
    """Rows of several index sets in one order of time. `union_configs` of the answer say from where each goes on."""
    given = Given(call.body, UNION_KEYS)
    begins = _begins(given)
    asked = read_question(given, now=call.now, zone=call.zone)
    order = read_order(given) or Order.NEWEST
    pages = {pk: read_paging(_of_one(given, begin), "begin") for pk, begin in begins.items()}
    sets = call.sets(list(begins))
    counts_all = given.flag("track_total_hits")
    with call.let_in(sets, asked.typed, asked.query):
        found = {one.pk: _page(call, one, asked, pages[one.pk], order, counts_all=counts_all) for one in sets}
    return _joined(found, begins, order, next(iter(pages.values())).size)


def _of_one(given: Given, begin: int) -> Given:
    return Given({"begin": begin, "size": given.raw("size", None)}, ("begin", "size"))


def _begins(given: Given) -> dict[int, int]:
    """Index set → how many of its rows have been shown. Raises BadRequest."""
    raw = given.raw("union_configs", [])
    configs = [Given(one, CONFIG_KEYS) for one in raw] if isinstance(raw, list) else []
    hides = given.flag("is_desensitize", default=True)
    if any(one.raw("custom_indices", "") for one in configs):
        raise refuse("custom_indices is not supported", "leave it out")
    if any(one.flag("is_desensitize", default=hides) is not hides for one in configs):
        raise refuse("is_desensitize differs between index sets", "say it once, beside union_configs")
    if not configs:
        return dict.fromkeys(read_ids(given.raw("index_set_ids", []), "union_configs"), 0)
    ids = read_ids([one.raw("index_set_id", None) for one in configs], "union_configs")
    if len(ids) < len(configs):
        raise refuse("union_configs has an index set twice", "name each once")
    return dict(zip(ids, (whole_of(one, "begin", 0, least=0, most=MAX_ROWS) for one in configs), strict=True))


def _joined(found: Mapping[int, Data], begins: Mapping[int, int], order: Order, size: int) -> Data:
    """What of a page is not shown stands at the begin of the next one of its index set."""
    pairs = [
        (row, marked, pk)
        for pk, page in found.items()
        for row, marked in zip(page["origin_log_list"], page["list"], strict=True)
    ]
    # The times are of one form, in UTC with nine digits: as texts they are in the order of time.
    pairs.sort(key=lambda pair: pair[0][NANOSECONDS], reverse=order is Order.NEWEST)
    shown = pairs[:size]
    taken = {pk: sum(1 for _, _, of in shown if of == pk) for pk in found}
    rows = [{**row, SET_OF: pk} for row, _, pk in shown]
    pages = list(found.values())
    return {
        "total": sum(page["total"] for page in pages),
        "total_relation": "gte" if any(page["total_relation"] == "gte" for page in pages) else "eq",
        "took": sum(page["took"] for page in pages),
        "list": [{**marked, SET_OF: pk} for _, marked, pk in shown],
        "origin_log_list": rows,
        "fields": lengths_of(rows),
        "union_configs": [{"index_set_id": pk, "begin": begin + taken[pk]} for pk, begin in begins.items()],
        "complete": all(page["complete"] for page in pages),
        "note": "; ".join(page["note"] for page in pages if page["note"]),
    }


def _sets_of(call: Call, given: Given) -> list[Searchable]:
    """`index_set_id` wins, as in the original."""
    if "index_set_id" in given:
        return [call.one_set(whole_of(given, "index_set_id", 0, least=1, most=2**53))]
    return call.named_sets(given.text("indices"))


def _order_of(order: Order | None) -> Data:
    return {"sort": [{TIMESTAMP: "asc" if order is Order.OLDEST else "desc"}]} if order else {}


esquery_searches = by_method(POST=esquery_search)
esquery_dsls = by_method(POST=esquery_dsl)
esquery_scrolls = by_method(POST=esquery_scroll)
searches = by_method(POST=search)
originals = by_method(POST=search_original)
unions = by_method(POST=union_search)
