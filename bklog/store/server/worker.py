"""Worker: one engine connection with its own thread, and the state that statements leave on it.

perform(job)  -> the job runs on the worker's thread, its result comes back to the event loop
prepare(want) -> SET and USE only what differs from what the connection has
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar, cast

from chdb import _chdb

Result = TypeVar("Result")
DEFAULT_DATABASE: Final = "default"


class EngineResult(Protocol):
    """An answer of the engine. `rows_read` counts the rows of the answer, `storage_*` what was read for it."""

    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...
    def rows_written(self) -> int: ...
    def bytes_written(self) -> int: ...


class EngineConnection(Protocol):
    def query(self, sql: str | bytes, output: str, *, params: Mapping[str, str] = ...) -> EngineResult: ...
    def classify_query(self, sql: str) -> dict[str, Any]: ...
    def close(self) -> None: ...


connect = cast("Callable[[str], EngineConnection]", getattr(_chdb, "connect"))  # noqa: B009 - its stub leaves it out


class Worker:
    """`name` marks this connection's statements in `system.processes`: that is how they are found and killed."""

    def __init__(self, name: str, address: str, base: Mapping[str, str]) -> None:
        self.name = name
        self.busy = False
        self._address = address
        self._base = {**base, "log_comment": name}
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._connection: EngineConnection | None = None
        self._settings: dict[str, str] = {}
        self._database = DEFAULT_DATABASE
        # A daemon: a statement that will not end cannot keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"store-{name}", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> EngineConnection:
        """Only for jobs of this worker: the engine runs one statement of a connection at a time."""
        if self._connection is None:
            self._connection = connect(self._address)
            self._settings = {}
            self._database = DEFAULT_DATABASE
            self._assign(self._base)
        return self._connection

    def submit(self, job: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        self._jobs.put((job, future))
        return future

    async def perform(self, job: Callable[[], Result]) -> Result:
        return await asyncio.wrap_future(self.submit(job))

    def prepare(self, settings: Mapping[str, str], database: str) -> None:
        """Raises RuntimeError of the engine for a setting or a database that it does not take."""
        try:
            self._bring_to(settings, database)
        except RuntimeError:
            # Either the request is wrong, or what an earlier one left cannot be undone (`readonly`): a fresh connection tells.
            self.discard()
            self._bring_to(settings, database)

    def _bring_to(self, settings: Mapping[str, str], database: str) -> None:
        connection = self.connection
        want = {**self._base, **settings}
        if "log_comment" in settings:
            want["log_comment"] = f"{self.name} {settings['log_comment']}"
        if database != self._database:
            connection.query(f"USE {quote_name(database)}", "Null")
            self._database = database
        self._assign(want)

    def discard(self) -> None:
        """Close the connection; the next job opens a fresh one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def stop(self, seconds: float) -> bool:
        """Close when the running job is done; says whether that was in time."""
        self._jobs.put((self.discard, Future()))
        self._jobs.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _assign(self, want: Mapping[str, str]) -> None:
        back = {name: self._base.get(name) for name in self._settings if name not in want}
        changed: dict[str, str | None] = {name: value for name, value in want.items() if self._settings.get(name) != value}
        assignments = [f"{quote_name(name)} = {quote(value)}" for name, value in (back | changed).items()]
        if assignments:
            self.connection.query(f"SET {', '.join(assignments)}", "Null")
        self._settings = dict(want)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, future = job
            if future.set_running_or_notify_cancel():
                _settle(future, call)
                if isinstance(future.exception(), RuntimeError):
                    # What the engine had written of an answer that failed would stand before the next one.
                    self.discard()
            del job, call, future


def quote(value: str | None) -> str:
    if value is None:
        return "DEFAULT"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed over to whoever awaits the job
        future.set_exception(error)
