"""docs/settings.md names every setting as config/default.py does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.environ import ROOT
from config.table import DEFINITIONS, Definition

ROW = re.compile(r"^\| `(?P<name>BKLOG_\w+)` \| (?P<kind>[^|]*) \| (?P<default>[^|]*) \| (?P<meaning>.*) \|$", re.MULTILINE)
ROWS = {row["name"]: row for row in ROW.finditer((ROOT / "docs" / "settings.md").read_text())}


def default_in_words(definition: Definition) -> str:
    match definition.default:
        case bool(value):
            return "`yes`" if value else "`no`"
        case tuple(members):
            return f"`{','.join(members)}`" if members else ""
        case Path() | str() as text:
            return f"`{text}`" if str(text) else ""
        case number:
            return f"`{number}`"


def kind_in_words(definition: Definition) -> str:
    return " or ".join(f"`{choice}`" for choice in definition.choices) or definition.kind_name


def test_the_table_has_the_settings_of_the_code_in_their_order() -> None:
    assert list(ROWS) == list(DEFINITIONS)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_a_row_says_what_the_code_says(name: str) -> None:
    definition, row = DEFINITIONS[name], ROWS[name]
    assert row["kind"] == kind_in_words(definition)
    assert row["default"] == default_in_words(definition)
    assert row["meaning"] == definition.meaning.text
