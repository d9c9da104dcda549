"""What a search needs of an index set, of several, or of all of them, in one look-up that costs the time of the database and
next to none of Django's.

numbers, or none ─ one joined statement, written once by the ORM ─▶ rows ─ read once for each text ─▶ Searchable

Compiling a query of the ORM takes longer than SQLite takes to answer it: three were 1.2 of the 3.1 ms of a search in Django.
Nothing is kept between searches but what texts mean, so that a change is in force with the next search.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from bklog.clean import CleanRule
from bklog.collect.models import IndexSet
from bklog.collect.selectors import get_index_set
from bklog.query import Masking
from bklog.store import LogTable

OF_SET: Final = ("pk", "name", "space", "masking_rules", "default_fields", "default_order")
OF_TABLE: Final = ("name", "table", "retention_days", "index", "clean_rule", "account", "store")
COUNTS: Final = 100  # a statement is kept for each count of index sets
TEXTS: Final = 4_096  # rules and tables whose reading is kept


@dataclass(frozen=True, slots=True)
class Searchable:
    """An index set as a search finds it; `tables` are in the order of their collectors' names."""

    pk: int
    name: str
    space: str
    masking: Masking
    tables: tuple[LogTable, ...]
    default_fields: tuple[str, ...]
    default_order: str


def get_searchable(index_set_id: int) -> Searchable:
    """Raises NotFound."""
    return get_searchables([index_set_id])[0]


def get_searchables(index_set_ids: Sequence[int]) -> list[Searchable]:
    """In the order in which they are named. Raises NotFound for the first that is not there."""
    rows = _rows(_of_some(len(index_set_ids)), list(index_set_ids)) if index_set_ids else []
    found = {number: _searchable(list(of_set)) for number, of_set in groupby(rows, key=itemgetter(0))}
    for missing in (one for one in index_set_ids if one not in found):
        get_index_set(missing)  # says which there are
    return [found[one] for one in index_set_ids]


def list_searchable() -> list[Searchable]:
    """All index sets, by their names."""
    return [_searchable(list(rows)) for _, rows in groupby(_rows(_of_all(), []), key=itemgetter(0))]


def _rows(statement: str, values: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _searchable(rows: list[tuple[Any, ...]]) -> Searchable:
    """Of a row for each collector."""
    number, name, space, masking, fields, order = rows[0][: len(OF_SET)]
    tables = tuple(_table(*row[len(OF_SET) :]) for row in rows if row[-1] is not None)
    return Searchable(number, name, space, _masking(masking), tables, tuple(json.loads(fields)), order)


@lru_cache(maxsize=COUNTS)
def _of_some(count: int) -> str:
    """With so many places for values, the numbers of the index sets."""
    return _written(IndexSet.objects.filter(pk__in=range(count)).order_by("pk", "collectors__name"))


@lru_cache(maxsize=1)
def _of_all() -> str:
    return _written(IndexSet.objects.order_by("name", "collectors__name"))


def _written(chosen: QuerySet[IndexSet]) -> str:
    text, _ = chosen.values_list(*OF_SET, *(f"collectors__{name}" for name in OF_TABLE)).query.sql_with_params()
    return str(text)


@lru_cache(maxsize=TEXTS)
def _masking(rules: str) -> Masking:
    return Masking.from_list(json.loads(rules))


@lru_cache(maxsize=TEXTS)
def _table(title: str, name: str, days: int, index: str, rule: str, account: str, store: str) -> LogTable:
    types = CleanRule.from_dict(json.loads(rule)).types
    return LogTable(name, days, index=index, types=types, account=account, store=store, title=title)
