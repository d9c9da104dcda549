"""Loaded → StoreAddress: where the log store answers HTTP, embedded or a server."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from bklog.errors import ConfigError
from bklog.records import StoreAddress
from config.address import reachable_host
from config.environ import Loaded

_SERVER_PORTS: Final = {"clickhouse": 8123, "clickhouses": 8443}
_HINT: Final = "chdb://, chdb:///folder, clickhouse://user:password@host:8123/db?cluster=name, clickhouses:// for TLS"


def store_address(loaded: Loaded) -> StoreAddress:
    parts = urlsplit(loaded.BKLOG_STORE_URL)
    if parts.scheme == "chdb":
        return _embedded(loaded, Path(unquote(parts.netloc + parts.path)))
    if parts.scheme not in _SERVER_PORTS or not parts.hostname:
        message = f"BKLOG_STORE_URL begins with {parts.scheme or 'nothing'}://{parts.hostname or ''}, which is no log store"
        raise ConfigError(message, hint=_HINT)
    return StoreAddress(
        host=parts.hostname,
        port=parts.port or _SERVER_PORTS[parts.scheme],
        secure=parts.scheme == "clickhouses",
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or "bklog",
        cluster=_cluster(parts),
    )


def _cluster(parts: SplitResult) -> str:
    options = parse_qs(parts.query)
    if unknown := sorted(set(options) - {"cluster"}):
        raise ConfigError(f"BKLOG_STORE_URL has an unknown option {unknown[0]!r}", hint=_HINT)
    return options.get("cluster", [""])[-1]


def _embedded(loaded: Loaded, folder: Path) -> StoreAddress:
    return StoreAddress(
        host=reachable_host(loaded.BKLOG_STORE_HOST),
        port=loaded.BKLOG_STORE_PORT,
        password=loaded.BKLOG_STORE_PASSWORD,
        folder=folder if str(folder) != "." else loaded.home / "store",
    )
