"""Loaded → StoreAddress: where the log store answers HTTP, embedded or a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bklog.errors import ConfigError
from config.environ import Loaded

_SERVER_PORTS: Final = {"clickhouse": 8123, "clickhouses": 8443}


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """`folder` is where the embedded store keeps its data; of a server it is None."""

    url: str
    user: str
    password: str
    database: str
    folder: Path | None

    @property
    def is_embedded(self) -> bool:
        return self.folder is not None


def store_address(loaded: Loaded) -> StoreAddress:
    url: str = loaded.BKLOG_STORE_URL
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return _embedded(loaded, Path(unquote(parts.netloc + parts.path)))
    if parts.scheme not in _SERVER_PORTS or not parts.hostname:
        raise ConfigError(
            f"BKLOG_STORE_URL begins with {parts.scheme or 'nothing'}://{parts.hostname or ''}, which is no log store",
            hint="chdb://, chdb:///folder, clickhouse://user:password@host:8123/db, clickhouses:// for TLS",
        )
    scheme = "https" if parts.scheme == "clickhouses" else "http"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return StoreAddress(
        url=f"{scheme}://{host}:{parts.port or _SERVER_PORTS[parts.scheme]}",
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or "default",
        folder=None,
    )


def _embedded(loaded: Loaded, folder: Path) -> StoreAddress:
    host = "127.0.0.1" if loaded.BKLOG_STORE_HOST in ("", "0.0.0.0", "::") else loaded.BKLOG_STORE_HOST  # noqa: S104
    return StoreAddress(
        url=f"http://{host}:{loaded.BKLOG_STORE_PORT}",
        user="default",
        password=loaded.BKLOG_STORE_PASSWORD,
        database="default",
        folder=folder if str(folder) != "." else loaded.home / "store",
    )
