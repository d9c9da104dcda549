"""Every example of docs/query-language.md finds the lines that the page says, in a table made as the platform makes it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from clickhouse_connect.driver.binding import bind_query

from bklog.clean import CleanRule
from bklog.query import UNMASKED, TableFields, parse, plan_page, render
from bklog.records import Statement, TimeRange
from bklog.store import LineBatch, LogTable, Source
from bklog.store.schema import Layout, create_database, create_log_table
from bklog.store.statements import store_lines
from tests.engine import ENGINE

PAGE = (Path(__file__).parents[2] / "docs" / "query-language.md").read_text(encoding="utf-8")
LINES = re.search(r"```jsonl\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(r"^\| `(.+?)` \| ([0-9 ]*)\|", PAGE, re.MULTILINE)
RULE = CleanRule("json", types={"status": "int", "latency": "float", "service": "keyword"}, time_field="ts")
PATHS = frozenset({"ts", "level", "message", "user.name", "path"})
LAYOUT = Layout("query_page")
TABLE = LogTable("page", 3650, types=RULE.types)
YEAR = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def bound(statement: Statement) -> tuple[str, dict[str, str]]:
    """The values in the form in which the client sends them."""
    text, values = bind_query(statement.text, dict(statement.params))
    return str(text), {name.removeprefix("param_"): str(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def page_lines() -> list[str]:
    assert LINES is not None
    body = LINES[1].encode()
    batch = LineBatch(TABLE, RULE, Source(), UUID(int=1), datetime.now(UTC), body, (body.count(b"\n"),), 1 << 20, keyed=False)
    for sql in [create_database(LAYOUT), *create_log_table(TABLE, LAYOUT)]:
        ENGINE.run(sql)
    text, values = bound(store_lines(batch, LAYOUT))
    ENGINE.rows(text.removesuffix(" FORMAT LineAsString").replace("input('raw String')", ENGINE.lines(body)), values)
    return LINES[1].splitlines()


@pytest.mark.parametrize(("query", "finds"), EXAMPLES)
def test_an_example_finds_what_the_page_says(page_lines: list[str], query: str, finds: str) -> None:
    known = TableFields(LAYOUT.table(TABLE.name), RULE.types, PATHS)
    parsed = parse(query.replace("\\|", "|"))
    plan = plan_page(parsed, tables=[known], time_range=YEAR, limit=10, cursor=None, fields=None, masking=UNMASKED)
    found = [page_lines.index(row["log"]) + 1 for row in ENGINE.rows(*bound(render(plan)))]
    assert found == [int(number) for number in finds.split()]


def test_the_page_has_examples_of_every_kind() -> None:
    assert len(EXAMPLES) >= 39
    assert all(json.loads(line) for line in (LINES[1] if LINES else "").splitlines())
