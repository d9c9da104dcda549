"""Engine: the opened folder, its connections in two lanes, and the one connection that kills.

lease(lane) -> a Worker for the time of one statement; more wait in line, and not for long
run(worker, job) -> the job's result; when the caller is cancelled the statement is killed and waited for
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from typing import IO, Final, TypeVar

from bklog.errors import ConfigError
from bklog.store.server.config import ServerConfig, base_settings, engine_xml
from bklog.store.server.errors import Code, engine_failure, refusal
from bklog.store.server.folder import own
from bklog.store.server.guard import Outside, outside
from bklog.store.server.worker import DEFAULT_DATABASE, EngineConnection, Worker, connect

logger = logging.getLogger("bklog.store")
Result = TypeVar("Result")
KILL_EVERY_SECONDS: Final = 0.1
STUCK_AFTER_SECONDS: Final = 30.0


class Lane:
    """Workers for one kind of statement, opened when first needed, and a bounded line before them."""

    def __init__(self, name: str, address: str, *, size: int, config: ServerConfig) -> None:
        self.name = name
        base = base_settings(config)
        self._make: Callable[[int], Worker] = lambda number: Worker(f"bklog-{name}-{number}", address, base)
        self._size = size
        self._config = config
        self._free: deque[Worker] = deque()
        self.workers: list[Worker] = []
        self._waiting = 0
        self._slots = asyncio.Semaphore(size)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Worker]:
        """Raises StoreError (TOO_MANY_SIMULTANEOUS_QUERIES)."""
        await self._enter()
        try:
            worker = self._take()
            worker.busy = True
            try:
                yield worker
            finally:
                worker.busy = False
                self._free.append(worker)
        finally:
            self._slots.release()

    async def _enter(self) -> None:
        if self._slots.locked() and self._waiting >= self._config.queue_length:
            raise self._full(f"and {self._waiting} wait already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._config.queue_seconds):
                await self._slots.acquire()
        except TimeoutError as error:
            raise self._full(f"and none ended in {self._config.queue_seconds:g} s") from error
        finally:
            self._waiting -= 1

    def _take(self) -> Worker:
        """The worker used last: its state and its memory are warm."""
        if self._free:
            return self._free.pop()
        worker = self._make(len(self.workers))
        self.workers.append(worker)
        return worker

    def _full(self, why: str) -> Exception:
        return refusal(
            Code.TOO_MANY_SIMULTANEOUS_QUERIES,
            f"Too many simultaneous queries. {self._size} of kind {self.name} run {why}",
        )


class Engine:
    """Raises ConfigError where the folder cannot be owned or opened."""

    def __init__(self, config: ServerConfig) -> None:
        self.lock: IO[str] = own(config.path)
        self._config = config
        self.files = config.files
        self.address = _address(config)
        self.control = Worker("bklog-control", self.address, base_settings(config))
        self.selects = Lane("select", self.address, size=config.connections, config=config)
        self.writes = Lane("write", self.address, size=config.insert_connections, config=config)
        self.kills = Lane("kill", self.address, size=1, config=config)  # never behind what it is to kill
        self.allowed: dict[bytes, None] = {}  # texts of statements, without rows, that have nothing of `outside`
        self.version, self.outside = self.control.submit(lambda: _open(self.address, self.control)).result()

    async def run(self, worker: Worker, job: Callable[[], Result]) -> Result:
        future = worker.submit(job)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            await self.kill(worker, future)
            raise

    async def kill(self, worker: Worker, future: Future[Result]) -> None:
        """Until it ends: a statement that is only being parsed is not in the list of processes yet."""
        since = time.monotonic()
        warned = False
        while not future.done():
            try:
                await self.control.perform(lambda: _kill(self.control, worker.name))
            except RuntimeError as error:
                # Such as memory that is used up for the moment: the connection must not be handed on while its statement runs.
                logger.warning(
                    "kill failed", extra={"connection": worker.name, "engine_code": engine_failure(error).engine_code}
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(KILL_EVERY_SECONDS):
                    await _ended(future)
            if not warned and time.monotonic() - since > STUCK_AFTER_SECONDS:
                warned = True
                logger.warning("statement does not end", extra={"connection": worker.name})

    def close(self, seconds: float) -> bool:
        """Close every connection; says whether all ended in time."""
        deadline = time.monotonic() + seconds
        workers = [*self.selects.workers, *self.writes.workers, *self.kills.workers, self.control]
        ended = [worker.stop(max(0.1, deadline - time.monotonic())) for worker in workers]
        return all(ended)


async def _ended(future: Future[Result]) -> None:
    while not future.done():  # noqa: ASYNC110 - a future of a thread; a wrapper of it would be cancelled with us
        await asyncio.sleep(0.005)


def _kill(control: Worker, name: str) -> None:
    # The name is first in the comment, before what the client may have added.
    sql = "KILL QUERY WHERE splitByChar(' ', Settings['log_comment'])[1] = {name:String} ASYNC"
    control.connection.query(sql, "Null", params={"name": name})


def _address(config: ServerConfig) -> str:
    path = config.path / "engine.xml"
    try:
        path.write_text(engine_xml(config), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the store cannot write {path}: {error.strerror}", hint="free space on its disk", code="store_folder"
        ) from error
    return f"{config.path}?config-file={path}"


def _open(address: str, control: Worker) -> tuple[str, Outside]:
    """Runs on the control worker, before any other connection."""
    try:
        first = connect(address)
    except RuntimeError as error:
        path = address.partition("?")[0]
        text = str(error).strip().splitlines()[0][:400]
        raise ConfigError(f"the engine cannot open {path}: {text}", hint="see the lines above", code="store_engine") from error
    _close_file_system(first)
    connection = control.connection
    first.close()
    return _column(connection, "SELECT version()")[0], _outside(connection)


def _close_file_system(connection: EngineConnection) -> None:
    """The engine opens `default` as an overlay of its tables and of every file of the machine; attach the tables alone."""
    sql = "SELECT engine, uuid FROM system.databases WHERE name = 'default' FORMAT TSV"
    engine, uuid = connection.query(sql, "TSV").bytes().decode().strip().split("\t")
    if engine != "Overlay":
        return
    connection.query(f"DETACH DATABASE {DEFAULT_DATABASE}", "Null")
    connection.query(f"ATTACH DATABASE {DEFAULT_DATABASE} UUID '{uuid}' ENGINE = Atomic", "Null")


def _outside(connection: EngineConnection) -> Outside:
    return outside(
        table_functions=_column(connection, "SELECT name FROM system.table_functions"),
        ai_functions=_column(connection, "SELECT name FROM system.functions WHERE categories ILIKE '%AI%' OR name ILIKE 'ai%'"),
        engines=_column(connection, "SELECT name FROM system.table_engines UNION ALL SELECT name FROM system.database_engines"),
    )


def _column(connection: EngineConnection, sql: str) -> list[str]:
    return connection.query(sql, "TSV").bytes().decode().splitlines()
