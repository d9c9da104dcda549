"""Call -> Answer: runs a statement on a leased connection and hands its result out in pieces.

SELECT:           `INTO OUTFILE` a pipe: the engine writes one document of any format, only as fast as the client reads;
                  or the end of a file that the client reads (`append.py`); a page, held back anyway, in one go
INSERT with rows: `FROM INFILE` or `file(…)` over the memory file, so that the engine parses and no byte is copied in Python
the rest:         whole
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from bklog.store.server.append import TICK, TICK_SECONDS, Append, opened
from bklog.store.server.body import REMEMBERED_BYTES, Received, Rows
from bklog.store.server.call import Call
from bklog.store.server.engine import Engine
from bklog.store.server.errors import Code, engine_failure, refusal
from bklog.store.server.guard import check, check_settings, values_need_literals
from bklog.store.server.pipe import Pipe
from bklog.store.server.respond import SPOOL_MEMORY_BYTES
from bklog.store.server.statements import Data, InputCall, Kind, Output, output
from bklog.store.server.worker import EngineResult, Worker, quote_name

INLINE_VALUES_BYTES: Final = 256 * 1024  # as much as the engine parses of one statement
PAGE_BYTES: Final = SPOOL_MEMORY_BYTES  # what is held back of an answer without a file
PAGE_SETTINGS: Final = {
    "max_result_bytes": str(PAGE_BYTES),
    "output_format_parallel_formatting": "0",  # its threads take 0.4 ms to begin
}
REMEMBERED_TEXTS: Final = 1_000
_classified: dict[tuple[Any, ...], tuple[int, bool]] = {}
Key = TypeVar("Key")
Value = TypeVar("Value")
LIMITS_OF_RESULTS: Final = frozenset({"max_result_bytes", "result_overflow_mode"})
LITERALS_ONLY: Final = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}


@dataclass(slots=True)
class Progress:
    """The counts of X-ClickHouse-Summary: known when the statement has ended."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def finish(self, result: EngineResult, *, inserts: bool) -> None:
        self.read_rows = result.storage_rows_read()
        self.read_bytes = result.storage_bytes_read()
        self.written_rows = result.rows_written()
        self.written_bytes = result.bytes_written()
        self.result_rows = result.rows_written() if inserts else result.rows_read()


@dataclass(frozen=True, slots=True)
class Statement:
    """What goes to the engine: SQL without rows, or with few of them. `format` is that of the answer."""

    sql: bytes
    kind: Kind
    format: str


def statement_of(call: Call, engine: Engine) -> Statement:
    """Raises StoreError: the statement is empty, or may not run here."""
    received = call.received
    if received.scan.kind is Kind.EMPTY:
        raise refusal(Code.SYNTAX_ERROR, "Empty query")
    _check_once(received, engine)
    check_settings(call.settings)
    sql = _with_rows(received) if received.scan.data and received.rows else received.sql
    return Statement(sql, received.scan.kind, output(received.scan.tokens).format or call.format)


def _check_once(received: Received, engine: Engine) -> None:
    """A text that was allowed is allowed again: of a search, looking takes 0.2 ms."""
    if received.sql in engine.allowed:
        return
    check(received.scan, engine.outside)
    _remember(engine.allowed, received.sql, None, text=received.sql)


async def pieces(
    call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress
) -> AsyncGenerator[bytes, None]:
    """Pieces of the answer. The generator must be closed: a statement that is not read to its end is killed then."""
    since = time.monotonic_ns()
    try:
        if is_page(call, statement):
            whole = await engine.run(worker, lambda: page(worker, call, statement, progress))
            if whole is not None:
                progress.result_bytes = len(whole)
                yield whole
                return
        parses = await engine.run(worker, lambda: _prepare(worker, call, statement))
        # What does not parse goes to the engine as it came: its error quotes the statement.
        streams = statement.kind is Kind.SELECT and parses
        async with aclosing(_steps(call, statement, engine, worker, progress, streams=streams)) as produced:
            async for piece in produced:
                progress.result_bytes += len(piece)
                yield piece
    except RuntimeError as error:
        raise engine_failure(error) from error
    finally:
        progress.elapsed_ns = time.monotonic_ns() - since


