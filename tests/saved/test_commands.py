"""The commands against the API itself: what is printed, and what they end with."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bklog.cli import asked as asked_module
from bklog.cli import index_set as asking_module
from bklog.cli.client import read_answer
from bklog.cli.commands import favourite, history, index_set, link, search
from bklog.cli.main import bklog
from bklog.collect.models import Collector
from bklog.errors import BklogError
from bklog.store.clickhouse import ClickHouseStore
from tests.saved.site import SEARCH, Person, put


@pytest.fixture(autouse=True)
def _answered_here(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def api(method: str, path: str, *, json: Any = None, timeout_seconds: float = 60, headers: Any = None) -> dict[str, Any]:
        answer = ann.ask(method, path.removeprefix(SEARCH), json)
        return read_answer(answer.status_code, answer.content)

    for module in (asked_module, asking_module, favourite, history, index_set, link, search):
        monkeypatch.setattr(module, "api", api)


def run(*words: str) -> Result:
    return CliRunner().invoke(bklog, list(words))


def printed(*words: str) -> str:
    done = run(*words)
    assert done.exception is None, (done.output, done.exception)
    return done.stdout


def code_of(*words: str) -> str:
    error = run(*words).exception
    assert isinstance(error, BklogError)
    return error.stable_code


def test_an_index_set_from_its_making_to_its_end(near: Collector, far: Collector) -> None:
    made = json.loads(
        printed("index-set", "create", "both", "--collector", "near", "--collector", "far", "--alias", "bo", "--tag", "t")
    )
    assert (made["collectors"], made["aliases"], made["tags"]) == (["far", "near"], ["bo"], ["t"])
    changed = json.loads(printed("index-set", "change", "bo", "--order", "oldest", "--field", "log", "--clear", "tags"))
    assert (changed["default_order"], changed["default_fields"], changed["tags"]) == ("oldest", ["log"], [])
    assert json.loads(printed("index-set", "show", "bo")) == changed
    assert "both (bo)" in printed("index-set", "list")
    assert "both" not in printed("index-set", "list", "--tag", "t")
    assert code_of("index-set", "change", "bo") == "index_set"
    assert printed("index-set", "delete", "both", "--yes") == "both is deleted\n"
    assert code_of("index-set", "show", "bo") == "no_index_set"


def test_a_search_shows_what_the_index_set_says(near: Collector, store: ClickHouseStore) -> None:
    put(store, near, ["first line", "第二行"], host="web")
    printed("index-set", "change", "near", "--order", "oldest", "--field", "log")
    words = ("search", "--index-set", "near", "--until", "now+1h")
    assert [line.split(" ", 1)[1] for line in printed(*words).splitlines()[:2]] == ["log=first line", "log=第二行"]
    assert printed(*words, "--raw", "--order", "newest").splitlines()[:2] == ["第二行", "first line"]
    assert "web first line" in printed(*words, "--fields", "*")


def test_favourites(near: Collector) -> None:
    made = json.loads(
        printed("favourite", "add", "夜班", "level:error", "--index-set", "near", "--since", "1h", "--group", "g")
    )
    assert (made["search"], made["group"]) == ({"query": "level:error", "start": "now-1h", "end": "now"}, "g")
    assert "bklog search level:error --index-set near --since 1h" in printed("favourite", "list")
    printed("favourite", "add", "夜班", "--index-set", "near", "--shared")
    assert code_of("favourite", "show", "夜班") == "which_favourite"
    assert json.loads(printed("favourite", "change", "夜班", "--group", "g", "--to-group", ""))["group"] == ""
    assert code_of("favourite", "show", "nobody") == "no_favourite"
    assert code_of("favourite", "delete", "夜班", "--group", "") == "which_favourite"
    assert printed("favourite", "delete", "夜班", "--shared") == "夜班 is deleted\n"
    assert json.loads(printed("favourite", "show", "夜班", "--own"))["visibility"] == "personal"


def test_history_and_links(near: Collector) -> None:
    printed("search", "a b", "--index-set", "near", "--since", "2h")
    assert "bklog search 'a b' --index-set near --since 2h" in printed("history", "--index-set", "near")
    assert printed("history", "--clear") == "1 queries are deleted\n"
    made = json.loads(printed("link", "create", "error", "--index-set", "near", "--since", "2h", "--freeze"))
    assert re.fullmatch("[0-9a-f]{32}", made["token"])
    assert made["token"] in printed("link", "list")
    shown = printed("link", "show", made["token"])
    assert shown.startswith("bklog search error --index-set near --since 20")
    assert "--until 20" in shown
    assert printed("link", "delete", made["token"]) == f"{made['token']} is deleted\n"
    assert code_of("link", "show", made["token"]) == "no_link"
