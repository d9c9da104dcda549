"""`bklog config show` says what is in force and why; `bklog config check` connects to real servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config.table import DEFINITIONS
from tests import databases, servers
from tests.cli.running import bklog


def parts(home: Path, **variables: object) -> dict[str, dict[str, Any]]:
    done = bklog(home, "config", "check", "--json", **variables)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    return {part["name"]: part for part in found["parts"]}


@contextmanager
def store_stand_in(*, password: str = "") -> Iterator[int]:
    """What answers on the store's port as far as the check asks."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.path == "/ping" or self.headers.get("X-ClickHouse-Key", "") == password
            body = b"Ok.\n" if allowed else b"Code: 516. DB::Exception: Authentication failed"
            self.send_response(200 if allowed else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_show_has_every_setting_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    done = bklog(
        tmp_path,
        "config",
        "show",
        "--json",
        BKPAAS_ENVIRONMENT="prod",
        BKLOG_SECRET_KEY="very-secret",
        BKLOG_DATABASE_URL="postgresql://u:very-secret@h/n",
        BKLOG_MQ_URL="amqp://u:very-secret@a//;amqp://u:very-secret@b//",
        BKLOG_PORT=8123,
    )
    shown = json.loads(done.stdout)
    assert shown["environment"] == "prod"
    assert list(shown["settings"]) == list(DEFINITIONS)
    assert shown["settings"]["BKLOG_PORT"] == {"value": 8123, "origin": "BKLOG_PORT"}
    assert shown["settings"]["BKLOG_HTTPS"] == {"value": True, "origin": "config/prod.py"}
    assert shown["settings"]["BKLOG_RETENTION_DAYS"] == {"value": 30, "origin": "default"}
    assert "very-secret" not in done.stdout + done.stderr


def test_show_for_people_has_a_line_a_setting(tmp_path: Path) -> None:
    lines = bklog(tmp_path, "config", "show").stdout.splitlines()
    assert lines[0] == "environment: dev"
    assert len(lines) == len(DEFINITIONS) + 1


@pytest.mark.parametrize(
    ("variables", "code", "word"),
    [
        ({"BK_ENV": "live"}, 2, "development, testing, production"),
        ({"BKLOG_PROT": "1"}, 2, "did you mean BKLOG_PORT?"),
        ({"BKLOG_PORT": "x"}, 2, "must be a whole number"),
        ({"BKPAAS_ENVIRONMENT": "prod", "BK_ENV": "development"}, 2, "needs BKLOG_SECRET_KEY"),
    ],
)
@pytest.mark.parametrize("command", [("config", "show"), ("up",), ("status",)], ids=" ".join)
def test_wrong_settings_stop_every_command_with_one_sentence(
    tmp_path: Path, command: tuple[str, ...], variables: dict[str, str], code: int, word: str
) -> None:
    done = bklog(tmp_path / "home", *command, **variables)
    assert done.returncode == code
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "home").exists(), "nothing was started"


def test_a_fresh_dev_has_its_database_and_no_queue_and_no_store_yet(tmp_path: Path) -> None:
    found = parts(tmp_path)
    assert found["database"]["message"] == "sqlite answers"
    assert (found["mq"]["ok"], "`bklog up`" in found["mq"]["message"]) == (False, True)
    assert (found["store"]["ok"], "`bklog up`" in found["store"]["message"]) == (False, True)
    write_ahead = b"\x02\x02"  # the file's read and write version, of which 2 is the write-ahead log
    assert (tmp_path / "db" / "bklog.sqlite3").read_bytes()[18:20] == write_ahead


def test_postgresql_and_redis_and_a_store_that_answer(tmp_path: Path) -> None:
    with databases.postgresql() as database, servers.redis() as queue, store_stand_in(password="s3") as port:
        store = f"clickhouse://default:s3@127.0.0.1:{port}"
        found = parts(tmp_path, BKLOG_DATABASE_URL=database.url, BKLOG_MQ_URL=queue, BKLOG_STORE_URL=store)
        assert [part["ok"] for part in found.values()] == [True, True, True]
        refused = parts(
            tmp_path, BKLOG_DATABASE_URL=database.url.replace("word", "xxxx"), BKLOG_STORE_URL=store.replace("s3", "s4")
        )
        assert "authentication failed" in refused["database"]["message"]
        assert "Authentication failed" in refused["store"]["message"]


def test_postgresql_by_its_parts(tmp_path: Path) -> None:
    with databases.postgresql() as server:
        variables = {
            "BKLOG_DATABASE_ENGINE": "postgresql",
            "BKLOG_DATABASE_HOST": "127.0.0.1",
            "BKLOG_DATABASE_PORT": urlsplit(server.url).port,
            "BKLOG_DATABASE_NAME": "postgres",
            "BKLOG_DATABASE_USER": "bklog",
            "BKLOG_DATABASE_PASSWORD": "p@ss/word",
        }
        assert parts(tmp_path, **variables)["database"]["message"] == "postgresql answers"


def test_mariadb_answers(tmp_path: Path) -> None:
    with databases.mariadb() as server:
        assert parts(tmp_path, BKLOG_DATABASE_URL=server.url)["database"]["message"] == "mysql answers"
        assert "Access denied" in parts(tmp_path, BKLOG_DATABASE_URL=server.url.replace("ss@", "xx@"))["database"]["message"]


def test_redis_behind_a_sentinel_answers(tmp_path: Path) -> None:
    with servers.redis() as master, servers.sentinel(urlsplit(master).port or 0) as url:
        assert parts(tmp_path, BKLOG_MQ_URL=url)["mq"]["ok"]
        assert not parts(tmp_path, BKLOG_MQ_URL=url, BKLOG_MQ_SENTINEL_MASTER="other")["mq"]["ok"]


@pytest.mark.parametrize("scheme", ["redis", "amqp", "sentinel"])
def test_a_queue_that_does_not_answer_is_named_soon_and_without_its_password(tmp_path: Path, scheme: str) -> None:
    port = servers.free_port()
    found = parts(tmp_path, BKLOG_MQ_URL=f"{scheme}://u:hidden@127.0.0.1:{port}/0")["mq"]
    assert not found["ok"]
    assert f"127.0.0.1:{port}" in found["message"]
    assert "hidden" not in found["message"]
    assert found["milliseconds"] < 10_000
