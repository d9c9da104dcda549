"""Rows -> hits: what of a row is shown, in which form and order, and where the next page begins.

row ─▶ document {"@timestamp", its columns, its fields, "log"} ─▶ _source, fields, highlight, sort

A hit's `sort` always ends with a text that says which row it is: `search_after` goes on behind exactly that row, also among
rows of one millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from bklog.elastic.dates import COUNTS, DATES, MILLISECOND, Clock, read_formats, write_date
from bklog.elastic.keys import Keys, illegal, items, names, single, whole, wrong
from bklog.elastic.reader import TIMESTAMP
from bklog.errors import BadRequest
from bklog.query import Cursor, read_cursor
from bklog.query.fields import COLUMN_KINDS, PREFIX
from bklog.query.moment import read_moment
from bklog.query.plan import Order

Document = dict[str, Any]
HIT_KEYS: Final = (
    "sort", "_source", "fields", "docvalue_fields", "highlight", "version", "script_fields", "stored_fields", "explain",
    "seq_no_primary_term", "runtime_mappings", "track_scores",
)  # fmt: skip
IDENTITY_KEYS: Final = ("_doc", "_shard_doc")
MAX_PATTERNS: Final = 200
_LATEST: Final = UUID(int=2**128 - 1)
_HIGHLIGHT: Final = (
    "fields", "pre_tags", "post_tags", "fragment_size", "number_of_fragments", "type", "encoder", "require_field_match",
    "no_match_size", "max_analyzed_offset", "order", "boundary_scanner", "boundary_max_scan", "fragmenter",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names with `*`, each with the format of its dates; one that names an object covers what is inside."""

    name: str
    pattern: re.Pattern[str]
    form: str = DATES[0]

    def meets(self, path: str) -> bool:
        return self.pattern.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Without `included` all is shown but what `excluded` says; `is_shown` is False where `_source` is."""

    is_shown: bool = True
    included: tuple[Patterns, ...] = ()
    excluded: tuple[Patterns, ...] = ()

    def apply(self, document: Document) -> Document:
        if not (self.included or self.excluded):
            return document
        return _filtered(document, "", self) or {}

    def keeps(self, path: str) -> bool:
        if any(one.meets(path) for one in self.excluded):
            return False
        return not self.included or any(one.meets(path) for one in self.included)


@dataclass(frozen=True, slots=True)
class Highlight:
    before: str
    after: str

    def mark(self, line: str, offsets: Sequence[tuple[int, int]]) -> str:
        pieces, last = [], 0
        for start, end in offsets:
            pieces += [line[last:start], self.before, line[start:end], self.after]
            last = end
        return "".join([*pieces, line[last:]])


@dataclass(frozen=True, slots=True)
class Sorting:
    """`times` are the formats of the times that a hit's `sort` begins with, None for milliseconds."""

    order: Order = Order.NEWEST
    times: tuple[str | None, ...] = ()
    is_shown: bool = False

    def values(self, moment: int, cursor: Cursor) -> list[Any]:
        shown = (moment // MILLISECOND if form is None else write_date(moment, form) for form in self.times)
        return [*shown, str(cursor)]

    def after(self, values: Sequence[Any], clock: Clock) -> Cursor:
        """Raises BadRequest for values that no hit has."""
        if values and isinstance(values[-1], str):
            try:
                return read_cursor(values[-1])
            except BadRequest as error:
                if len(values) != 1 or not self.times:
                    raise illegal("[search_after] has a value that no hit has", "pass the [sort] of the last hit") from error
        if len(values) != 1 or not self.times:
            raise illegal("[search_after] has not as many values as a hit's [sort]", "pass the [sort] of the last hit")
        moment = clock.read(values[0])
        return (
            Cursor(moment.start, UUID(int=0), 0) if self.order is Order.NEWEST else Cursor(moment.end - 1, _LATEST, 2**32 - 1)
        )


@dataclass(frozen=True, slots=True)
class HitForm:
    sorting: Sorting = Sorting()
    source: SourceFilter = SourceFilter()
    fields: tuple[Patterns, ...] = ()
    highlight: Highlight | None = None
    has_version: bool = False

    def show(self, row: Mapping[str, Any], index: str, known: frozenset[str] | None) -> dict[str, Any]:
        """Of `fields` only the known are shown, and those that are asked for by their whole name; None knows all."""
        moment = read_moment(row["time"])
        nanoseconds = moment.start if moment else 0
        cursor = Cursor(nanoseconds, UUID(row["batch"]), row["row"])
        document = document_of(row)
        hit: dict[str, Any] = {"_index": index, "_id": f"{row['batch']}-{row['row']}"}
        hit |= {"_version": 1} if self.has_version else {}
        hit["_score"] = None if self.sorting.is_shown else 1.0
        if self.source.is_shown:
            hit["_source"] = self.source.apply(document)
        if self.fields and (found := self._fields(document, nanoseconds, known)):
            hit["fields"] = found
        if self.highlight and row.get("highlight"):
            hit["highlight"] = {"log": [self.highlight.mark(row["log"], row["highlight"])]}
        return hit | ({"sort": self.sorting.values(nanoseconds, cursor)} if self.sorting.is_shown else {})

    def _fields(self, document: Document, nanoseconds: int, known: frozenset[str] | None) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for path, value in flat(document):
            wanted = next((one for one in self.fields if one.meets(path)), None)
            if wanted is not None and (known is None or path in known or path == wanted.name):
                found.setdefault(path, []).append(write_date(nanoseconds, wanted.form) if path == TIMESTAMP else value)
        return found


def document_of(row: Mapping[str, Any]) -> Document:
    """Fields stand beside the columns, as a query names them: one that is called like a column stays in `fields`."""
    columns = {name: row[name] for name in COLUMN_KINDS if row.get(name) and name not in ("time", "ingest_time", "log")}
    own: Mapping[str, Any] = row["fields"]
    hidden = {name: value for name, value in own.items() if name in COLUMN_KINDS or name in (TIMESTAMP, PREFIX[:-1])}
    beside = {name: value for name, value in own.items() if name not in hidden}
    return {TIMESTAMP: row["time"], **columns, **beside, **({PREFIX[:-1]: hidden} if hidden else {}), "log": row["log"]}


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path; those of a list have the same one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, path)
    elif value is not None:
        yield path, value


