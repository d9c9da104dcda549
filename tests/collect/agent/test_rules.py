"""The inputs that the platform adds to agent.json and takes away: the operator's part stays, and the file is whole."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from bklog.collect.agent.rules import AgentRule, add_input, remove_input
from bklog.errors import BadRequest, ConfigError

OWN = {"name": "own", "paths": ["/srv/*.log"], "token_file": "/srv/token"}
OPERATORS = {"endpoint": "fleet", "linger_seconds": 0.5, "inputs": [OWN], "host": "h"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "agent.json"
    made.write_text(json.dumps(OPERATORS))
    made.chmod(0o640)
    return made


def item(name: str = "c1_shop") -> dict[str, Any]:
    return {"name": name, "collector": "shop", **AgentRule(("/var/log/shop.log",)).as_dict()}


def test_an_input_comes_and_goes_and_the_rest_stays_as_it_was(file: Path) -> None:
    add_input(file, item(), home=file.parent)
    add_input(file, item(), home=file.parent)
    assert json.loads(file.read_text()) == {**OPERATORS, "inputs": [OWN, item()]}
    assert file.stat().st_mode & 0o777 == 0o640
    assert remove_input(file, "c1_shop", home=file.parent)
    assert not remove_input(file, "c1_shop", home=file.parent)
    assert json.loads(file.read_text()) == OPERATORS
    assert [one.name for one in file.parent.iterdir()] == ["agent.json"]


def test_what_changes_nothing_does_not_touch_the_file(file: Path) -> None:
    before = file.stat()
    remove_input(file, "c1_shop", home=file.parent)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_of_many_that_write_at_once_none_is_lost(file: Path) -> None:
    names = [f"c{number}_shop" for number in range(20)]
    threads = [threading.Thread(target=add_input, args=(file, item(name)), kwargs={"home": file.parent}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one["name"] for one in json.loads(file.read_text())["inputs"]} == {"own", *names}


@pytest.mark.parametrize("text", ["{", "[]", '{"endpoint": "fleet"}', '{"endpoint": "fleet", "inputs": [], "unknown": 1}'])
def test_a_file_that_is_wrong_already_is_left_as_it_is(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        add_input(file, item(), home=file.parent)
    assert (refused.value.stable_code, str(file) in refused.value.message) == ("agent_config", True)
    assert file.read_text() == text


def test_a_link_of_the_operator_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "linked.json"
    link.symlink_to(file)
    add_input(link, item(), home=tmp_path)
    assert link.is_symlink()
    assert json.loads(file.read_text())["inputs"] == [OWN, item()]


def test_without_an_agent_there_is_nothing_to_remove_and_nothing_to_add_to(tmp_path: Path) -> None:
    assert not remove_input(tmp_path / "agent.json", "c1_shop", home=tmp_path)
    with pytest.raises(ConfigError, match="there is no agent here"):
        add_input(tmp_path / "agent.json", item(), home=tmp_path)


def test_a_rule_says_what_it_was_made_of() -> None:
    raw = {"paths": ["/var/log/商店/*.log"], "exclude": ["*debug*"], "format": "jsonl", "from": "end"}
    assert AgentRule.from_dict(raw).as_dict() == raw
    assert AgentRule.from_dict({"paths": ["/a"]}).as_dict() == {
        "paths": ["/a"],
        "exclude": [],
        "format": "lines",
        "from": "beginning",
    }


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {},
        {"paths": []},
        {"paths": "/var/log/x"},
        {"paths": ["relative"]},
        {"paths": ["/var/log/../../etc/shadow"]},
        {"paths": [7]},
        {"paths": ["/a\n"]},
        {"paths": ["/a"] * 51},
        {"paths": ["/a"], "exclude": [""]},
        {"paths": ["/a"], "format": "xml"},
        {"paths": ["/a"], "from": "middle"},
        {"paths": ["/a"], "token_file": "/etc/secret"},
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(raw: object) -> None:
    with pytest.raises(BadRequest) as refused:
        AgentRule.from_dict(raw)
    assert refused.value.stable_code == "agent_rule"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/var/log/x.log", True),
        ("/var/log/**", True),
        ("/srv/logs/a/b", True),
        ("/var/log", False),
        ("/var/logs/x", False),
        ("/var/log*/x", False),
        ("/etc/shadow", False),
    ],
)
def test_the_agent_follows_only_what_is_below_the_folders_of_the_setting(path: str, allowed: bool) -> None:
    rule = AgentRule((path,))
    if allowed:
        rule.require_below(("/var/log", "/srv/logs"))
        return
    with pytest.raises(BadRequest) as refused:
        rule.require_below(("/var/log", "/srv/logs"))
    assert refused.value.stable_code == "agent_path"
