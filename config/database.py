"""Loaded → Django's DATABASES: the URL, or its parts, with what each engine needs to be safe under several processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import dj_database_url

from bklog.errors import ConfigError
from config.environ import Loaded

_SCHEMES: Final = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_BACKENDS: Final = {
    "sqlite": "django.db.backends.sqlite3",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "config.mysql",
}
_CONNECT_SECONDS: Final = 5
_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sqlite": {
        # Readers do not wait for the writer; a writer waits for the lock instead of failing half-way (IMMEDIATE).
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=10000",
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
    },
    "postgresql": {"connect_timeout": _CONNECT_SECONDS},
    "mysql": {
        "connect_timeout": _CONNECT_SECONDS,
        "charset": "utf8mb4",
        "init_command": "SET sql_mode='STRICT_TRANS_TABLES,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
        "isolation_level": "read committed",
    },
}


def databases(loaded: Loaded) -> dict[str, dict[str, Any]]:
    engine, parts = _from_url(loaded) if loaded.BKLOG_DATABASE_URL else _from_parts(loaded)
    if engine == "sqlite":
        parts["NAME"] = parts.get("NAME") or _file_in_home(loaded)
    return {"default": _with_options(engine, parts, max_age_seconds=loaded.BKLOG_DATABASE_MAX_AGE_SECONDS)}


def _from_url(loaded: Loaded) -> tuple[str, dict[str, Any]]:
    url: str = loaded.BKLOG_DATABASE_URL
    scheme = urlsplit(url).scheme
    engine = _SCHEMES.get(scheme)
    if engine is None:
        raise ConfigError(
            f"BKLOG_DATABASE_URL begins with {scheme or 'no scheme'}, which is no database that the platform knows",
            hint="sqlite:///file, postgresql://user:password@host:5432/name or mysql://user:password@host:3306/name",
        )
    try:
        return engine, dict(dj_database_url.parse(engine + url.removeprefix(scheme)))
    except ValueError as problem:
        raise ConfigError(
            "BKLOG_DATABASE_URL cannot be read", hint="write @ : / in a user or password as %40 %3A %2F"
        ) from problem


def _from_parts(loaded: Loaded) -> tuple[str, dict[str, Any]]:
    engine: str = loaded.BKLOG_DATABASE_ENGINE
    if engine == "sqlite" and loaded.BKLOG_DATABASE_HOST:
        raise ConfigError(
            "BKLOG_DATABASE_HOST is set, but the engine is sqlite, which has no host",
            hint="set BKLOG_DATABASE_ENGINE to postgresql or mysql",
        )
    if engine == "sqlite":
        return engine, {"NAME": loaded.BKLOG_DATABASE_NAME}
    names = ("HOST", "PORT", "NAME", "USER", "PASSWORD")
    return engine, {name: loaded[f"BKLOG_DATABASE_{name}"] or "" for name in names}


def _file_in_home(loaded: Loaded) -> str:
    """Its folder is made here, so that Django's own commands work before the first `bklog up`."""
    folder = loaded.home / "db"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise ConfigError(
            f"the folder of the database cannot be made: {folder}: {problem.strerror}",
            hint="set BKLOG_HOME to a folder that you may write",
        ) from problem
    return str(folder / "bklog.sqlite3")


def _with_options(engine: str, parts: dict[str, Any], *, max_age_seconds: int) -> dict[str, Any]:
    return {
        **parts,
        "ENGINE": _BACKENDS[engine],
        "CONN_MAX_AGE": max_age_seconds,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_OPTIONS[engine], **parts.get("OPTIONS", {})},
    }