def _filtered(value: Any, path: str, source: SourceFilter) -> Any:
    if isinstance(value, dict):
        found = {
            name: kept
            for name, inner in value.items()
            if (kept := _filtered(inner, f"{path}.{name}" if path else name, source)) is not None
        }
        return found or None
    return value if source.keeps(path) else None


def read_hit_form(body: object, extra: Sequence[str], where: str, *, is_sorted: bool) -> tuple[HitForm, Keys]:
    """`is_sorted`: hits show their `sort` although none is asked for. Raises BadRequest."""
    given = Keys(body, (*HIT_KEYS, *extra), where)
    given.only("explain", False)
    given.only("seq_no_primary_term", False)
    for key in ("script_fields", "runtime_mappings"):
        if given.raw(key, {}) != {}:
            raise illegal(f"[{key}] is not supported: nothing of a request is run as a program", f"leave [{key}] out")
    if any(name not in ("*", "_none_", "_source") for name in names(items(given.raw("stored_fields")), "stored_fields")):
        raise illegal("[stored_fields] are not kept apart", "ask for [fields]")
    fields = [one for key in ("fields", "docvalue_fields") for one in items(given.raw(key))]
    if len(fields) > MAX_PATTERNS:
        raise illegal(f"[fields] has more than {MAX_PATTERNS} names")
    form = HitForm(
        read_sort(given.raw("sort"), is_shown=is_sorted),
        read_source(given.raw("_source", True)),
        tuple(_field(one) for one in fields),
        _read_highlight(given.raw("highlight")),
        given.flag("version", default=False),
    )
    return form, given


