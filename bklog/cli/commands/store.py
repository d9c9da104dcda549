"""`bklog store`: serves the log store of a folder until it is told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from bklog.store.server.config import ServerConfig


@click.command("store")
@click.option(
    "--path", type=click.Path(path_type=Path), default=Path("var/store"), show_default=True, help="Folder of the store."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; other than loopback needs a password."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8123,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--password", envvar="BKLOG_STORE_PASSWORD", default="", help="Password that every statement needs.")
def store(path: Path, host: str, port: int, password: str) -> None:
    """Serve the log store: the ClickHouse HTTP interface over an embedded engine."""
    # The engine's library takes a second to load; other commands do without it.
    from bklog.store.server.serve import serve  # noqa: PLC0415

    serve(ServerConfig(path=path.absolute(), host=host, port=port, password=password))


COMMAND = store
