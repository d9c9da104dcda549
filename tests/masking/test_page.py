"""Every example of docs/masking.md is shown as the page says, and nothing that the page speaks of is missing in the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bklog.query import Masking
from bklog.query.masking import COVERED_COLUMNS, MAX_PATTERN_CHARACTERS, MAX_RULES
from bklog.query.sql import render_masked_lines
from bklog.search.masking import check_rules, preview_lines
from tests.engine import ENGINE
from tests.search.engine_store import EngineStore
from tests.search.test_query_language_page import bound

PAGE = (Path(__file__).parents[2] / "docs" / "masking.md").read_text(encoding="utf-8")
FOUND = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
RULES = json.loads(FOUND[1] if FOUND else "")["rules"]
EXAMPLES = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("line", "shown"), EXAMPLES)
def test_an_example_is_shown_as_the_page_says(line: str, shown: str) -> None:
    (row,) = ENGINE.rows(*bound(render_masked_lines([line], Masking.from_list(RULES))))
    assert row["line"] == shown


def test_the_page_speaks_of_what_there_is() -> None:
    assert len(EXAMPLES) == 7
    assert all(f"`{name}`" in PAGE for name in COVERED_COLUMNS)
    assert f"At most {MAX_RULES} rules, patterns of {MAX_PATTERN_CHARACTERS} characters" in PAGE


def test_a_rule_of_the_page_is_taken_and_previewed() -> None:
    store = EngineStore()
    masking = Masking.from_list(RULES)
    check_rules(masking, store=store)
    lines = [line for line, _ in EXAMPLES]
    assert [one["after"] for one in preview_lines(lines, masking, store=store)] == [shown for _, shown in EXAMPLES]
