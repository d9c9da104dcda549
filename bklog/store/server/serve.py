"""serve(config): the process of `bklog store`, from its locks to its exit.

    own folder -> listen -> open engine -> answer … SIGTERM -> refuse, let inserts end -> close engine -> return

One process without workers: `kill -9` of it frees the folder.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, cast

import uvicorn
import uvloop

from bklog.errors import ConfigError
from bklog.store.server.app import Interface, application
from bklog.store.server.config import ServerConfig
from bklog.store.server.engine import Engine
from bklog.store.server.pages import Connection, Pages
from bklog.store.server.running import UnderWay

logger = logging.getLogger("bklog.store")
CLOSE_SECONDS: Final = 10.0
BACKLOG: Final = 1024


def serve(config: ServerConfig) -> None:
    """Returns after SIGTERM or SIGINT. Raises ConfigError where it cannot start."""
    # Text without a zone means UTC, whatever the machine or a framework says.
    os.environ["TZ"] = "UTC"
    time.tzset()
    listener = _listen(config)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ended = runner.run(_serve(config, listener))
    logger.info("store stopped", extra={"clean": ended})
    if not ended:
        # A statement that does not end holds a thread inside the engine: leaving the normal way would wait for it.
        logging.shutdown()
        os._exit(1)


async def _serve(config: ServerConfig, listener: socket.socket) -> bool:
    engine = Engine(config)
    under_way = UnderWay(config)
    pages = Pages(engine, config, under_way)
    server = _Server(
        uvicorn.Config(
            application(Interface(engine, config, under_way)),
            http=cast("type[asyncio.Protocol]", partial(Connection, pages=pages)),
            loop="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # the application logs its own failures
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=2,
            backlog=BACKLOG,
        )
    )
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()[:2]
    logger.info("store started", extra={"path": str(config.path), "host": host, "port": port, "version": engine.version})
    await stopping.wait()
    logger.info("store stopping")
    finished = await under_way.drain()
    server.should_exit = True
    await serving
    closed = await asyncio.to_thread(engine.close, CLOSE_SECONDS)
    return finished and closed


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it would close the socket before running statements have ended."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(config: ServerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the store cannot listen on {config.host}:{config.port}: {error.strerror}",
            hint="stop what listens there, or set another port",
            code="store_port",
        ) from error
    return listener
