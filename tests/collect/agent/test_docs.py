"""docs/agent.md says what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bklog.collect.agent.config import INPUT_OPTIONS, OPTIONS, Option
from tests.collect.agent.conftest import ROOT, Bench

PAGE = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")


def row(option: Option) -> str:
    default = "must be given" if option.default is None else f"`{json.dumps(option.default)}`"
    return f"| `{option.name}` | {default} | {option.meaning} |"


@pytest.mark.parametrize("option", [*OPTIONS, *INPUT_OPTIONS], ids=lambda option: option.name)
def test_each_key_has_its_row(option: Option) -> None:
    assert row(option) in PAGE


def test_no_key_is_invented() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert rows == [option.name for option in (*OPTIONS, *INPUT_OPTIONS)]


def test_the_example_ships_lines(bench: Bench) -> None:
    example = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.S)[1])  # type: ignore[index]
    moved = json.dumps({**example, "endpoint": bench.endpoint.url})
    moved = (
        moved.replace("/var/log/", f"{bench.logs}/").replace("/srv/", f"{bench.logs}/").replace("/etc/bklog/", f"{bench.home}/")
    )
    for name in ("nginx/a.log", "nginx/debug.log", "orders/x/y.jsonl"):
        file = bench.logs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}\n")
    token = (bench.home / "secrets" / "tokens" / "test").read_text()
    for place in (bench.home / "secrets" / "tokens" / "nginx", bench.home / "orders.token"):
        Path(place).write_text(token)
    bench.config.write_text(moved)
    assert bench.run_once() == 0
    assert {kept.body: kept.protocol for kept in bench.endpoint.kept.values()} == {b"nginx/a.log\n": "lines"}
    with (bench.logs / "orders/x/y.jsonl").open("a") as grown:
        grown.write("new\n")
    assert bench.run_once() == 0
    assert bench.endpoint.wait_for(2) == [b"nginx/a.log", b"new"]
    assert [kept.protocol for kept in bench.endpoint.kept.values()] == ["lines", "jsonl"]
