"""bklog store"""

from __future__ import annotations

from pathlib import Path

import click

from bklog.errors import ConfigError
from bklog.store.server.config import ServerConfig
from bklog.telemetry import logs
from config.environ import Loaded, load
from config.folders import export_folder
from config.store import store_address


@click.command()
@click.option(
    "--path", type=click.Path(path_type=Path, file_okay=False), help="Folder of the store.  [default: from BKLOG_STORE_URL]"
)
@click.option("--host", help="Address to listen on; other than loopback needs a password.  [default: BKLOG_STORE_HOST]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.  [default: BKLOG_STORE_PORT]"
)
def store(path: Path | None, host: str | None, port: int | None) -> None:
    """Serve the embedded log store: the ClickHouse HTTP interface over one folder, until SIGTERM."""
    # The engine's library takes a second to load: `bklog store --help` does without it.
    from bklog.store.server.serve import serve  # noqa: PLC0415

    loaded = load()
    logs.configure(logs.program_name(), loaded.BKLOG_LOG_LEVEL, loaded.BKLOG_LOG_FORMAT)
    serve(
        ServerConfig(
            path=path.absolute() if path else _folder(loaded),
            files=export_folder(loaded),
            host=host or loaded.BKLOG_STORE_HOST,
            port=loaded.BKLOG_STORE_PORT if port is None else port,
            password=loaded.BKLOG_STORE_PASSWORD,
            connections=loaded.BKLOG_STORE_CONNECTIONS,
            memory_bytes=loaded.BKLOG_STORE_MEMORY_BYTES,
            query_seconds=loaded.BKLOG_STORE_QUERY_SECONDS,
            drain_seconds=loaded.BKLOG_STORE_STOP_SECONDS,
        )
    )


def _folder(loaded: Loaded) -> Path:
    folder = store_address(loaded).folder
    if folder is None:
        raise ConfigError(
            "BKLOG_STORE_URL names a ClickHouse server, so there is no folder to serve",
            hint="leave `bklog store` out, or set BKLOG_STORE_URL=chdb://",
            code="store_not_embedded",
        )
    return folder.absolute()


COMMAND = store