def is_page(call: Call, statement: Statement) -> bool:
    """The client takes no byte before the last: a pipe and a second job would be half a millisecond for nothing."""
    has_own_limits = not LIMITS_OF_RESULTS.isdisjoint(call.settings)
    return call.wait_end and call.append is None and statement.kind is Kind.SELECT and not has_own_limits


def page(worker: Worker, call: Call, statement: Statement, progress: Progress) -> bytes | None:
    """The answer; nothing where it is larger than may be held in memory, or does not parse: then the long way is taken."""
    bounded = replace(call, settings={**call.settings, **PAGE_SETTINGS})
    if not _prepare(worker, bounded, statement):
        return None
    clause = output(call.received.scan.tokens)  # after half a statement the engine would take it for a table
    sql = statement.sql[: clause.at] + statement.sql[clause.end :] if clause.format else statement.sql
    try:
        result = worker.connection.query(sql, statement.format, params=call.params)
    except RuntimeError as error:
        if engine_failure(error).engine_code == Code.TOO_MANY_ROWS_OR_BYTES and "max bytes" in str(error):
            worker.discard()  # with what it has written of the answer
            return None
        raise
    progress.finish(result, inserts=False)
    return result.bytes()


def _prepare(worker: Worker, call: Call, statement: Statement) -> bool:
    """Brings the connection to the call's settings; says whether the engine's parser reads the statement."""
    worker.prepare(call.settings, call.database)
    sql = call.received.sql if call.received.rows else statement.sql
    count, is_reading = _classify(sql, call.settings, worker)
    if count > 1:
        raise refusal(Code.SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)")
    if call.read_only and (not is_reading or statement.kind is Kind.INSERT):
        raise refusal(
            Code.READONLY,
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly."
            " You should use method POST for modifying queries.",
        )
    return bool(count)


def _classify(sql: bytes, settings: Mapping[str, str], worker: Worker) -> tuple[int, bool]:
    """How many statements the engine reads in a text, under these settings, and whether they only read.

    Values are beside the text, so that searches of one shape have one text: the parser is not asked again (0.4 ms) for it.
    """
    key = (sql, *sorted(settings.items()))
    known = _classified.get(key)
    if known is None:
        found = worker.connection.classify_query(sql.decode("utf-8", "surrogateescape"))
        known = (found["statement_count"], found["query_class"].name == "READ_ONLY")
        _remember(_classified, key, known, text=sql)
    return known


def _remember(known: dict[Key, Value], key: Key, value: Value, *, text: bytes) -> None:
    """What was found of a text that may come again. Where there are too many, all begin anew."""
    if len(text) > REMEMBERED_BYTES:
        return
    if len(known) >= REMEMBERED_TEXTS:
        known.clear()
    known[key] = value


def _steps(
    call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress, *, streams: bool
) -> AsyncGenerator[bytes, None]:
    if call.append is None:
        return (_stream if streams else _whole)(call, statement, engine, worker, progress)
    if not streams:
        raise refusal(Code.BAD_ARGUMENTS, "only the rows of a SELECT can be added to a file")
    return _append(call, call.append, statement, engine, worker, progress)


async def _append(
    call: Call, append: Append, statement: Statement, engine: Engine, worker: Worker, progress: Progress
) -> AsyncGenerator[bytes, None]:
    connection = worker.connection
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    with opened(engine.files, append) as path:
        sql = _into(path, statement, output(call.received.scan.tokens), how="APPEND")
        future = worker.submit(lambda: connection.query(sql, statement.format, params=call.params))
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
        try:
            while not future.done():
                yield TICK  # the first says that the file is cut, so that what the client finds beyond is new
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await ended.wait()
            progress.finish(future.result(), inserts=False)
        finally:
            await engine.kill(worker, future)


