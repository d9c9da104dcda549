"""Loaded → StoreAddress: where the log stores answer HTTP, the main one embedded or a server, the others servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from bklog.errors import ConfigError
from bklog.records import MAIN_STORE, StoreAddress
from config.address import reachable_host
from config.environ import Loaded

_SERVER_PORTS: Final = {"clickhouse": 8123, "clickhouses": 8443}
_SERVER_HINT: Final = "clickhouse://user:password@host:8123/db?cluster=name, clickhouses:// for TLS"
_HINT: Final = f"chdb://, chdb:///folder, {_SERVER_HINT}"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,49}")


def store_address(loaded: Loaded) -> StoreAddress:
    """The main store's."""
    parts = urlsplit(loaded.BKLOG_STORE_URL)
    if parts.scheme == "chdb":
        return _embedded(loaded, Path(unquote(parts.netloc + parts.path)))
    return _server("BKLOG_STORE_URL", parts)


def store_addresses(loaded: Loaded) -> dict[str, StoreAddress]:
    """Every store by its name, the main one first."""
    found = {MAIN_STORE: store_address(loaded)}
    for entry in loaded.BKLOG_STORES:
        name, _, url = entry.partition("=")
        if not _NAME.fullmatch(name) or name in found:
            message = f"BKLOG_STORES names a store {name.partition(':')[0]!r}"
            raise ConfigError(message, hint=f"name=URL; a name is 1 to 50 of a-z 0-9 _ -, only once, and not {MAIN_STORE}")
        found[name] = _server("BKLOG_STORES", urlsplit(url))
    return found


def _server(setting: str, parts: SplitResult) -> StoreAddress:
    if parts.scheme not in _SERVER_PORTS or not parts.hostname:
        message = f"{setting} begins with {parts.scheme or 'nothing'}://{parts.hostname or ''}, which is no log store"
        raise ConfigError(message, hint=_HINT if setting == "BKLOG_STORE_URL" else _SERVER_HINT)
    return StoreAddress(
        host=parts.hostname,
        port=parts.port or _SERVER_PORTS[parts.scheme],
        secure=parts.scheme == "clickhouses",
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or "bklog",
        cluster=_cluster(setting, parts),
    )


def _cluster(setting: str, parts: SplitResult) -> str:
    options = parse_qs(parts.query)
    if unknown := sorted(set(options) - {"cluster"}):
        raise ConfigError(f"{setting} has an unknown option {unknown[0]!r}", hint=_HINT)
    return options.get("cluster", [""])[-1]


def _embedded(loaded: Loaded, folder: Path) -> StoreAddress:
    return StoreAddress(
        host=reachable_host(loaded.BKLOG_STORE_HOST),
        port=loaded.BKLOG_STORE_PORT,
        password=loaded.BKLOG_STORE_PASSWORD,
        folder=folder if str(folder) != "." else loaded.home / "store",
    )
