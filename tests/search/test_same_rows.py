"""The same rows, whoever looks: with an index, without it, and line by line in plain Python.

Here the searches that are worth a line each, in queries.txt; test_differential.py has thousands that are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bklog.query import UNMASKED, parse
from bklog.search.catalogue import FieldCatalogue
from bklog.search.request import SearchRequest
from bklog.search.service import search
from bklog.store import LogTable
from tests.search.conftest import RANGE, TABLES
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.reference import matches

CHOSEN = (Path(__file__).parent / "queries.txt").read_text().splitlines()


def numbers_found(text: str, table: LogTable, store: EngineStore, catalogue: FieldCatalogue) -> list[int]:
    request = SearchRequest(text, RANGE, limit=10_000, fields=("host",))
    return [
        row["row"]
        for row in search(request, tables=[table], masking=UNMASKED, store=store, catalogue=catalogue, limits=LIMITS).rows
    ]


def check(text: str, store: EngineStore, stored: list[dict[str, Any]], catalogue: FieldCatalogue) -> int:
    node = parse(text).node
    expected = {row["row"] for row in stored if matches(node, row)}
    found = {kind: numbers_found(text, table, store, catalogue) for kind, table in TABLES.items()}
    store.settings = {"use_skip_indexes": 0}
    try:
        found["full table, index off"] = numbers_found(text, TABLES["full"], store, catalogue)
    finally:
        store.settings = {}
    for kind, numbers in found.items():
        assert len(set(numbers)) == len(numbers), f"{kind} gives a row twice for {text}"
        assert set(numbers) == expected, f"{kind} differs for {text}"
    return len(expected)


@pytest.mark.parametrize("text", CHOSEN)
def test_each_element_finds_what_it_means(
    text: str, store: EngineStore, stored: list[dict[str, Any]], catalogue: FieldCatalogue
) -> None:
    check(text, store, stored, catalogue)
