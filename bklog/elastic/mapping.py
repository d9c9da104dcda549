"""Which fields an index set has -> mappings and field capabilities.

Of an index set that hides values only those names are shown that its rows tell, as they are shown: a name may hold a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from bklog.elastic.hits import pattern
from bklog.elastic.keys import Keys, items, names
from bklog.elastic.reader import shown_field
from bklog.elastic.view import ALL_TIME, Index, Parts
from bklog.query.fields import COLUMN_KINDS, PREFIX, RULE_KINDS, Kind
from bklog.search.field_list import field_list
from bklog.search.question import Searched

TYPES: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "text",
    Kind.KEYWORD: "keyword",
    Kind.CASELESS: "keyword",
    Kind.INT: "long",
    Kind.FLOAT: "double",
    Kind.BOOL: "boolean",
    Kind.TIME: "date",
    Kind.DYNAMIC: "keyword",
}
META: Final = {"_id": "_id", "_index": "_index", "_source": "_source"}


def fields_of(index: Index, parts: Parts) -> dict[str, str]:
    """Name, as a query has it, → type in a mapping."""
    found = {name: TYPES[kind] for name, kind in COLUMN_KINDS.items()}
    for table in index.tables:
        found |= {_name(name): TYPES[RULE_KINDS[kind]] for name, kind in table.types.items()}
    if not index.tables:
        return found
    paths = _shown_paths(index, parts) if index.masking else _paths(index, parts)
    return found | {name: TYPES[Kind.DYNAMIC] for name in paths if name not in found}


def _paths(index: Index, parts: Parts) -> list[str]:
    return sorted({_name(path) for table in parts.catalogue.describe_all(index.tables) for path in table.paths})


def _shown_paths(index: Index, parts: Parts) -> list[str]:
    searched = Searched(index.tables, index.masking, parts.store, parts.catalogue, parts.remaining())
    always = {"start": ALL_TIME.start.isoformat(), "end": (ALL_TIME.end - timedelta(days=1)).isoformat()}
    found = field_list(always, now=parts.now, searched=searched)["fields"]
    return sorted(one["name"] for one in found if one["from"] == "fields")


def _name(path: str) -> str:
    return f"{PREFIX}{path}" if path in COLUMN_KINDS else path


def mapping_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Paths as objects inside each other."""
    root: dict[str, Any] = {}
    for name in sorted(fields):
        *above, last = shown_field(name).split(".")
        level = root
        for part in above:
            entry = level.setdefault(part, {})
            entry.pop("type", None)  # an object, although some row has a value there
            level = entry.setdefault("properties", {})
        level.setdefault(last, {"type": fields[name]})
    return {"properties": root}


def field_capabilities(
    body: Mapping[str, Any], path: Mapping[str, Any], indexes: Sequence[Index], parts: Parts
) -> dict[str, Any]:
    """Raises BadRequest."""
    given = Keys({**path, **body}, ("fields", "include_unmapped", "allow_no_indices", "ignore_unavailable", "expand_wildcards",
                                    "filters", "types", "include_empty_fields", "pretty", "human"), "field_caps")  # fmt: skip
    given.only("include_unmapped", False, "false")
    wanted = [pattern(name) for one in names(items(given.raw("fields", "*")), "fields") for name in one.split(",")]
    found: dict[str, dict[str, list[str]]] = {}
    for index in indexes:
        for name, kind in {**META, **fields_of(index, parts)}.items():
            shown = shown_field(name)
            if any(one.meets(shown) for one in wanted):
                found.setdefault(shown, {}).setdefault(kind, []).append(index.name)
    return {
        "indices": [index.name for index in indexes],
        "fields": {name: {kind: _capability(kind, owners, is_mixed=len(kinds) > 1) for kind, owners in kinds.items()}
                   for name, kinds in found.items()},
    }  # fmt: skip


def _capability(kind: str, owners: Sequence[str], *, is_mixed: bool) -> dict[str, Any]:
    is_meta = kind in META
    shown = {"type": kind, "metadata_field": is_meta, "searchable": not is_meta, "aggregatable": not is_meta}
    return shown | ({"indices": list(owners)} if is_mixed else {})
