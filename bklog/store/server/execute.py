"""Call -> Answer: runs a statement on a leased connection and hands its result out in pieces.

SELECT:           streamed, block by block, only as fast as the client reads
INSERT with rows: `FROM INFILE` or `file(…)` over the memory file, so that the engine parses and no byte is copied in Python
the rest:         whole
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from bklog.store.server.body import Received, Rows
from bklog.store.server.call import Call
from bklog.store.server.engine import Engine
from bklog.store.server.errors import Code, engine_failure, refusal
from bklog.store.server.guard import check, check_settings, values_need_literals
from bklog.store.server.statements import Data, Kind, output_format
from bklog.store.server.worker import EngineConnection, EngineResult, Worker

PIECE_BYTES: Final = 512 * 1024
INLINE_VALUES_BYTES: Final = 256 * 1024  # as much as the engine parses of one statement


LITERALS_ONLY: Final = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}


@dataclass(slots=True)
class Progress:
    """The counts of X-ClickHouse-Summary, growing."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def add(self, result: EngineResult, body: bytes, *, is_select: bool) -> None:
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read() if is_select else result.rows_written()
        self.result_bytes += len(body)


@dataclass(frozen=True, slots=True)
class Statement:
    """What goes to the engine: SQL without rows, or with few of them."""

    sql: bytes
    kind: Kind
    format: str


def statement_of(call: Call, engine: Engine) -> Statement:
    """Raises StoreError: the statement is empty, or may not run here."""
    received = call.received
    if received.scan.kind is Kind.EMPTY:
        raise refusal(Code.SYNTAX_ERROR, "Empty query")
    check(received.scan, engine.outside)
    check_settings(call.settings)
    sql = _with_rows(received, engine) if received.scan.data and received.rows else received.sql
    return Statement(sql, received.scan.kind, output_format(received.scan.tokens) or call.format)


async def pieces(call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress) -> AsyncIterator[bytes]:
    """Pieces of the answer. The generator must be closed: a SELECT that is not read to its end is cancelled then."""
    since = time.monotonic_ns()
    try:
        await engine.run(worker, lambda: _prepare(worker, call, statement))
        steps = _stream if statement.kind is Kind.SELECT else _whole
        async for piece in steps(call, statement, engine, worker, progress):
            progress.elapsed_ns = time.monotonic_ns() - since
            yield piece
    except RuntimeError as error:
        raise engine_failure(error) from error
    finally:
        progress.elapsed_ns = time.monotonic_ns() - since


def _prepare(worker: Worker, call: Call, statement: Statement) -> None:
    worker.prepare(call.settings, call.database)
    found = worker.connection.classify_query(statement.sql.decode("utf-8", "surrogateescape"))
    if found["statement_count"] > 1:
        raise refusal(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
    if call.read_only and (found["query_class"].name != "READ_ONLY" or statement.kind is Kind.INSERT):
        raise refusal(
            Code.READONLY,
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly."
            " You should use method POST for modifying queries.",
        )


async def _stream(
    call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress
) -> AsyncIterator[bytes]:
    connection = worker.connection
    stream = await engine.run(worker, lambda: connection.send_query(statement.sql, statement.format, params=call.params))
    ended = False
    try:
        while not ended:
            piece, ended = await engine.run(worker, _fetching(connection, stream, progress))
            if piece:
                yield piece
    except RuntimeError:
        ended = True
        raise
    finally:
        if not ended:
            await engine.run(worker, lambda: connection.streaming_cancel_query(stream))


def _fetching(connection: EngineConnection, stream: Any, progress: Progress) -> Callable[[], tuple[bytes, bool]]:
    """Several blocks at once: a change of threads costs more than a small block."""

    def fetch() -> tuple[bytes, bool]:
        blocks: list[bytes] = []
        size = 0
        while size < PIECE_BYTES:
            result = connection.streaming_fetch_result(stream)
            block = result.bytes()
            if not block:
                return b"".join(blocks), True
            progress.add(result, block, is_select=True)
            blocks.append(block)
            size += len(block)
        return b"".join(blocks), False

    return fetch


async def _whole(
    call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress
) -> AsyncIterator[bytes]:
    connection = worker.connection

    def run() -> bytes:
        result = connection.query(statement.sql, statement.format, params=call.params)
        body = result.bytes()
        progress.add(result, body, is_select=statement.kind is not Kind.INSERT)
        if _leaves_traces(call.received):
            worker.discard()
        return body

    yield await engine.run(worker, run)


def _leaves_traces(received: Received) -> bool:
    """Whether a statement changed its connection: settings, the database, temporary tables."""
    words = {token.upper for token in received.scan.tokens[:3]}
    return received.scan.tokens[0].upper in {"SET", "USE"} or "TEMPORARY" in words


def _with_rows(received: Received, engine: Engine) -> bytes:
    data, rows = received.scan.data, received.rows
    if data is None or rows is None:
        return received.sql
    if data.call is not None:
        return _from_file(received.sql, data, rows)
    if data.is_values:
        return _values(received.sql, data, rows, engine)
    return _from_infile(received.sql, data, rows)


def _from_file(sql: bytes, data: Data, rows: Rows) -> bytes:
    """`input('a String') … FORMAT CSV` -> `file('/proc/self/fd/9', 'CSV', 'a String', 'none') …`"""
    call = data.call
    if call is None:
        return sql
    file = f"file('{rows.path}', '{data.format}', ".encode() + call.argument + f", '{rows.compression}')".encode()
    return sql[: call.start] + file + sql[call.end : data.sql_end]


def _from_infile(sql: bytes, data: Data, rows: Rows) -> bytes:
    """`INSERT INTO t (a) SETTINGS … FORMAT CSV` -> `INSERT INTO t (a) FROM INFILE '…' COMPRESSION 'none' SETTINGS … FORMAT CSV`"""
    infile = f" FROM INFILE '{rows.path}' COMPRESSION '{rows.compression}' ".encode()
    return sql[: data.infile_at] + infile + sql[data.infile_at : data.sql_end] + f" FORMAT {data.format}".encode()


def _values(sql: bytes, data: Data, rows: Rows, engine: Engine) -> bytes:
    """Few rows stay in the statement, where they may be expressions; many are read from the file, and as literals."""
    text = rows.read()
    if len(text) > INLINE_VALUES_BYTES:
        return _from_infile(sql, data, rows)
    return sql[: data.data_at] + text


def literal_settings(call: Call, engine: Engine) -> Call:
    """Rows of VALUES that the guard cannot clear are read without evaluating expressions."""
    data, rows = call.received.scan.data, call.received.rows
    if data is None or rows is None or not data.is_values:
        return call
    if rows.size <= INLINE_VALUES_BYTES and not values_need_literals(data, rows.read(), engine.outside):
        return call
    return replace(call, settings={**call.settings, **LITERALS_ONLY})
