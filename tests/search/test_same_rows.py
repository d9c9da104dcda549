"""The same rows, whoever looks: with an index, without it, and line by line in plain Python."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bklog.query import UNMASKED, parse
from bklog.query.tree import quote
from bklog.search.catalogue import FieldCatalogue
from bklog.search.request import SearchRequest
from bklog.search.service import search
from bklog.store import LogTable
from tests.search.conftest import RANGE, TABLES
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.lines import NASTY
from tests.search.reference import matches, words

SEED = 20260101
GENERATED = 300

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


def test_generated_queries_find_what_they_mean(
    store: EngineStore, stored: list[dict[str, Any]], catalogue: FieldCatalogue
) -> None:
    chance = random.Random(SEED)
    sizes = [check(generate(chance, stored), store, stored, catalogue) for _ in range(GENERATED)]
    assert sum(0 < size < len(stored) for size in sizes) > GENERATED // 2, "the queries are to tell rows apart"


def generate(chance: random.Random, stored: list[dict[str, Any]], depth: int = 0) -> str:
    kind = chance.choice(["term", "term", "and", "or", "not"] if depth < 3 else ["term"])
    inner = [generate(chance, stored, depth + 1) for _ in range(chance.choice([2, 2, 3]))] if kind in ("and", "or") else []
    match kind:
        case "and":
            return "(" + chance.choice([" ", " AND "]).join(inner) + ")"
        case "or":
            return "(" + " OR ".join(inner) + ")"
        case "not":
            return f"NOT {generate(chance, stored, depth + 1)}"
    return chance.choice([word, word, phrase, wildcard, piece, chosen])(chance, stored)


def some_line(chance: random.Random, stored: list[dict[str, Any]]) -> str:
    line: str = chance.choice(NASTY) if chance.random() < 0.15 else chance.choice(stored)["log"]
    return line[:400]


def some_words(chance: random.Random, stored: list[dict[str, Any]]) -> list[str]:
    return [word for word in words(some_line(chance, stored)) if word] or ["empty"]


def word(chance: random.Random, stored: list[dict[str, Any]]) -> str:
    found = chance.choice(some_words(chance, stored))
    return quote(chance.choice([found, found.upper(), found[:-1] or found]))


def phrase(chance: random.Random, stored: list[dict[str, Any]]) -> str:
    found = some_words(chance, stored)
    start = chance.randrange(len(found))
    return quote(" ".join(found[start : start + chance.choice([2, 2, 3, 5])]))


def piece(chance: random.Random, stored: list[dict[str, Any]]) -> str:
    """Text as it stands in a line, cut anywhere: the words at its ends are rarely whole."""
    line = some_line(chance, stored) or "-"
    start = chance.randrange(len(line))
    return quote(line[start : start + chance.randrange(1, 20)])


def wildcard(chance: random.Random, stored: list[dict[str, Any]]) -> str:
    found = chance.choice(some_words(chance, stored))
    cut = chance.randrange(len(found) + 1)
    end = min(len(found), cut + chance.choice([0, 1, 2, 4]))
    mark = chance.choice(["*", "?" * max(1, end - cut), "*"])
    written = found[:cut] + mark + found[end:]
    return chance.choice([written, f"*{written}", f"{written}*"]) if written.strip("*?") else "*a*"


def chosen(chance: random.Random, stored: list[dict[str, Any]]) -> str:
    return chance.choice(CHOSEN)
