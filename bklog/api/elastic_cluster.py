"""/es/…: what Elasticsearch's clients ask about a cluster before they search it: its version, its indexes and their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

import bklog
from bklog.api.elastic import Call, answering
from bklog.api.requests import by_method
from bklog.api.wiring import the_store
from bklog.elastic.keys import Keys
from bklog.elastic.mapping import field_capabilities, fields_of, mapping_of
from bklog.elastic.view import Index
from bklog.errors import Unavailable
from bklog.query import UNMASKED
from bklog.query.planner import MAX_ROWS

Answer = dict[str, Any]
CLUSTER: Final = "bk-log"
VERSION: Final = "8.19.0"  # of the API that is spoken here: clients decide by it what they send
_OPTIONS: Final = (
    "allow_no_indices", "expand_wildcards", "ignore_unavailable", "local", "master_timeout", "timeout", "wait_for_status",
    "pretty", "human", "error_trace", "format", "h", "v",
)  # fmt: skip


def root(request: HttpRequest) -> HttpResponse:
    version = {
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "bk-log",
        "build_hash": bklog.__version__,
        "build_date": "2026-01-01T00:00:00.000Z",
        "build_snapshot": False,
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    }
    about = {"name": CLUSTER, "cluster_name": CLUSTER, "cluster_uuid": CLUSTER, "version": version}
    return JsonResponse({**about, "tagline": "You Know, for Search"})


def each_index(show: Callable[[Call, Index], Answer]) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        Keys(call.path, _OPTIONS, "parameters")
        return {index.name: show(call, index) for index in call.resolve(call.names)}

    return answer


def _mappings(call: Call, index: Index) -> Answer:
    return {"mappings": mapping_of(fields_of(index, call.parts))}


def _settings(call: Call, index: Index) -> Answer:
    own = {"number_of_shards": str(len(index.tables)), "number_of_replicas": "0", "max_result_window": str(MAX_ROWS)}
    return {"settings": {"index": {"provided_name": index.name, "uuid": index.name, **own}}}


def _aliases(call: Call, index: Index) -> Answer:
    return {"aliases": {}}


def _whole(call: Call, index: Index) -> Answer:
    return _aliases(call, index) | _mappings(call, index) | _settings(call, index)


@answering("field_caps")
def field_caps(call: Call) -> Answer:
    return field_capabilities(call.body, call.path, call.resolve(call.names), call.parts)


@answering("resolve_index")
def resolve_index(call: Call) -> Answer:
    found = [{"name": index.name, "attributes": ["open"]} for index in call.resolve(call.names)]
    return {"indices": found, "aliases": [], "data_streams": []}


def cat_indices(request: HttpRequest, index: str = "") -> HttpResponse:
    """As text, or with `format=json`; `h` chooses the columns and `v` shows their names."""
    call = Call(request, index)
    given = Keys(call.path, _OPTIONS, "parameters")
    sizes = {one.table: (one.rows, one.size_bytes) for one in the_store().usage()}
    rows = [_cat_row(one, sizes) for one in call.resolve(call.names)]
    columns = given.text("h", "").split(",") if given.text("h", "") else list(_cat_row(Index("", (), UNMASKED, 0), {}))
    shown = [{name: row.get(name, "") for name in columns} for row in rows]
    if given.text("format", "text") == "json":
        return JsonResponse(shown, safe=False)
    head = [" ".join(columns)] if given.flag("v", default=False) else []
    lines = [*head, *(" ".join(row.values()) for row in shown)]
    return HttpResponse("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=UTF-8")


def _cat_row(index: Index, sizes: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    found = [sizes.get(table.name, (0, 0)) for table in index.tables]
    return {
        "health": "green",
        "status": "open",
        "index": index.name,
        "uuid": index.name,
        "pri": str(len(index.tables)),
        "rep": "0",
        "docs.count": str(sum(rows for rows, _ in found)),
        "docs.deleted": "0",
        "store.size": f"{sum(size for _, size in found)}b",
        "pri.store.size": f"{sum(size for _, size in found)}b",
    }


def health(request: HttpRequest, index: str = "") -> HttpResponse:
    """green where the store answers, else red."""
    call = Call(request, index)
    Keys(call.path, _OPTIONS, "parameters")
    try:
        the_store().ping()
        status = "green"
    except Unavailable:
        status = "red"
    tables = sum(len(one.tables) for one in call.resolve(call.names))
    counts = dict.fromkeys(
        (
            "relocating_shards", "initializing_shards", "unassigned_shards", "delayed_unassigned_shards",
            "number_of_pending_tasks", "number_of_in_flight_fetch", "task_max_waiting_in_queue_millis",
        ),
        0,
    )  # fmt: skip
    return JsonResponse(
        {
            "cluster_name": CLUSTER,
            "status": status,
            "timed_out": False,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "active_primary_shards": tables,
            "active_shards": tables,
            **counts,
            "active_shards_percent_as_number": 100.0 if status == "green" else 0.0,
        }
    )


def nodes(request: HttpRequest) -> HttpResponse:
    """One that stands for the platform: its name, and the version of the API."""
    one = {"name": CLUSTER, "version": VERSION, "roles": ["data"], "build_type": "bk-log"}
    return JsonResponse(
        {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": CLUSTER, "nodes": {CLUSTER: one}}
    )


of_root = by_method(GET=root, HEAD=root)
mapping = by_method(GET=answering("mapping")(each_index(_mappings)))
settings_of = by_method(GET=answering("settings")(each_index(_settings)))
aliases = by_method(GET=answering("aliases")(each_index(_aliases)))
whole = answering("index")(each_index(_whole))
index_of = by_method(GET=whole, HEAD=whole)
capabilities = by_method(GET=field_caps, POST=field_caps)
resolving = by_method(GET=resolve_index)
cat = by_method(GET=cat_indices)
cluster_health = by_method(GET=health)
node_list = by_method(GET=nodes)
