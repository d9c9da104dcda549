"""`BKLOG_STORE_URL` -> Store. chdb:// is the embedded store's HTTP port, clickhouse:// a server or a cluster."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from bklog.errors import ConfigError
from bklog.store.base import Store
from bklog.store.clickhouse import ClickHouseStore, Server
from bklog.store.schema import Layout

HTTP_PORT: Final = 8123
HTTPS_PORT: Final = 8443
OPTIONS: Final = {"cluster", "secure"}
HINT: Final = "chdb:///folder, or clickhouse://user:password@host:8123/database?cluster=name"


def open_store(url: str, *, embedded: Server) -> Store:
    """`embedded` is where `bklog store` listens, for chdb:// URLs. Raises ConfigError for a URL that says nothing."""
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return ClickHouseStore(embedded, Layout())
    if parts.scheme != "clickhouse" or not parts.hostname:
        raise ConfigError(f"BKLOG_STORE_URL is {url!r}, which names no store", hint=HINT)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := sorted(set(options) - OPTIONS):
        raise ConfigError(f"BKLOG_STORE_URL has an unknown option {unknown[0]!r}", hint=f"known: {', '.join(sorted(OPTIONS))}")
    secure = options.get("secure") == "1"
    server = Server(
        host=parts.hostname,
        port=parts.port or (HTTPS_PORT if secure else HTTP_PORT),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        secure=secure,
    )
    return ClickHouseStore(server, Layout(database=parts.path.strip("/") or "bklog", cluster=options.get("cluster", "")))
