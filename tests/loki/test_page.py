"""Every example of docs/loki.md is answered as the page says, over the lines of docs/query-language.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bklog.loki import service
from bklog.loki.service import Place
from bklog.loki.sources import NamedTables
from bklog.query import UNMASKED
from bklog.query.logql.parser import parse
from bklog.query.logql.tree import LogQuery
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.test_analyses_page import rows
from tests.search.test_query_language_page import LINES, RULE

PAGE = (Path(__file__).parents[2] / "docs" / "loki.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `([{a-z].+?)` \| `?([0-9{].*?)`? \|$", PAGE, re.MULTILINE)
TABLE = LogTable("loki_page", 3650, types=RULE.types)
DAY = {"start": ["2026-11-20T00:00:00Z"], "end": ["2026-11-21T00:00:00Z"], "time": ["2026-11-21T00:00:00Z"]}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    store = EngineStore()
    store.create_table(TABLE)
    store.insert(TABLE.name, list(rows()))
    sets = [NamedTables("shop", (("orders", TABLE),), UNMASKED)]
    yield Place(sets, store, FieldCatalogue(store, LIMITS), LIMITS)
    store.drop_table(TABLE)


@pytest.mark.parametrize(("written", "expected"), EXAMPLES)
def test_an_example_is_answered_as_the_page_says(place: Place, written: str, expected: str) -> None:
    query = written.replace("\\|", "|")
    asked = {**DAY, "query": [query]}
    if isinstance(parse(query), LogQuery):
        found = lines(service.query_range(asked, now=datetime.now(UTC), place=place))
    else:
        found = samples(service.query(asked, now=datetime.now(UTC), place=place))
    assert found == expected


def lines(answer: dict[str, Any]) -> str:
    """By the second in which a line was written, which is its number."""
    moments = [int(moment) for stream in answer["data"]["result"] for moment, _ in stream["values"]]
    return " ".join(str(moment // 10**9 % 60) for moment in sorted(moments, reverse=True))


def samples(answer: dict[str, Any]) -> str:
    found = answer["data"]["result"]
    shown = [
        (", ".join(f"{name}={json.dumps(text)}" for name, text in one["metric"].items()), one["value"][1]) for one in found
    ]
    return ", ".join(f"{{{labels}}} {value}" for labels, value in sorted(shown))


def test_the_page_has_its_examples() -> None:
    assert LINES is not None
    assert len(EXAMPLES) == 15
