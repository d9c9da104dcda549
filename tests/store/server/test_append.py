"""Rows that the engine adds to a file which its client reads: only where it may, whole, and by one statement at a time."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from bklog.store.server.append import HEADER
from bklog.store.server.errors import Code
from tests.store.conftest import Reply, StoreServer, end, start, wait_for

THREE = "SELECT number FROM numbers(3) FORMAT CSV"
ENDLESS = "SELECT number FROM system.numbers FORMAT CSV"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared") / "files"
    (folder / "of one").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[StoreServer]:
    server = start(tmp_path_factory.mktemp("store") / "data", files=str(files))
    yield server
    end(server)


@pytest.fixture
def file(files: Path) -> Path:
    path = files / "of one" / "行.csv"
    path.write_bytes(b"kept\nleft")
    return path


def append(server: StoreServer, name: str, at: int = 5, sql: str = THREE) -> Reply:
    return server.send(sql, headers={HEADER: f"{at} {quote(name)}"})


def test_what_stood_beyond_is_replaced_and_the_answer_says_no_row(near: StoreServer, file: Path) -> None:
    answer = append(near, "of one/行.csv")
    assert (answer.status, answer.body.strip(b"\n"), answer.broken) == (200, b"", False)
    assert file.read_bytes() == b"kept\n0\n1\n2\n"
    assert append(near, "of one/行.csv", at=11).status == 200
    assert file.read_bytes() == b"kept\n0\n1\n2\n0\n1\n2\n"


@pytest.mark.parametrize("name", ["../outside", "of one/../../outside", "link/outside", "link", "nothing", "of one", "", "."])
def test_no_other_file_is_reached(near: StoreServer, files: Path, name: str) -> None:
    outside = files.parent / "outside"
    outside.write_bytes(b"mine")
    (files / "link").unlink(missing_ok=True)
    (files / "link").symlink_to(outside if name == "link" else files.parent)
    assert append(near, name, at=0).code in (Code.BAD_ARGUMENTS, Code.CANNOT_OPEN_FILE)
    assert append(near, str(outside), at=0).code == Code.BAD_ARGUMENTS
    assert outside.read_bytes() == b"mine"


@pytest.mark.parametrize("header", ["x of", "-1 of", "5", "9999999999999999999 of"])
def test_a_header_that_says_nothing_is_refused(near: StoreServer, header: str) -> None:
    assert near.send(THREE, headers={HEADER: header}).code == Code.BAD_ARGUMENTS


def test_a_store_without_such_a_folder_says_so(store_server: StoreServer) -> None:
    assert append(store_server, "a").code == Code.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO t VALUES (1)", Code.BAD_ARGUMENTS),
        ("SELECT * FROM nowhere", Code.UNKNOWN_TABLE),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", Code.ACCESS_DENIED),
    ],
)
def test_what_fails_adds_nothing(near: StoreServer, file: Path, sql: str, code: Code) -> None:
    answer = append(near, "of one/行.csv", sql=sql)
    assert answer.code == code or (answer.broken and str(int(code)) in answer.text)
    assert file.read_bytes().startswith(b"kept\n")
    assert b"0\n" not in file.read_bytes()


def test_a_file_that_is_shorter_is_not_what_the_client_means(near: StoreServer, file: Path) -> None:
    assert append(near, "of one/行.csv", at=10).code == Code.BAD_ARGUMENTS
    assert file.read_bytes() == b"kept\nleft"


def test_one_statement_at_a_time(near: StoreServer, file: Path) -> None:
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert append(near, "of one/行.csv").code == Code.TOO_MANY_SIMULTANEOUS_QUERIES
    assert file.read_bytes() == b"kept\nleft"


def test_a_client_that_goes_away_ends_the_statement_and_frees_the_file(near: StoreServer, file: Path) -> None:
    head = f"POST / HTTP/1.1\r\nHost: store\r\n{HEADER}: 5 {quote('of one/行.csv')}\r\nContent-Length: {len(ENDLESS)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", near.port)) as worker:
        worker.sendall(head.encode() + ENDLESS.encode())
        wait_for(lambda: file.stat().st_size > 1 << 20, what="rows in the file")
    wait_for(lambda: near.running("system.numbers") == 0, what="the statement to end")
    wait_for(lambda: append(near, "of one/行.csv").status == 200, what="the file to be free")
    assert file.read_bytes() == b"kept\n0\n1\n2\n"
