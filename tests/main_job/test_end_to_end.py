"""The main job: real logs go in, are counted, are found again, and survive what kills the store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.rows import LOGHUB
from tests.running_fleet import ROOT, RunningFleet

pytestmark = pytest.mark.fleet
FILES = [*sorted(LOGHUB.glob("*_2k.log")), Path("/var/log/dpkg.log")]
KILLS = 2
PART = 333_333
LINES = PART * (KILLS + 1)


def lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").removesuffix("\n").split("\n")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_stored_line_by_line_found_again_and_not_doubled(fleet: RunningFleet, file: Path) -> None:
    if not file.is_file():
        pytest.skip(f"{file.name} is not on this machine")
    name, lines = file.stem.lower(), lines_of(file)
    first = json.loads(fleet.bklog("ingest", "--collector", name, "--json", str(file)))["total"]
    assert (first["stored"], first["duplicate"], first["rejected"]) == (len(lines), 0, 0)
    again = json.loads(fleet.bklog("ingest", "--collector", name, "--json", str(file)))["total"]
    assert (again["stored"], again["duplicate"]) == (0, len(lines))
    assert fleet.count("*", name) == len(lines)
    line = lines[len(lines) // 2]
    phrase = '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert line in fleet.bklog("search", phrase, "--index-set", name, "--raw").split("\n")


def test_a_store_that_is_killed_twice_loses_and_doubles_nothing(fleet: RunningFleet) -> None:
    """Each time in the middle of a part; the sender gets the next one when the store was killed, and cannot be done before."""
    command = fleet.command("ingest", "--collector", "many", "--json", "--batch-bytes", str(1 << 20), "-")
    pipe = subprocess.PIPE
    sender = subprocess.Popen(command, cwd=ROOT, env=fleet.environ, stdin=pipe, stdout=pipe, text=True)
    assert sender.stdin
    for kill in range(KILLS):
        feeding = threading.Thread(target=sender.stdin.writelines, args=(part(kill),))
        feeding.start()
        wait_for_rows(fleet, kill * PART + PART // 2, sender)
        os.kill(fleet.pid("store"), signal.SIGKILL)
        feeding.join()
    sender.stdin.writelines(part(KILLS))
    report, _ = sender.communicate(timeout=300)
    total = json.loads(report)["total"]
    assert sender.returncode == 0
    assert total["stored"] + total["duplicate"] == LINES
    assert fleet.count("*", "many") == LINES
    programs = json.loads(fleet.bklog("status", "--json"))["programs"]
    assert next(one["restarts"] for one in programs if one["name"] == "store") == KILLS


def part(number: int) -> Iterator[str]:
    for line in range(number * PART, (number + 1) * PART):
        yield f"INFO worker-{line % 97}: request {line} of client {line * 7919 % 100_003}\n"


def wait_for_rows(fleet: RunningFleet, rows: int, sender: subprocess.Popen[str]) -> None:
    """Until so many lines are stored. The store may be away for a moment: it was killed before."""
    while sender.poll() is None:
        counted = fleet.try_bklog("search", "*", "--index-set", "many", "--count")
        if counted.returncode == 0 and int(counted.stdout) >= rows:
            return
        time.sleep(0.1)
    raise AssertionError("the sender ended before the store could be killed")


def test_the_search_command_prints_rows_in_every_form(fleet: RunningFleet, tmp_path: Path) -> None:
    file = tmp_path / "forms.log"
    file.write_text("ERROR first of all\nINFO second\nERROR third\n")
    fleet.bklog("ingest", "--collector", "forms", str(file))
    asked = ("search", "error", "--index-set", "forms", "--since", "1h")
    assert fleet.bklog(*asked, "--raw").splitlines() == ["ERROR third", "ERROR first of all"]
    assert fleet.bklog(*asked, "--count").strip() == "2"
    assert [json.loads(line)["level"] for line in fleet.bklog(*asked, "--json", "--limit", "1").splitlines()] == ["error"]
    assert fleet.bklog(*asked, "--fields", "level,path").count(f"level=error path={file}") == 2
    explained = fleet.bklog(*asked, "--explain")
    assert "HasWords" in explained
    assert "hasToken(lower(`log`)" in explained
    assert "Skip" in explained  # the engine's own word for an index that leaves granules out


def test_the_analyses_print_what_the_rows_amount_to(fleet: RunningFleet, tmp_path: Path) -> None:
    file = tmp_path / "amounts.log"
    file.write_text("".join(f"{'ERROR' if number % 3 else 'INFO'} line {number}\n" for number in range(30)))
    fleet.bklog("ingest", "--collector", "amounts", str(file))
    of = ("--index-set", "amounts")
    assert fleet.bklog("top", "level", *of).splitlines()[:2] == [f"{20:>12}  error", f"{10:>12}  info"]
    assert fleet.bklog("top", "level,path", "info", *of).splitlines()[1].strip() == f"10  {file}"
    assert "30 rows, 15m each" in fleet.bklog("histogram", *of)
    histogram = json.loads(fleet.bklog("histogram", "line", "--by", "level", "--since", "1h", "--json", *of))
    assert {one["key"]: one["count"] for one in histogram["series"]} == {"error": 20, "info": 10}
    assert fleet.bklog("histogram", "--by", "level", *of).splitlines()[0].split() == ["error", "info"]
    assert any(line.split()[:3] == ["level", "keyword", "100.0%"] for line in fleet.bklog("fields", *of).splitlines())
    assert "2 distinct values" in fleet.bklog("fields", "--field", "level", *of)
    row = json.loads(fleet.bklog("search", '"line 15"', "--json", *of))
    around = fleet.bklog("context", row["time"], row["batch"], str(row["row"]), "--before", "2", "--after", "1", *of)
    assert [line.rsplit(" ", 1)[1] for line in around.splitlines()] == ["13", "14", "15", "16"]
    assert around.splitlines()[2].startswith(">")
    missing = fleet.try_bklog("context", row["time"], row["batch"], "999", *of)
    assert missing.returncode == 4
    assert "row_not_found" in missing.stderr
    assert "unknown_field" in fleet.try_bklog("top", "nosuchfield", *of).stderr


def test_a_search_error_points_at_its_place(fleet: RunningFleet) -> None:
    failed = fleet.try_bklog("search", "level:[1 TO", "--index-set", "bklog-platform")
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[:2] == ["  level:[1 TO", "             ^"]
    assert "hint:" in failed.stderr
