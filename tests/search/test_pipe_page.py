"""Every example of docs/pipe.md and docs/sql.md is answered as the page says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bklog.search.question import Searched
from bklog.search.sql import sql
from bklog.search.table import table
from tests.search.test_analyses_page import NOVEMBER, assert_shown
from tests.search.test_analyses_page import searched as searched  # noqa: PLC0414 - a fixture

DOCS = Path(__file__).parents[2] / "docs"
PIPES = re.findall(r"```\n(\*.*?|\w.*?)\n```\n\n```json\n(.*?)```", (DOCS / "pipe.md").read_text(encoding="utf-8"), re.DOTALL)
STATEMENTS = re.findall(r"```sql\n(.*?)\n```\n\n```json\n(.*?)```", (DOCS / "sql.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(("query", "expected"), PIPES)
def test_an_example_of_the_pipe(searched: Searched, query: str, expected: str) -> None:
    answer = table({"query": query, **NOVEMBER}, now=datetime.now(UTC), searched=searched)
    compare(json.loads(expected), answer)


@pytest.mark.parametrize(("statement", "expected"), STATEMENTS)
def test_an_example_of_sql(searched: Searched, statement: str, expected: str) -> None:
    answer = sql({"sql": statement, **NOVEMBER}, now=datetime.now(UTC), searched=searched)
    compare(json.loads(expected), answer)


def compare(expected: dict[str, Any], answer: dict[str, Any]) -> None:
    assert_shown(expected, answer)
    assert answer["rows"] == expected["rows"]


def test_the_pages_have_examples() -> None:
    assert (len(PIPES), len(STATEMENTS)) == (6, 2)
