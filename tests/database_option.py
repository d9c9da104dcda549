"""pytest --database sqlite|postgresql|mysql: which database the tests run on. And the marker `database`, which is set here.

The server is started once, before Django reads its settings, and shared by the processes of `-n`. A test has the marker
when it reaches a database, through Django or through a fleet: the others do the same on all three, and so do those that
start database servers themselves.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from typing import Final

import pytest
from django.conf import settings

from tests.databases import SERVERS, SHARED_SERVER, new_database

_DJANGO_FIXTURES: Final = {"db", "transactional_db", "django_db_setup"}
_STARTERS_OF_FLEETS: Final = {"RunningFleet", "Site", "fresh_variables"}
_started: Final = ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", *SERVERS), default="sqlite", help="run the tests on this database")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Before pytest-django, which reads the settings at the same hook."""
    kind: str = early_config.known_args_namespace.database
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    if kind == "sqlite":
        _use_a_file()
    else:
        if SHARED_SERVER not in os.environ:
            _start(kind)
        _let_django_use(os.environ[SHARED_SERVER])
    return (yield)


def pytest_unconfigure() -> None:
    _started.close()


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {config.getoption('database')}"


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and _reaches_a_database(item):
        item.add_marker("database")


def _start(kind: str) -> None:
    try:
        server = _started.enter_context(SERVERS[kind]())
    except pytest.skip.Exception as missing:
        pytest.exit(f"SKIPPED: no test runs on {kind}: {missing}", returncode=0)
    os.environ[SHARED_SERVER] = server.url
    _started.callback(os.environ.pop, SHARED_SERVER)


def _use_a_file() -> None:
    """As in a fleet. Django's own choice, one in memory, fails at once where a file waits for its lock."""
    folder = _started.enter_context(tempfile.TemporaryDirectory(prefix="bklog-"))
    settings.DATABASES["default"]["TEST"] = {"NAME": f"{folder}/test.sqlite3"}


def _let_django_use(server_url: str) -> None:
    """Only Django of this process: what a test starts says itself which database it means."""
    os.environ["BKLOG_DATABASE_URL"] = new_database(server_url)
    try:
        assert settings.DATABASES
    finally:
        del os.environ["BKLOG_DATABASE_URL"]


def _reaches_a_database(item: pytest.Function) -> bool:
    if item.get_closest_marker("django_db") or _DJANGO_FIXTURES & set(item.fixturenames):
        return True
    makers = [definition.func for found in item._fixtureinfo.name2fixturedefs.values() for definition in found]
    known = [getattr(function, "__globals__", {}) for function in (item.function, *makers)]
    return any(_STARTERS_OF_FLEETS & names.keys() for names in known) and not hasattr(item.module, "SERVERS")
