"""`bklog ingest` as a process, against an endpoint that answers as the API of collectors and as ingest do."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from tests.cli.running import bklog
from tests.endpoint import TOKEN, Endpoint, serve

LINES = b"".join(b"line %06d\n" % number for number in range(2000))


class Platform:
    """The endpoint, the collectors that it answers with, and a home of its own."""

    def __init__(self, home: Path, endpoint: Endpoint) -> None:
        self.home = home
        self.endpoint = endpoint
        self.collectors: list[dict[str, Any]] = []
        self.tokens_made = 0
        endpoint.api = self.answer

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            name = re.search(r"\?name=(\S+)$", path)
            assert name
            return 200, {"items": [one for one in self.collectors if one["name"] == name[1]]}
        self.tokens_made += 1
        if path.endswith("/tokens/"):
            return 201, {"ingest_token": TOKEN}
        self.collectors.append({"id": 7, "name": body["name"], "clean_rule": body["clean_rule"], "index_set_id": 7})
        return 201, {**self.collectors[-1], "ingest_token": TOKEN}

    def ingest(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return bklog(self.home, "ingest", *map(str, arguments), BKLOG_API_URL=self.endpoint.url)

    def counts(self, *arguments: object) -> dict[str, Any]:
        done = self.ingest("--json", *arguments)
        total: dict[str, Any] = json.loads(done.stdout)["total"]
        return {"code": done.returncode, **{name: total[name] for name in ("lines", "stored", "duplicate", "rejected")}}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with serve() as endpoint:
        yield Platform(tmp_path / "home", endpoint)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "app.log"
    file.write_bytes(LINES)
    return file


def test_a_collector_is_created_once_and_its_token_is_kept_for_its_owner_alone(platform: Platform, file: Path) -> None:
    first = platform.ingest("--collector", "app", "--clean", "json", file)
    assert first.returncode == 0, first.stderr
    assert "created the collector app (clean rule: json)" in first.stdout
    kept = platform.home / "secrets" / "tokens" / "app"
    assert (kept.read_text(), oct(kept.stat().st_mode & 0o777)) == (TOKEN + "\n", "0o600")
    again = platform.ingest("--collector", "app", file)
    assert "2,000 lines read, 0 stored, 2,000 duplicate, 0 rejected" in again.stdout
    assert platform.tokens_made == 1
    assert {one.protocol for one in platform.endpoint.kept.values()} == {"jsonl"}


def test_a_collector_that_this_machine_has_no_token_of_gets_another(platform: Platform, file: Path) -> None:
    platform.collectors.append({"id": 3, "name": "files", "clean_rule": {"kind": "text"}})
    assert platform.counts(file) == {"code": 0, "lines": 2000, "stored": 2000, "duplicate": 0, "rejected": 0}
    assert platform.counts(file)["duplicate"] == 2000
    assert platform.tokens_made == 1


def test_another_clean_rule_than_the_collector_has_is_refused(platform: Platform, file: Path) -> None:
    platform.collectors.append({"id": 3, "name": "files", "clean_rule": {"kind": "text"}})
    done = platform.ingest("--clean", "json", file)
    assert done.returncode == 5
    assert "cleans its lines as text, not as json" in done.stderr


def test_compressed_files_and_standard_input_are_read_as_they_are_written(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(LINES[:10000]) + gzip.compress(LINES[10000:]))
    (tmp_path / "b.log.zst").write_bytes(zstd.compress(LINES[:10000]) + zstd.compress(LINES[10000:]))
    for name in ("a.log.gz", "b.log.zst"):
        counts = platform.counts("--batch-bytes", 4096, tmp_path / name)
        assert (counts["code"], counts["lines"], counts["stored"]) == (0, 2000, 2000)
    assert sorted(platform.endpoint.lines(str(tmp_path / "b.log.zst"))) == LINES.splitlines()
    command = f"printf 'one\\ntwo' | {sys.executable} -m bklog.cli ingest --json -"
    environ = {"BKLOG_HOME": str(platform.home), "BKLOG_API_URL": platform.endpoint.url, "PATH": "/usr/bin:/bin"}
    for _ in range(2):
        piped = subprocess.run(command, shell=True, env=environ, capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(piped.stdout)["total"]["stored"] == 2


@pytest.mark.parametrize(
    "pack", [pytest.param(("gz", gzip.compress), id="gzip"), pytest.param(("zst", zstd.compress), id="zstd")]
)
def test_a_damaged_archive_is_named_and_what_came_before_is_counted(platform: Platform, tmp_path: Path, pack: Any) -> None:
    ending, compress = pack
    (tmp_path / f"cut.{ending}").write_bytes(compress(LINES)[:-7])
    done = platform.ingest("--batch-bytes", 1024, tmp_path / f"cut.{ending}")
    assert done.returncode == 2
    assert "cannot be decompressed to its end" in done.stderr
    assert "lines read" in done.stdout


def test_rejected_lines_make_the_exit_code_1_and_say_where_they_are(platform: Platform, tmp_path: Path) -> None:
    platform.endpoint.line_limit_bytes = 100
    (tmp_path / "long.log").write_bytes(b"a\n" + b"x" * 200 + b"\nb")
    done = platform.ingest(tmp_path / "long.log")
    assert done.returncode == 1
    assert "3 lines read, 2 stored, 0 duplicate, 1 rejected (1 line_too_long), 0 marked" in done.stdout
    assert "bklog search --index-set bklog-rejects" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["/not/there"], 4, "/not/there cannot be read: No such file", id="missing"),
        pytest.param(["/etc"], 2, "/etc is a folder", id="folder"),
        pytest.param(["--collector", "../x", "/etc/hostname"], 2, "is no collector name", id="collector's name"),
        pytest.param(["--batch-bytes", "1", "/etc/hostname"], 2, "--batch-bytes", id="batch size"),
        pytest.param([], 2, "FILE", id="no file"),
    ],
)
def test_wrong_use_sends_nothing(platform: Platform, arguments: list[str], code: int, words: str) -> None:
    done = platform.ingest(*arguments)
    assert (done.returncode, platform.endpoint.requests) == (code, 0)
    assert words in done.stderr


def test_an_empty_file_is_no_failure(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    assert platform.counts(tmp_path / "empty.log")["code"] == 0
    assert platform.endpoint.requests == 0


def test_a_wrong_token_stops_with_what_the_server_said(platform: Platform, file: Path) -> None:
    platform.endpoint.token = "another"
    done = platform.ingest(file)
    assert done.returncode == 3
    assert "no collector has this ingest token" in done.stderr


def test_many_files_are_counted_one_by_one_and_together(platform: Platform, tmp_path: Path) -> None:
    names = [tmp_path / f"f{number}.log" for number in range(20)]
    for number, name in enumerate(names):
        name.write_bytes(b"x\n" * number)
    done = platform.ingest("--parallel", 2, *names)
    assert f"{names[7]}: 7 lines read, 7 stored" in done.stdout
    assert "total: 190 lines read, 190 stored" in done.stdout


def test_a_sender_that_is_killed_and_run_again_adds_only_what_is_missing(platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "big.log"
    file.write_bytes(b"".join(b"line %07d\n" % number for number in range(200_000)))
    platform.endpoint.delay_seconds = 0.02
    environ = {"BKLOG_HOME": str(platform.home), "BKLOG_API_URL": platform.endpoint.url}
    command = [sys.executable, "-m", "bklog.cli", "ingest", "--batch-bytes", "10000", str(file)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        while platform.endpoint.requests < 40 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    platform.endpoint.delay_seconds = 0
    counts = platform.counts("--batch-bytes", 10000, file)
    assert counts["code"] == 0
    assert counts["duplicate"] > 0
    assert counts["stored"] + counts["duplicate"] == 200_000
    assert len(platform.endpoint.lines()) == 200_000
