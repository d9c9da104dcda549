"""`python -m bklog.supervise.serve MODULE:NAME --host H --port P` serves an ASGI application with granian, in one process.

Granian's own command starts a worker that outlives a killed parent and keeps the port, so that no restart succeeds.
Embedded, the process that the supervisor knows is the one that listens. SIGTERM lets running requests end; an application that
gives answers without an end has `state.begin_stop`, which ends them.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
import sys
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from bklog.telemetry import logs
from config.environ import load

# As many connections may wait as one machine's senders open at once after a restart.
BACKLOG = 1024


async def serve(application: Any, *, host: str, port: int, log_config: dict[str, Any]) -> None:
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=BACKLOG,
        backpressure=BACKLOG,
        log_level=LogLevels.info,
        log_dictconfig=log_config,
    )
    loop = asyncio.get_running_loop()
    begin_stop = getattr(getattr(application, "state", None), "begin_stop", None)

    def stop() -> None:
        if begin_stop:
            begin_stop()
        server.stop()  # type: ignore[no-untyped-call]  # granian

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bklog.supervise.serve")
    parser.add_argument("application", help="MODULE:NAME of an ASGI application")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    loaded = load()
    log_config = logs.dict_config(logs.program_name(), loaded.BKLOG_LOG_LEVEL, loaded.BKLOG_LOG_FORMAT)
    module, _, name = given.application.partition(":")
    application = getattr(importlib.import_module(module), name)
    uvloop.run(serve(application, host=given.host, port=given.port, log_config=log_config))
    sys.exit(0)


if __name__ == "__main__":
    main()
