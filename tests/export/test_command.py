"""`bklog export` against a whole fleet: from the lines that come in to a checked file on this machine."""

from __future__ import annotations

import csv
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet
LINES = [f'line {number}: 支付 "quoted", {"x" * (number % 50)}' for number in range(40_000)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    settings = {"BKLOG_PROFILE": "small", "BKLOG_EXPORT_SLICE_ROWS": "10000"}
    with RunningFleet(tmp_path_factory.mktemp("fleet"), **settings) as running:
        made = running.api("POST", "/api/v1/databus/collectors/", {"name": "shop"})
        stored = running.send("/ingest/v1/lines", "\n".join(LINES).encode(), token=made["ingest_token"], key="a")
        assert stored["stored"] == len(LINES)
        yield running


def read_csv(file: Path) -> list[str]:
    with file.open(newline="") as opened:
        return [row["log"] for row in csv.DictReader(opened)]


def test_a_query_becomes_a_file(fleet: RunningFleet, tmp_path: Path) -> None:
    target = tmp_path / "all.csv"
    said = fleet.bklog("export", "--index-set", "shop", "--order", "oldest", "-o", str(target))
    assert sorted(read_csv(target)) == sorted(LINES)
    assert re.match(r"export \d+: success, 40,000 rows", said)
    assert [file.name for file in tmp_path.iterdir()] == ["all.csv"]
    again = fleet.try_bklog("export", "*", "--index-set", "shop", "-o", str(target))
    assert (again.returncode, "file_exists" in again.stderr) == (5, True)

    few = fleet.bklog("export", '"line 7"', "--index-set", "shop", "--format", "raw", "-o", str(tmp_path / "few.log"))
    assert (tmp_path / "few.log").read_text() == f"{LINES[7]}\n", few
    cut = json.loads(fleet.bklog("export", "*", "--index-set", "shop", "--limit", "5", "--json", "-o", str(target), "--force"))
    assert (cut["complete"], cut["rows"], cut["matched_rows"], len(read_csv(target))) == (False, 5, 40_000, 5)

    asked = fleet.bklog("export", "*", "--index-set", "shop", "--format", "jsonl", "--compression", "zstd", "--no-wait")
    pk = re.search(r"export (\d+): (pending|running)", asked)
    assert pk, asked
    fleet.bklog("export", "download", pk[1], "-o", str(tmp_path / "later.zst"))
    assert json.loads(fleet.bklog("export", "show", pk[1], "--json"))["size_bytes"] == (tmp_path / "later.zst").stat().st_size
    listed = fleet.bklog("export", "list", "--owner", "me")
    assert "jsonl.zstd" in listed
    assert fleet.try_bklog("export", "cancel", pk[1]).returncode == 5
    fleet.bklog("export", "delete", pk[1])
    assert fleet.try_bklog("export", "show", pk[1]).returncode == 4
    assert fleet.try_bklog("export", "level:(", "--index-set", "shop").returncode == 2


def test_readers_that_are_slow_do_not_hold_up_the_api(fleet: RunningFleet) -> None:
    """24 links are opened and not read: more than the threads of the web program."""
    made = json.loads(fleet.bklog("export", "*", "--index-set", "shop", "--no-wait", "--json"))
    while fleet.api("GET", f"/api/v1/search/export/{made['id']}/")["state"] != "success":
        time.sleep(0.1)
    link = urlsplit(fleet.api("GET", f"/api/v1/search/export/{made['id']}/link/")["url"])
    host, port = link.netloc.split(":")
    opened = []
    for _ in range(24):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((host, int(port)))
        reader.sendall(f"GET {link.path}?{link.query} HTTP/1.1\r\nHost: {link.netloc}\r\n\r\n".encode())
        opened.append(reader)
    try:
        assert b"200 OK" in opened[0].recv(200)
        started = time.monotonic()
        assert fleet.api("GET", "/api/v1/search/export/")["items"]
        assert time.monotonic() - started < 30, "a thread of web would be held for as long as its reader reads"
    finally:
        for reader in opened:
            reader.close()


def test_exports_are_counted(fleet: RunningFleet) -> None:
    page = fleet._http.request("GET", f"{fleet.url}/metrics", headers=fleet.api_headers).data.decode()
    counted = re.search(r'bklog_exports_total\{outcome="succeeded"\} ([0-9.]+)', page)
    rows = re.search(r"bklog_export_rows_total ([0-9.]+)", page)
    assert counted
    assert float(counted[1]) >= 4
    assert rows
    assert float(rows[1]) >= 80_000
