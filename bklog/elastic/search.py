"""One search in Elasticsearch's words -> its answer: hits, their number, aggregations, and what leads on to the next page.

body + parameters of the path ─▶ Asked ─ aggregations, number, page ─▶ {"hits": …, "aggregations": …}
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bklog.elastic.aggregations import Agg, AggReader
from bklog.elastic.dates import Clock
from bklog.elastic.dsl import read_query
from bklog.elastic.evaluate import evaluate
from bklog.elastic.hits import HIT_KEYS, HitForm, read_hit_form
from bklog.elastic.keys import Keys, illegal, items
from bklog.elastic.tokens import make_token, read_keep_alive, read_token
from bklog.elastic.view import ALL_TIME, Index, Looking, Parts, View
from bklog.query import Cursor
from bklog.query.plan import Figure, Groups, Measure, Page
from bklog.query.planner import COLUMNS, MAX_ROWS
from bklog.query.tree import Node
from bklog.records import to_nanoseconds
from bklog.search.service import read_rows

DEFAULT_SIZE: Final = 10
COUNTED: Final = 10_000  # without a word about it, hits are counted up to here
SEARCH_KEYS: Final = (
    "query", "from", "size", "aggs", "aggregations", "track_total_hits", "search_after", "pit", "timeout", *HIT_KEYS,
)  # fmt: skip
# What a path may say beside the body: the first change nothing here, as nothing is spread over shards.
WITHOUT_EFFECT: Final = (
    "preference", "max_concurrent_shard_requests", "pre_filter_shard_size", "batched_reduce_size", "ccs_minimize_roundtrips",
    "request_cache", "ignore_throttled", "allow_partial_search_results", "expand_wildcards", "routing", "pretty", "human",
    "error_trace", "max_concurrent_searches", "analyze_wildcard", "lenient",
    "keep_on_completion", "wait_for_completion_timeout", "keep_alive",
)  # fmt: skip
IN_PATH: Final = (
    "q", "df", "default_operator", "from", "size", "sort", "_source", "_source_includes", "_source_excludes",
    "track_total_hits",
    "scroll", "search_type", "rest_total_hits_as_int", "timeout", "version", "typed_keys", "docvalue_fields", "stored_fields",
    "track_scores", "explain", "seq_no_primary_term", "ignore_unavailable", "allow_no_indices",
)  # fmt: skip

Resolve = Callable[[Sequence[str]], Sequence[Index]]


@dataclass(frozen=True, slots=True)
class Asked:
    node: Node
    size: int
    skipped: int
    form: HitForm
    cursor: Cursor | None
    counted: int | None  # up to how many hits are counted: None is all of them
    aggs: tuple[Agg, ...]


@dataclass(frozen=True, slots=True)
class Frozen:
    """What stays as it was on the first page: the index sets, when it was, and when the last row had arrived."""

    names: tuple[str, ...]
    arrived_by: int
    now: datetime

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Frozen:
        return cls(tuple(content["names"]), content["bound"], _EPOCH + timedelta(microseconds=content["now"]))

    def as_dict(self) -> dict[str, Any]:
        return {"names": list(self.names), "bound": self.arrived_by, "now": (self.now - _EPOCH) // timedelta(microseconds=1)}


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def search(
    body: Mapping[str, Any], path: Mapping[str, Any], names: Sequence[str], resolve: Resolve, parts: Parts
) -> dict[str, Any]:
    """`path` are the parameters of the path. Raises BadRequest, NotFound, and as a search of the platform does."""
    body, options = merged(body, path)
    if "pit" in body:
        return _of_point_in_time(body, options, names, resolve, parts)
    view = View(resolve(names), _within(parts, body))
    if "scroll" not in options:
        return _answer(view, body, options)
    keep = read_keep_alive(options.text("scroll"))
    frozen = _freeze(view, body)
    answer = _answer(view, body, options, frozen=frozen, is_sorted=True)
    return _with_scroll(answer, body, frozen, keep, parts, total=answer["hits"].get("total"), shows_sort="sort" in body)


def scroll(token: str, keep_alive: str, resolve: Resolve, parts: Parts, *, as_int: bool = False) -> dict[str, Any]:
    """The next page. Raises NotFound for an id that has expired."""
    content = read_token("scroll", token, now=parts.now)
    keep = read_keep_alive(keep_alive) if keep_alive else content["keep"]
    frozen, body = Frozen.read(content), content["body"]
    total = content["total"]
    if content["after"] is None:  # the page before was the last
        page = {**body, "size": 0, "track_total_hits": False}
    else:
        page = {**body, "search_after": [content["after"]], "track_total_hits": False}
    page = {key: value for key, value in page.items() if key not in ("aggs", "aggregations")}
    view = View(resolve(frozen.names), replace(parts, now=frozen.now))
    answer = _answer(view, page, Keys({}, (), "path"), frozen=frozen, is_sorted=True)
    if total is not None:
        answer["hits"] = {"total": total["value"] if as_int and isinstance(total, dict) else total, **answer["hits"]}
    return _with_scroll(answer, body, frozen, keep, parts, total=total, shows_sort="sort" in body)


def open_point_in_time(names: Sequence[str], keep_alive: str, resolve: Resolve, parts: Parts) -> str:
    keep = read_keep_alive(keep_alive)
    frozen = _freeze(View(resolve(names), parts), {})
    return make_token("pit", frozen.as_dict(), now=parts.now, keep_seconds=keep)


def count(
    body: Mapping[str, Any], path: Mapping[str, Any], names: Sequence[str], resolve: Resolve, parts: Parts
) -> dict[str, Any]:
    body, _ = merged(body, path)
    given = Keys(body, ("query",), "count")
    view = View(resolve(names), parts)
    if not view.tables:
        return {"count": 0, "_shards": shards(view)}
    looking = view.looking(read_query(given.raw("query"), clock=Clock(parts.now), is_text=view.is_text))
    return {"count": _number(looking, None), "_shards": shards(view)}


def merged(body: Mapping[str, Any], path: Mapping[str, Any]) -> tuple[dict[str, Any], Keys]:
    """What the path asks for stands in the body, where it is not there already; the rest are options of the answer."""
    options = Keys(path, (*IN_PATH, *WITHOUT_EFFECT), "parameters")
    options.only("search_type", "query_then_fetch", "dfs_query_then_fetch")
    options.only("typed_keys", "false", False)
    options.only("allow_no_indices", "true", True)
    found: dict[str, Any] = {}
    if "q" in options:
        query = {"query": options.text("q"), "default_operator": options.text("default_operator", "or")}
        found["query"] = {"query_string": query | ({"default_field": options.text("df")} if "df" in options else {})}
    for key in ("sort", "docvalue_fields", "stored_fields"):
        if key in options:
            found[key] = options.text(key).split(",")
    for key in ("from", "size", "timeout", "track_total_hits", "version", "track_scores", "explain", "seq_no_primary_term"):
        if key in options:
            found[key] = {"true": True, "false": False, "": True}.get(options.raw(key), options.raw(key))
    sides = {
        side: options.text(f"_source_{side}").split(",") for side in ("includes", "excludes") if f"_source_{side}" in options
    }
    if sides:
        found["_source"] = sides
    elif "_source" in options:
        text = options.text("_source")
        found["_source"] = text == "true" if text in ("true", "false") else text.split(",")
    return {**found, **body}, options


def _within(parts: Parts, body: Mapping[str, Any]) -> Parts:
    """A request may take less time than it is allowed to."""
    if body.get("timeout") is None:
        return parts
    seconds = read_keep_alive(str(body["timeout"]))
    return replace(parts, deadline=min(parts.deadline, time.monotonic() + seconds))


def _of_point_in_time(
    body: Mapping[str, Any], options: Keys, names: Sequence[str], resolve: Resolve, parts: Parts
) -> dict[str, Any]:
    if names or "scroll" in options:
        raise illegal("[pit] says what is searched: neither an index nor a scroll stands beside it")
    pit = Keys(body["pit"], ("id", "keep_alive"), "pit")
    content = read_token("pit", pit.text("id"), now=parts.now)
    frozen = Frozen.read(content)
    keep = read_keep_alive(pit.text("keep_alive")) if "keep_alive" in pit else None
    view = View(resolve(frozen.names), _within(parts, body))
    rest = {key: value for key, value in body.items() if key != "pit"}
    answer = _answer(view, rest, options, frozen=frozen, is_sorted=True)
    token = make_token("pit", frozen.as_dict(), now=parts.now, keep_seconds=keep) if keep else pit.text("id")
    return {"pit_id": token, **answer}


def _freeze(view: View, body: Mapping[str, Any]) -> Frozen:
    """A row that has arrived later is in no page, also where its time lies between those of others."""
    bound = 0
    if view.tables:
        node = read_query(body.get("query"), clock=Clock(view.parts.now), is_text=view.is_text)
        bound = view.looking(node).newest_arrival()
    return Frozen(tuple(index.name for index in view.indexes), bound, view.parts.now)


def _with_scroll(
    answer: dict[str, Any],
    body: Mapping[str, Any],
    frozen: Frozen,
    keep: float,
    parts: Parts,
    *,
    total: Any,
    shows_sort: bool,
) -> dict[str, Any]:
    hits = answer["hits"]["hits"]
    content = {
        **frozen.as_dict(),
        "body": {key: value for key, value in body.items() if key not in ("from", "timeout")},
        "after": hits[-1]["sort"][-1] if hits else None,
        "total": total,
        "keep": keep,
    }
    for hit in hits if not shows_sort else ():
        del hit["sort"]
    return {"_scroll_id": make_token("scroll", content, now=parts.now, keep_seconds=keep), **answer}


def _answer(
    view: View, body: Mapping[str, Any], options: Keys, *, frozen: Frozen | None = None, is_sorted: bool = False
) -> dict[str, Any]:
    started = time.perf_counter()
    asked = _read(view, body, options, is_sorted=is_sorted)
    looking = view.looking(asked.node, arrived_by=frozen.arrived_by if frozen else None)
    found: dict[str, Any] = {}
    total: int | None = None
    hits: list[dict[str, Any]] = []
    if view.tables:
        if asked.aggs:
            total, found = evaluate(asked.aggs, looking)
        elif asked.counted != 0:
            total = _number(looking, asked.counted)
        hits = _page(asked, looking)
    elif asked.counted != 0:
        total = 0
    score = hits[0]["_score"] if hits else None
    shown = {} if total is None or asked.counted == 0 else {"total": _total(total, asked.counted, options)}
    answer = {
        "took": int((time.perf_counter() - started) * 1000),
        "timed_out": False,
        "_shards": shards(view),
        "hits": {**shown, "max_score": score, "hits": hits},
    }
    return answer | ({"aggregations": found} if asked.aggs and view.tables else {})


def shards(view: View) -> dict[str, int]:
    """Tables answer whole or the search fails."""
    return {"total": len(view.tables), "successful": len(view.tables), "skipped": 0, "failed": 0}


def _total(total: int, counted: int | None, options: Keys) -> Any:
    if options.flag("rest_total_hits_as_int", default=False):
        return total
    is_more = counted is not None and total > counted
    return {"value": counted if is_more else total, "relation": "gte" if is_more else "eq"}


def _read(view: View, body: Mapping[str, Any], options: Keys, *, is_sorted: bool) -> Asked:
    own = [key for key in SEARCH_KEYS if key not in HIT_KEYS and key != "pit"]
    form, given = read_hit_form(body, own, "search", is_sorted=is_sorted)
    clock = Clock(view.parts.now)
    node = read_query(given.raw("query"), clock=clock, is_text=view.is_text)
    size = given.number("size", DEFAULT_SIZE, least=0, most=MAX_ROWS)
    skipped = given.number("from", 0, least=0, most=MAX_ROWS)
    if size + skipped > MAX_ROWS:
        hint = "take further hits with search_after or a scroll"
        raise illegal(f"from + size is {size + skipped}; at most {MAX_ROWS} hits are in reach", hint)
    after = items(given.raw("search_after"))
    if after and (skipped or not form.sorting.is_shown):
        raise illegal("[search_after] needs a sort, and no [from]", 'write "sort": [{"@timestamp": "desc"}]')
    raw = given.raw("aggs", given.raw("aggregations", {}))
    # Where no table is no field is known, and nothing is there to aggregate.
    aggs = AggReader(view, clock, lambda: _extent(view, node)).read(raw) if view.tables else ()
    cursor = form.sorting.after(after, clock) if after else None
    counted = None if options.flag("rest_total_hits_as_int", default=False) else _counted(given)
    return Asked(node, size, skipped, form, cursor, counted, aggs)


def _counted(given: Keys) -> int | None:
    wanted = given.raw("track_total_hits", COUNTED)
    if isinstance(wanted, bool):
        return None if wanted else 0
    number = given.number("track_total_hits", COUNTED, least=-1, most=2**31 - 1)
    return None if number == -1 else number


def _extent(view: View, node: Node) -> tuple[int, int]:
    """From when to when the rows are that match, as far as the query does not say it."""
    looking = view.looking(node)
    start, end = to_nanoseconds(looking.time_range.start), to_nanoseconds(looking.time_range.end)
    if looking.time_range.start != ALL_TIME.start and looking.time_range.end != ALL_TIME.end:
        return start, end
    time_field = view.field("time")
    figures = (Figure(Measure.LEAST, time_field), Figure(Measure.MOST, time_field))
    (row,) = looking.run(Groups((), figures, most=1)).rows
    if not int(row[0]):
        return (start, start + 1) if looking.time_range.start != ALL_TIME.start else (max(0, end - 1), end)
    return int(row[2] * 1_000_000) - 1_000_000, int(row[3] * 1_000_000) + 2_000_000


def _number(looking: Looking, counted: int | None) -> int:
    of_rows = None if counted is None else counted + 1
    return int(looking.run(Groups((), (), most=1, of_rows=of_rows)).rows[0][0])


def _page(asked: Asked, looking: Looking) -> list[dict[str, Any]]:
    if not asked.size:
        return []
    page = Page(asked.size + asked.skipped, COLUMNS, None, asked.cursor, asked.form.sorting.order, is_numbered=True)
    plan = looking.plan(page)
    answer = looking.read(plan)
    place = answer.columns.index("scan") if answer.rows else 0
    owners, known = looking.view.owners, looking.view.known_names
    found = list(zip(read_rows(plan, page, answer), answer.rows, strict=True))[asked.skipped :]
    return [asked.form.show(row, owners[int(raw[place])], known) for row, raw in found]