async def _stream(
    call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress
) -> AsyncGenerator[bytes, None]:
    pipe = Pipe()
    connection = worker.connection
    sql = _into(pipe.path, statement, output(call.received.scan.tokens))

    def run() -> EngineResult:
        try:
            return connection.query(sql, statement.format, params=call.params)
        finally:
            pipe.close_writing()

    future = worker.submit(run)
    try:
        while piece := await pipe.read():
            yield piece
        progress.finish(await asyncio.wrap_future(future), inserts=False)
    finally:
        await asyncio.gather(engine.kill(worker, future), pipe.drain())
        pipe.close_reading()


async def _whole(
    call: Call, statement: Statement, engine: Engine, worker: Worker, progress: Progress
) -> AsyncGenerator[bytes, None]:
    connection = worker.connection

    def run() -> bytes:
        result = connection.query(statement.sql, statement.format, params=call.params)
        progress.finish(result, inserts=statement.kind is Kind.INSERT)
        body = result.bytes()
        if _leaves_traces(call.received):
            worker.discard()
        return body

    yield await engine.run(worker, run)


def _into(path: str, statement: Statement, clause: Output, *, how: str = "TRUNCATE") -> bytes:
    """`SELECT … FORMAT CSV` -> `SELECT … INTO OUTFILE '…' TRUNCATE FORMAT CSV`"""
    outfile = f"\nINTO OUTFILE '{path}' {how}\n".encode()
    named = statement.sql[clause.at : clause.end] if clause.format else f"FORMAT {quote_name(statement.format)}".encode()
    return statement.sql[: clause.at] + outfile + named


def _leaves_traces(received: Received) -> bool:
    """Whether a statement changed its connection: settings, the database, temporary tables."""
    words = {token.upper for token in received.scan.tokens[:3]}
    return received.scan.tokens[0].upper in {"SET", "USE"} or "TEMPORARY" in words


def _with_rows(received: Received) -> bytes:
    data, rows = received.scan.data, received.rows
    if data is None or rows is None:
        return received.sql
    if data.call is not None:
        return _from_file(received.sql, data, data.call, rows)
    if data.is_values and rows.size <= INLINE_VALUES_BYTES:
        # Few rows stay in the statement, where they may be expressions.
        return received.sql + rows.read()
    return _from_infile(received.sql, data, rows)


def _from_file(sql: bytes, data: Data, call: InputCall, rows: Rows) -> bytes:
    """`input('a String') … FORMAT CSV` -> `file('/proc/self/fd/9', 'CSV', 'a String', 'none') …`"""
    file = f"file('{rows.path}', '{data.format}', ".encode() + call.argument + f", '{rows.compression}')".encode()
    return sql[: call.start] + file + sql[call.end : data.sql_end]


def _from_infile(sql: bytes, data: Data, rows: Rows) -> bytes:
    """`INSERT INTO t (a) SETTINGS … FORMAT CSV` -> `INSERT INTO t (a) FROM INFILE '…' … SETTINGS … FORMAT CSV`"""
    infile = f" FROM INFILE '{rows.path}' COMPRESSION '{rows.compression}' ".encode()
    return sql[: data.infile_at] + infile + sql[data.infile_at : data.sql_end] + f" FORMAT {data.format}".encode()


def literal_settings(call: Call, engine: Engine) -> Call:
    """Rows of VALUES that the guard cannot clear are read without evaluating expressions."""
    data, rows = call.received.scan.data, call.received.rows
    if data is None or rows is None or not data.is_values:
        return call
    if rows.size <= INLINE_VALUES_BYTES and not values_need_literals(data, rows.read(), engine.outside):
        return call
    return replace(call, settings={**call.settings, **LITERALS_ONLY})
