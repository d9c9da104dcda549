"""Bad input on a real fleet: one sentence with the remedy, a fitting status, and nothing lost."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.running_fleet import ROOT, RunningFleet

pytestmark = pytest.mark.fleet
NOW = datetime.now(UTC).isoformat()
RULE = {"kind": "json", "time_field": "ts", "types": {"status": "int"}}


class Collector:
    """A collector of its own for a test: what it has stored is counted apart."""

    def __init__(self, fleet: RunningFleet, name: str, **draft: Any) -> None:
        made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": name, **draft})
        self.fleet, self.name, self.id, self.token = fleet, name, made["id"], made["ingest_token"]

    def send(self, body: bytes, path: str = "lines", **headers: str) -> tuple[int, dict[str, Any]]:
        given = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.fleet.post(f"/ingest/v1/{path}", body, given)

    def search(self, query: str, **asked: Any) -> tuple[int, dict[str, Any]]:
        sets = {one["name"]: one["id"] for one in self.fleet.api("GET", "/api/v1/search/index_set/")["items"]}
        body = json.dumps({"query": query, "start": "now-1d", "end": "now", **asked}).encode()
        return self.fleet.post(f"/api/v1/search/index_set/{sets[self.name]}/search/", body, self.fleet.api_headers)

    @property
    def ledger(self) -> Mapping[str, Any]:
        return self.fleet.api("GET", f"/api/v1/databus/collectors/{self.id}/ledger/")


@pytest.fixture(scope="module")
def collector(fleet: RunningFleet) -> Collector:
    return Collector(fleet, "bad-input", clean_rule=RULE)


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        pytest.param({"Authorization": "Bearer wrong"}, b"x", 401, "token_wrong", id="wrong token"),
        pytest.param({"Authorization": ""}, b"x", 401, "token_missing", id="no token"),
        pytest.param({}, b"", 400, "empty_body", id="empty body"),
        pytest.param({"Content_Encoding": "gzip"}, b"no gzip", 400, "broken_body", id="broken gzip"),
        pytest.param({"Content_Encoding": "gzip"}, gzip.compress(b"x" * 99)[:-4], 400, "broken_body", id="gzip cut short"),
        pytest.param({"Content_Encoding": "br"}, b"x", 400, "unknown_encoding", id="unknown encoding"),
        pytest.param({"Content_Encoding": "gzip"}, gzip.compress(b"\n" * (65 << 20)), 413, "body_too_large", id="a bomb"),
        pytest.param({}, b"x" * (65 << 20), 413, "body_too_large", id="over the limit"),
        pytest.param({"Idempotency_Key": "x" * 201}, b"x", 400, "idempotency_key", id="key too long"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_and_stores_nothing(
    collector: Collector, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    before = collector.ledger["received"]
    answer = collector.send(body, **headers)
    assert (answer[0], answer[1]["error"]["code"]) == (status, code)
    assert answer[1]["error"]["hint"]
    assert collector.ledger["received"] == before


def test_lines_that_are_refused_are_kept_with_their_reason_and_counted(fleet: RunningFleet) -> None:
    mine = Collector(fleet, "refused", clean_rule=RULE)
    good = f'{{"ts": "{NOW}", "status": 200}}'.encode()
    body = b"\n".join([good, b"\xff\xfe", b"x" * 10_000_000, b'{"ts": "2001-01-01T00:00:00Z"}', good])
    status, answer = mine.send(body)
    reasons = {"bad_encoding": 1, "line_too_long": 1, "too_old": 1}
    assert (status, answer["received"], answer["stored"], answer["rejected_by_reason"]) == (200, 5, 2, reasons)
    assert mine.ledger["rejected_by_reason"] == reasons
    kept = fleet.bklog(
        "search", f"fields.collector:{table_of(mine)}", "--index-set", "bklog-rejects", "--json", "--since", "1d"
    )
    rows = [json.loads(line) for line in kept.splitlines()]
    assert {row["fields"]["reason"]: len(row["log"]) for row in rows if row["fields"]["reason"] == "line_too_long"} == {
        "line_too_long": 10_000_000
    }
    assert sorted(row["fields"]["reason"] for row in rows) == sorted(reasons)


def table_of(collector: Collector) -> str:
    return str(collector.fleet.api("GET", f"/api/v1/databus/collectors/{collector.id}/")["table"])


def test_lines_that_cannot_be_read_are_stored_as_they_came_and_marked(fleet: RunningFleet) -> None:
    mine = Collector(fleet, "marked", clean_rule=RULE)
    lines = ["plain", "[1]", '{"ts": "yesterday"}', '{"status": 5}', f'{{"ts": "{NOW}", "status": "abc"}}']
    status, answer = mine.send("\n".join(lines).encode(), path="jsonl")
    assert (status, answer["stored"], answer["rejected"]) == (200, 5, 0)
    assert answer["marked"] == {"not_json_object": 2, "time_unparsed": 1, "time_missing": 1, "field_type": 1}
    found = mine.search("*")[1]["rows"]
    assert sorted(row["log"] for row in found) == sorted(lines)


@pytest.mark.parametrize(
    ("query", "asked", "status", "code"),
    [
        pytest.param("(a OR", {}, 400, "query_syntax", id="syntax"),
        pytest.param("nofield:1", {}, 400, "unknown_field", id="unknown field"),
        pytest.param("a", {"start": "now", "end": "now-1h"}, 400, "time_range", id="end before start"),
        pytest.param("a", {"limit": 10_001}, 400, None, id="limit"),
        pytest.param("a", {"nonsense": 1}, 400, None, id="unknown key"),
        pytest.param("/(/", {}, 400, "bad_regex", id="broken regular expression"),
        pytest.param("/((a{1,100}){1,100}){1,100}/", {}, 400, "bad_regex", id="regular expression that would need much memory"),
        pytest.param("a OR b " * 14_000, {}, 400, "query_too_large", id="100 kB"),
        pytest.param("(" * 19_000, {}, 400, "query_too_large", id="nested deep"),
        pytest.param("*a" * 9_000, {}, 400, "query_too_large", id="wildcard storm"),
        pytest.param("\ud800", {}, 400, "query_syntax", id="half a character"),
        pytest.param("*", {"fields": ["\ud800"]}, 400, "unknown_field", id="half a character as a field"),
        pytest.param("*", {"addition": [{"field": "log", "operator": "=", "value": "\ud800"}]}, 400, None, id="in a condition"),
        pytest.param("*", {"addition": [{"field": "log", "operator": "?", "value": "a"}]}, 400, "condition", id="no operator"),
    ],
)
def test_a_search_that_cannot_be_run_says_why(
    collector: Collector, query: str, asked: dict[str, Any], status: int, code: str | None
) -> None:
    answer = collector.search(query, **asked)
    assert answer[0] == status, answer
    assert code in (None, answer[1]["error"]["code"])
    assert answer[1]["error"]["hint"]


def test_a_query_is_inspected_and_searched_with_conditions(fleet: RunningFleet) -> None:
    mine = Collector(fleet, "inspected", clean_rule=RULE)
    drafts = [{"ts": NOW, "status": status, "message": "支付 refused"} for status in (200, 404, 502)]
    lines = [json.dumps(draft, ensure_ascii=False) for draft in drafts]
    assert mine.send("\n".join(lines).encode(), path="jsonl")[0] == 200
    addition = [{"field": "status", "operator": ">=", "value": [404]}, {"field": "*", "operator": "contains", "value": ["支"]}]
    status, answer = mine.search("refused^2", addition=addition)
    assert (status, [row["fields"]["status"] for row in answer["rows"]]) == (200, [502, 404])
    assert "^2 is passed over" in answer["note"]
    shown = fleet.try_bklog("search", "--inspect", "refused or status>=404", "--index-set", "inspected")
    assert (shown.returncode, "perhaps: refused OR status>=404" in shown.stdout) == (0, True), shown.stderr
    refused = fleet.try_bklog("search", "(refused", "--index-set", "inspected")
    assert (refused.returncode, "perhaps: (refused)" in refused.stderr) == (2, True), refused.stderr
    inspected = fleet.try_bklog("search", "--inspect", "(refused", "--index-set", "inspected")
    assert (inspected.returncode, '"repair": "(refused)"' in inspected.stdout) == (2, True), inspected.stderr


def test_a_range_without_rows_says_where_rows_are(fleet: RunningFleet) -> None:
    mine = Collector(fleet, "elsewhere")
    assert mine.send(b"one line")[0] == 200
    status, answer = mine.search("*", start="now-20d", end="now-19d")
    assert (status, answer["rows"], answer["statistics"]["complete"]) == (200, [], True)
    assert "the index set holds rows from" in answer["note"]


def run(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BKLOG_", "BK"))}
    command = [sys.executable, "-m", "bklog.cli", *words]
    return subprocess.run(command, cwd=ROOT, env={**kept, **environ}, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        pytest.param({"BK_ENV": "nowhere"}, "development, testing, production", id="unknown environment"),
        pytest.param({"BKLOG_PROT": "1"}, "did you mean BKLOG_PORT", id="unknown setting"),
        pytest.param({"BKLOG_PORT": "http"}, "BKLOG_PORT", id="ill-typed setting"),
        pytest.param({"BKPAAS_ENVIRONMENT": "prod", "BK_ENV": "development"}, "BKLOG_SECRET_KEY", id="prod without secrets"),
    ],
)
def test_a_start_that_cannot_be_says_why(tmp_path: Path, environ: dict[str, str], named: str) -> None:
    done = run({**environ, "BKLOG_HOME": str(tmp_path)}, "up")
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named_and_nothing_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run({"BKLOG_HOME": str(tmp_path), "BKLOG_PORT": port}, "up")
    assert done.returncode != 0
    assert port in done.stderr
    assert not (tmp_path / "run" / "supervisord.pid").exists()


def test_a_second_owner_of_the_stores_folder_gets_one_sentence(fleet: RunningFleet) -> None:
    folder = fleet.home / "store"
    done = run({"BKLOG_HOME": str(fleet.home)}, "store", "--path", str(folder), "--port", "0")
    assert done.returncode != 0
    assert str(folder) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_token_is_asked_for_made_by_a_command_and_replaced_by_the_next(fleet: RunningFleet) -> None:
    path = "/api/v1/databus/collectors/"
    draft = b'{"name": "by-token"}'
    assert fleet.post(path, draft, {})[1]["error"]["code"] == "token_missing"
    first, second = fleet.bklog("token", "ann").strip(), fleet.bklog("token", "ann").strip()
    assert fleet.post(path, draft, {"Authorization": f"Bearer {first}"})[1]["error"]["code"] == "token_wrong"
    assert fleet.post(path, draft, {"Authorization": f"Bearer {second}"})[0] == 201
