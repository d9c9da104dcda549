"""Every example of docs/analyses.md is answered as the page says, over the lines of docs/query-language.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bklog.api.analyses import ANALYSES
from bklog.query import UNMASKED
from bklog.search.catalogue import FieldCatalogue
from bklog.search.question import Searched
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.test_query_language_page import LINES, RULE

PAGE = (Path(__file__).parents[2] / "docs" / "analyses.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\nPOST (\S+)/\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
TABLE = LogTable("analyses_page", 3650, types=RULE.types)
YEAR = {"start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}
NOVEMBER = {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"}


@pytest.fixture(scope="module")
def searched() -> Iterator[Searched]:
    store = EngineStore()
    store.create_table(TABLE)
    store.insert(TABLE.name, list(rows()))
    yield Searched([TABLE], UNMASKED, store, FieldCatalogue(store, LIMITS), LIMITS)
    store.drop_table(TABLE)


def rows() -> Iterator[dict[str, Any]]:
    for place, line in enumerate(LINES[1].splitlines() if LINES else ()):
        found = json.loads(line)
        yield {
            "time": found["ts"].replace("T", " ").removesuffix("Z"),
            "ingest_time": "2026-11-20 10:01:00",
            "batch": "00000000-0000-0000-0000-000000000001",
            "row": place,
            "level": found["level"].lower(),
            "log": line,
            "fields": found,
        }


@pytest.mark.parametrize(("name", "asked", "expected"), EXAMPLES)
def test_an_example_is_answered_as_the_page_says(searched: Searched, name: str, asked: str, expected: str) -> None:
    given = json.loads(asked)
    time_range = {} if name == "context" else NOVEMBER if given.get("interval") == "1M" else YEAR
    answer = ANALYSES[name]({**time_range, **given}, now=datetime.now(UTC), searched=searched)
    assert_shown(json.loads(expected), answer)


def assert_shown(shown: Any, answer: Any) -> None:
    """What the page shows is in the answer: of objects the keys that it names, of a list of fields those that it names."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert_shown(value, by_name(value, answer[key]) if key == "fields" else answer[key])
    elif isinstance(shown, list):
        assert len(shown) == len(answer)
        for one, other in zip(shown, answer, strict=True):
            assert_shown(one, other)
    else:
        assert answer == shown


def by_name(shown: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for wanted in shown for one in found if one["name"] == wanted["name"]]


def test_every_analysis_has_its_example() -> None:
    assert {name for name, _, _ in EXAMPLES} == set(ANALYSES) - {"table", "sql"}  # these have pages of their own
