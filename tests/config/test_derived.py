"""Settings → what Django, kombu and the store's client are given."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bklog.errors import ConfigError
from config.address import entry_url
from config.database import databases
from config.environ import ROOT, load
from config.queue import message_queue
from config.secrets import ensure_secret_key
from config.store import store_address

POSTGRES = {"HOST": "db", "PORT": 5433, "NAME": "logs", "USER": "u", "PASSWORD": "p@ss"}


def database(home: Path, **variables: str) -> dict[str, Any]:
    return databases(load({"BKLOG_HOME": str(home), **variables}))["default"]


def picked(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in wanted}


def test_dev_has_sqlite_in_write_ahead_mode_under_its_home(tmp_path: Path) -> None:
    found = database(tmp_path)
    assert found["NAME"] == str(tmp_path / "db" / "bklog.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in found["OPTIONS"]["init_command"]


def test_a_database_is_named_by_its_url_or_by_its_parts(tmp_path: Path) -> None:
    by_url = database(tmp_path, BKLOG_DATABASE_URL="postgresql://u:p%40ss@db:5433/logs")
    parts = {f"BKLOG_DATABASE_{name}": str(value) for name, value in POSTGRES.items()}
    by_parts = database(tmp_path, BKLOG_DATABASE_ENGINE="postgresql", **parts)
    assert picked(by_url, POSTGRES) == picked(by_parts, POSTGRES) == POSTGRES
    assert by_url["ENGINE"] == by_parts["ENGINE"] == "django.db.backends.postgresql"


def test_the_url_wins_over_the_parts(tmp_path: Path) -> None:
    found = database(tmp_path, BKLOG_DATABASE_URL="postgres://u:p@right/n", BKLOG_DATABASE_HOST="wrong")
    assert found["HOST"] == "right"


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"BKLOG_DATABASE_URL": "oracle://h/n"}, "oracle"),
        ({"BKLOG_DATABASE_URL": "db.example"}, "no scheme"),
        ({"BKLOG_DATABASE_URL": "postgresql://u:p@h:port/n"}, "cannot be read"),
        ({"BKLOG_DATABASE_HOST": "db"}, "sqlite, which has no host"),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused(tmp_path: Path, variables: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        database(tmp_path, **variables)


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"BKLOG_MQ_URL": "redis://:p@h/0"}, "redis://:p@h/0"),
        ({"BKLOG_MQ_HOST": "h"}, "redis://h/"),
        ({"BKLOG_MQ_HOST": "h", "BKLOG_MQ_PORT": "6380", "BKLOG_MQ_PASSWORD": "a/b"}, "redis://:a%2Fb@h:6380/"),
        (
            {
                "BKLOG_MQ_ENGINE": "amqp",
                "BKLOG_MQ_HOST": "a;b",
                "BKLOG_MQ_USER": "u",
                "BKLOG_MQ_PASSWORD": "p",
                "BKLOG_MQ_NAME": "v",
            },
            "amqp://u:p@a/v;amqp://u:p@b/v",
        ),
        (
            {"BKLOG_MQ_ENGINE": "sentinel", "BKLOG_MQ_HOST": "a;b", "BKLOG_MQ_PORT": "26379"},
            "sentinel://a:26379/;sentinel://b:26379/",
        ),
    ],
)
def test_a_queue_is_named_by_its_url_or_by_its_parts(variables: dict[str, str], url: str) -> None:
    found = message_queue(load(variables))
    assert (found.url, found.socket) == (url, None)


def test_without_a_queue_there_is_the_embedded_one_behind_a_socket_of_the_home(tmp_path: Path) -> None:
    found = message_queue(load({"BKLOG_HOME": str(tmp_path)}))
    assert found.socket == tmp_path / "run" / "broker.sock"
    assert found.url == f"redis+socket://{found.socket}"


def test_a_socket_whose_path_would_be_too_long_stands_in_a_folder_of_its_own(tmp_path: Path) -> None:
    found = message_queue(load({"BKLOG_HOME": str(tmp_path / ("long" * 30))}))
    assert found.socket is not None
    assert len(str(found.socket)) < 100


@pytest.mark.parametrize("url", ["kafka://h", "redis://a;amqp://b", "h:6379"])
def test_a_queue_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="BKLOG_MQ_URL"):
        message_queue(load({"BKLOG_MQ_URL": url}))


def test_sentinels_are_asked_for_the_master() -> None:
    found = message_queue(load({"BKLOG_MQ_URL": "sentinel://a;sentinel://b", "BKLOG_MQ_SENTINEL_MASTER": "m"}))
    assert found is not None
    assert found.transport_options["master_name"] == "m"


@pytest.mark.parametrize(
    ("url", "found_url", "folder", "user", "database_name"),
    [
        ("chdb://", "http://127.0.0.1:20123", "/h/store", "default", "bklog"),
        ("chdb:///srv/logs", "http://127.0.0.1:20123", "/srv/logs", "default", "bklog"),
        ("clickhouse://u:p@ch/logs?cluster=c", "http://ch:8123", None, "u", "logs"),
        ("clickhouses://ch:9443", "https://ch:9443", None, "default", "bklog"),
    ],
)
def test_a_store_is_embedded_or_a_server(url: str, found_url: str, folder: str | None, user: str, database_name: str) -> None:
    found = store_address(load({"BKLOG_HOME": "/h", "BKLOG_STORE_URL": url, "BKLOG_STORE_PORT": "20123"}))
    assert (found.url, str(found.folder) if found.folder else None) == (found_url, folder)
    assert (found.user, found.database) == (user, database_name)


@pytest.mark.parametrize("url", ["elastic://h", "clickhouse://", "nonsense"])
def test_a_store_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="BKLOG_STORE_URL"):
        store_address(load({"BKLOG_STORE_URL": url}))


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:8000"), ("10.0.0.5", "http://10.0.0.5:8000"), ("::1", "http://[::1]:8000")]
)
def test_what_listens_everywhere_is_reached_on_loopback(host: str, url: str) -> None:
    assert entry_url(load({"BKLOG_BIND_HOST": host}, with_fleet=False)) == url


def test_a_secret_key_is_made_once_for_all_who_start_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: ensure_secret_key(tmp_path), range(32)))
    file = tmp_path / "secrets" / "secret-key"
    assert len(keys) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret-key"]


def django_settings(home: Path, *names: str, **variables: str) -> dict[str, Any]:
    """Django's settings in a process of their own, as they are with these variables."""
    code = f"import json, settings; print(json.dumps({{name: getattr(settings, name) for name in {names!r}}}))"
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BKLOG_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": str(ROOT), "BKLOG_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_django_gets_secure_cookies_and_headers_with_https(tmp_path: Path) -> None:
    names = ("SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "DEBUG")
    assert django_settings(tmp_path, *names, BKLOG_HTTPS="yes") == {
        "SESSION_COOKIE_SECURE": True,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31536000,
        "DEBUG": False,
    }
    assert not any(django_settings(tmp_path, *names).values())


def test_django_knows_the_platforms_settings_by_their_names(tmp_path: Path) -> None:
    found = django_settings(
        tmp_path, "BKLOG_PORT", "ENVIRONMENT", "ALLOWED_HOSTS", BKLOG_PORT="8123", BKLOG_ALLOWED_HOSTS="x.example"
    )
    assert found["BKLOG_PORT"] == 8123
    assert found["ENVIRONMENT"] == "dev"
    assert found["ALLOWED_HOSTS"][-1] == "x.example"