def _field(raw: object) -> Patterns:
    if isinstance(raw, str):
        return pattern(whole(raw))
    given = Keys(raw, ("field", "format", "include_unmapped"), "fields")
    name, form = given.text("field"), given.text("format", DATES[0])
    return pattern(name, DATES[0] if form == "use_field_mapping" else read_formats(form)[0])


def pattern(name: str, form: str = DATES[0]) -> Patterns:
    """Also of all that is inside an object of this name."""
    written = ".*".join(re.escape(piece) for piece in name.split("*"))
    return Patterns(name, re.compile(rf"(?s:{written}(?:\..*)?)"), form)


def read_source(raw: object) -> SourceFilter:
    match raw:
        case bool():
            return SourceFilter(raw)
        case str() | list():
            return SourceFilter(included=_patterns(raw))
        case Mapping():
            given = Keys(raw, ("includes", "include", "excludes", "exclude"), "_source")
            included = given.raw("includes", given.raw("include"))
            return SourceFilter(included=_patterns(included), excluded=_patterns(given.raw("excludes", given.raw("exclude"))))
    raise wrong("[_source] is true, false, names, or an object with includes and excludes")


def _patterns(raw: object) -> tuple[Patterns, ...]:
    listed = [pattern(name) for name in names(items(raw), "_source")]
    if len(listed) > MAX_PATTERNS:
        raise illegal(f"[_source] has more than {MAX_PATTERNS} names")
    return tuple(listed)


def _read_highlight(raw: object) -> Highlight | None:
    """One fragment, the whole line: it is what a person reads. Other fields show none."""
    if raw is None:
        return None
    given = Keys(raw, _HIGHLIGHT, "highlight")
    given.only("encoder", "default")
    listed = [str(name) for one in items(given.raw("fields")) for name in (one if isinstance(one, Mapping) else [one])]
    if not any(pattern(name).meets("log") for name in listed):
        return None
    before, after = (items(given.raw(key, [mark])) for key, mark in (("pre_tags", "<em>"), ("post_tags", "</em>")))
    return Highlight(next(names(before, "pre_tags"), ""), next(names(after, "post_tags"), ""))


def read_sort(raw: object, *, is_shown: bool) -> Sorting:
    """By time, and by what orders rows of one time. Raises BadRequest for another order."""
    keys = list(_sort_keys(raw))
    if not keys:
        return Sorting(is_shown=is_shown)
    times: list[str | None] = []
    orders: dict[str, str] = {}
    for name, given in keys:
        if name in IDENTITY_KEYS:
            orders.setdefault("identity", given.text("order", "asc"))
        elif name in (TIMESTAMP, "time"):
            orders.setdefault("time", given.text("order", "asc"))
            times.append(_time_form(given))
        else:
            raise illegal(
                f"hits cannot be sorted by [{name[:60]}]", f"sort by {TIMESTAMP}, ascending or descending, or by _doc"
            )
    # In the order of _doc alone any order is right, and the newest row first is the quickest.
    order = orders.get("time", "desc").lower()
    if order not in ("asc", "desc"):
        raise wrong("an order is asc or desc")
    return Sorting(Order.OLDEST if order == "asc" else Order.NEWEST, tuple(times), is_shown=True)


def _time_form(given: Keys) -> str | None:
    form = read_formats(given.text("format"))[0] if "format" in given else None
    return None if form in COUNTS and form == "epoch_millis" else form


def _sort_keys(raw: object) -> Iterator[tuple[str, Keys]]:
    known = ("order", "format", "unmapped_type", "missing", "numeric_type", "mode")
    for one in items(raw):
        if isinstance(one, str):
            name, _, order = one.partition(":")
            yield whole(name), Keys({"order": order} if order else {}, known, "sort")
            continue
        for name, given in one.items() if isinstance(one, Mapping) else [single(one, "sort")]:
            yield whole(str(name)), Keys(given if isinstance(given, Mapping) else {"order": given}, known, "sort")
