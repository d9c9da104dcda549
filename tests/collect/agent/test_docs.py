"""docs/agent.md names every key with its default and its meaning, and its example is a configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bklog.collect.agent.config import INPUT_OPTIONS, OPTIONS, Option

PAGE = (Path(__file__).parents[3] / "docs" / "agent.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", [*OPTIONS, *INPUT_OPTIONS], ids=lambda option: option.name)
def test_a_key_stands_in_the_table(option: Option) -> None:
    default = "must be given" if option.default is None else f"`{json.dumps(option.default)}`"
    assert f"| `{option.name}` | {default} | {option.meaning} |" in PAGE


def test_the_example_names_only_keys_that_exist() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    config = json.loads(example[1])
    assert set(config) <= {option.name for option in OPTIONS}
    assert all(set(one) <= {option.name for option in INPUT_OPTIONS} for one in config["inputs"])
