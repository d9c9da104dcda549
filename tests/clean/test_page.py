"""The examples of docs/clean-rules.md, and that the page names every kind, key and template there is."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bklog.clean import CleanRule
from bklog.clean.rule import FIELD_TYPES, KINDS, TIME_FORMATS
from bklog.clean.shipped import SHIPPED
from tests.clean.test_compile import clean

PAGE = (Path(__file__).parents[2] / "docs" / "clean-rules.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json clean\n(.*?)```", PAGE, re.DOTALL)]


def test_the_page_has_examples() -> None:
    assert {one["rule"]["kind"] for one in EXAMPLES} == {"regexp", "logfmt"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one["rule"]["kind"])
def test_a_line_becomes_what_the_page_says(example: dict[str, Any]) -> None:
    (row,) = clean(CleanRule.from_dict(example["rule"]), example["line"].encode())
    assert (row["level"], row["fields"], row["parse_error"]) == (example["level"], example["fields"], "")


def test_the_page_names_all_that_there_is() -> None:
    names = [*KINDS, *FIELD_TYPES, *TIME_FORMATS, *(one.name for one in fields(CleanRule)), *(one.name for one in SHIPPED)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
