"""The process: how it starts, what it refuses to start with, how it stops, and what survives it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.conftest import Reply, StoreServer, free_port, launch, start, wait_for

pytestmark = pytest.mark.fleet

TABLE = (
    "CREATE TABLE IF NOT EXISTS t (a UInt64) ENGINE = MergeTree ORDER BY a"
    " SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1"
)


def failure(path: Path, **options: object) -> tuple[int, str]:
    process = launch(path, **{"port": free_port(), **options})
    _, text = process.communicate(timeout=30)
    return process.returncode, text


def test_a_second_owner_of_the_folder_gets_one_sentence(store_server: StoreServer) -> None:
    status, text = failure(store_server.path)
    assert status == 2
    assert text.strip() == (
        f"the store's folder {store_server.path} is already owned by process {store_server.pid}"
        f" | look at it with `ps -fp {store_server.pid}` and stop it, or choose another folder"
    )


def test_a_folder_opened_by_the_engine_elsewhere_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "data"
    code = f"from chdb import _chdb; c = _chdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        status, text = failure(path)
        other.communicate("\n")
    assert status == 2
    assert text.startswith(f"the store's folder {path} is already owned by process {other.pid} |")
    assert text.count("\n") == 1


def test_a_port_in_use_gets_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, text = failure(tmp_path / "data", port=port)
    assert (status, text.startswith(f"the store cannot listen on 127.0.0.1:{port}: Address already in use |")) == (2, True)
    assert text.count("\n") == 1


def test_a_folder_that_cannot_be_made_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, text = failure(tmp_path / "file")
    assert status == 2
    assert text.startswith(f"the store cannot write to its folder {tmp_path / 'file'}: File exists |")


def test_beyond_loopback_a_password_is_needed(tmp_path: Path) -> None:
    status, text = failure(tmp_path / "data", host="0.0.0.0")
    assert (status, text.startswith("the store would listen on 0.0.0.0 without a password |")) == (2, True)


def test_the_command_starts_from_the_settings(tmp_path: Path) -> None:
    port = free_port()
    environ = {**os.environ, "BKLOG_HOME": str(tmp_path), "BKLOG_STORE_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-m", "bklog.cli", "store"], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[0].splitlines()
    assert (started["message"], started["port"], started["path"]) == ("store started", port, str(tmp_path / "store"))
    assert [json.loads(line)["message"] for line in rest] == ["store stopping", "store stopped"]
    assert process.returncode == 0


def insert(server: StoreServer, batch: int) -> Reply:
    rows = b"".join(b"%d\n" % row for row in range(batch * 1000, batch * 1000 + 1000))
    return server.send(rows, query="INSERT INTO t FORMAT TSV", insert_deduplication_token=f"batch-{batch}")


def test_what_was_acknowledged_survives_a_kill_and_is_stored_once(
    tmp_path: Path, start_store: Callable[..., StoreServer]
) -> None:
    server = start_store(tmp_path / "data")
    server.run(TABLE)
    acknowledged: set[int] = set()

    def send(batch: int) -> None:
        try:
            if insert(server, batch).status == 200:
                acknowledged.add(batch)
        except OSError:
            return

    def send_until_killed(_: int) -> None:
        while server.process.poll() is None:
            send(next(numbers))

    numbers = itertools.count()
    with ThreadPoolExecutor(4) as pool:
        sending = pool.map(send_until_killed, range(4))
        wait_for(lambda: len(acknowledged) > 20, what="some inserts", seconds=60)
        server.kill()
        list(sending)
    sent = next(numbers)
    assert len(acknowledged) < sent
    again = start_store(tmp_path / "data")
    stored = {int(row) for row in again.run("SELECT DISTINCT intDiv(a, 1000) FROM t").split()}
    assert acknowledged <= stored
    for batch in range(sent):
        assert insert(again, batch).status == 200
    assert again.run("SELECT count(), uniqExact(a) FROM t") == f"{sent * 1000}\t{sent * 1000}\n"


def test_sigterm_lets_an_insert_end_refuses_new_ones_and_stops_selects(
    tmp_path: Path, start_store: Callable[..., StoreServer]
) -> None:
    server = start_store(tmp_path / "data", grace_seconds=0.3)
    server.run("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    slow = "INSERT INTO t SELECT number + sleepEachRow(0.01) FROM numbers(400) SETTINGS max_block_size = 1"
    endless = "SELECT sum(sipHash64(number)) AS endless FROM numbers(1000000000000)"
    with ThreadPoolExecutor(2) as pool:
        inserting, selecting = pool.submit(server.send, slow), pool.submit(server.send, endless)
        server.wait_until_running("sleepEachRow")
        server.wait_until_running("endless")
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.send("SELECT 1").status == 503, what="new statements to be refused")
        refused = server.send("SELECT 1")
        assert (refused.status, refused.code) == (503, 236)
        assert "the store is shutting down" in refused.text
        assert (selecting.result().status, selecting.result().code) == (503, 236)
        assert not inserting.done(), "nobody waits for it"
        assert inserting.result().status == 200
    assert server.process.wait(20) == 0
    assert start_store(tmp_path / "data").run("SELECT count() FROM t") == "400\n"


def test_sigterm_ends_an_insert_that_takes_too_long(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(grace_seconds=0.3, drain_seconds=0.5)
    server.run("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    with ThreadPoolExecutor(1) as pool:
        inserting = pool.submit(server.send, "INSERT INTO t SELECT number FROM numbers(1000000000000)")
        server.wait_until_running("INSERT INTO t SELECT")
        server.process.send_signal(signal.SIGTERM)
        assert (inserting.result().status, inserting.result().code) == (503, 236)
    assert server.process.wait(20) == 1


def test_sigterm_of_an_idle_store_is_quick_and_clean(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    idle = server.client()
    assert idle.command("SELECT 1") == 1
    since = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - since < 10, "it waits for nothing: neither for the client nor for its own grace"
    assert server.process.stderr is not None
    assert server.process.stderr.read() == ""
    server.process.stderr.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80M", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_has_its_own_status_and_passes(small_disk: Path, start_store: Callable[..., StoreServer]) -> None:
    server = start_store(small_disk / "data")
    server.run("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY tuple()")
    full = server.send("INSERT INTO t SELECT randomString(1000) FROM numbers(200000)")
    assert (full.status, full.code) == (507, 243)
    held = server.send("SELECT randomString(1000) FROM numbers(200000)", wait_end_of_query=1)
    assert (held.status, held.code) == (507, 243)
    server.run("INSERT INTO t VALUES ('x')")
    assert server.run("SELECT count() FROM t") == "1\n"


def test_an_idle_store_is_small(tmp_path: Path, start_store: Callable[..., StoreServer]) -> None:
    server = start_store(tmp_path / "data")
    server.run("SELECT 1")
    time.sleep(1)
    assert server.resident_bytes() < 400_000_000


def test_failures_are_logged_without_the_values(store_server: StoreServer) -> None:
    store_server.send("SELECT {x:UInt8} + 'visible-literal'", param_x="secret-value", query_id="logged")
    found = [line for line in store_server.log() if line.get("query_id") == "logged"]
    assert [(line["message"], line["engine_code"] > 0) for line in found] == [("query failed", True)]
    assert "secret-value" not in json.dumps(store_server.log())
    assert "visible-literal" not in json.dumps(store_server.log())


def test_tables_are_kept_over_restarts_with_their_databases(tmp_path: Path, start_store: Callable[..., StoreServer]) -> None:
    for number in range(3):
        server = start_store(tmp_path / "data")
        server.run("CREATE DATABASE IF NOT EXISTS bklog")
        server.run("CREATE TABLE IF NOT EXISTS bklog.t (a UInt64) ENGINE = MergeTree ORDER BY a")
        server.run("CREATE TABLE IF NOT EXISTS u (a UInt64) ENGINE = MergeTree ORDER BY a")
        server.run("INSERT INTO bklog.t VALUES (1)")
        server.run("INSERT INTO u VALUES (1)")
        counts = server.run("SELECT (SELECT count() FROM bklog.t), (SELECT count() FROM u)")
        assert counts == f"{number + 1}\t{number + 1}\n"
        assert server.run("SELECT engine FROM system.databases WHERE name = 'default'") == "Atomic\n"
        server.kill() if number == 0 else server.stop()


def test_many_connections_at_once(store_server: StoreServer) -> None:
    wrong: list[str] = []

    def work() -> None:
        answers = [(f"{number}\n", store_server.run(f"SELECT {number}")) for number in range(20)]
        wrong.extend(found for expected, found in answers if found != expected)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
