"""LineBatch -> the three statements of an insert: store the good lines, keep the refused ones, count what was stored.

    line ──prepare──▶ time, level, fields, parse_error ──reject?──▶ the collector's table | the table of rejects

All of it is one SELECT over the lines as they came, so that no line is touched outside the engine.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bklog.clean import Cleaning, compile_rule, json_type, reading_of
from bklog.records import COLUMNS, Statement
from bklog.store.base import LineBatch, LogTable
from bklog.store.schema import Layout
from bklog.store.upkeep import ledger_rows

REJECTS: Final = LogTable(name="rejects", retention_days=30, index="full")
ARRIVAL: Final = "{ingest_time:DateTime64(6,'UTC')}"
SOURCE: Final = "{host:String}, {path:String}, {stream:String}"


def store_lines(batch: LineBatch, layout: Layout, *, resumed: bool = False) -> Statement:
    """`resumed`: a part of the batch stands already; only the rest of it is stored."""
    table = layout.table(batch.table.name)
    columns = f"time, {ARRIVAL}, {{batch:UUID}}, row, {SOURCE}, level, line, {_fields(batch)}, parse_error"
    return Statement(_insert(batch, table, columns, "reject = ''" + _missing(table, resumed)), _params(batch))


def keep_rejects(batch: LineBatch, layout: Layout, *, resumed: bool = False) -> Statement:
    """Refused lines become rows of their own table, whose `log` is valid text and whose `fields` say why and hold the bytes."""
    why = "map('collector', {table:String}, 'reason', reject, 'base64', if(reject = 'bad_encoding', base64Encode(line), ''))"
    columns = (
        f"{ARRIVAL}, {ARRIVAL}, {{batch:UUID}}, row, {SOURCE}, '', toValidUTF8(line), "
        f"accurateCastOrNull(toJSONString({why}), 'JSON(max_dynamic_paths=512)'), reject"
    )
    table = layout.table(REJECTS.name)
    statement = _insert(batch, table, columns, "reject != ''" + _missing(table, resumed))
    return Statement(statement, _params(batch) | {"table": batch.table.known_as})


def count_lines(batch: LineBatch, table: str, layout: Layout) -> Statement:
    """What this very attempt stored in `table`: (request, parse_error, lines). A dropped duplicate has another ingest_time."""
    text = (
        "SELECT arrayFirstIndex(bound -> row < bound, {bounds:Array(UInt32)}) AS request, parse_error, count() AS lines "
        f"FROM {layout.table(table)} WHERE ingest_time = {ARRIVAL} AND batch = {{batch:UUID}} GROUP BY request, parse_error"
    )
    return Statement(text, {"bounds": list(batch.bounds), "ingest_time": _arrival(batch), "batch": str(batch.batch)})


def find_batch(batch: LineBatch, table: str, layout: Layout) -> Statement:
    """When a batch of this id was stored first, and how many of its lines stand there: (ingest_time as text, lines)."""
    found = f"FROM {layout.table(table)} WHERE batch = {{batch:UUID}}"
    text = f"SELECT toString(min(ingest_time)) AS first, count() AS lines {found}"
    return Statement(text, {"batch": str(batch.batch)})


def sum_ledger(table: str, since: datetime, layout: Layout) -> Statement:
    """What a table's requests brought since a moment: one row."""
    text = (
        "SELECT sum(requests) AS requests, sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate, "
        "sumMap(rejected) AS rejected_by_reason, sumMap(marked) AS marked, sum(bytes) AS size_bytes, "
        "if(count() = 0, NULL, toString(max(entries.last_request))) AS last_request "
        f"FROM {ledger_rows(layout)} AS entries WHERE table = {{table:String}} AND time >= {{since:DateTime64(3, 'UTC')}}"
    )
    return Statement(text, {"table": table, "since": since.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]})


def sum_ledgers(since: datetime, layout: Layout) -> Statement:
    """A row for each table that received something since a moment."""
    text = (
        "SELECT table, sum(requests) AS requests, sum(received) AS received, sum(stored) AS stored, "
        "sum(duplicate) AS duplicate, sum(arraySum(mapValues(rejected))) AS rejected, "
        "sum(arraySum(mapValues(marked))) AS marked, sum(bytes) AS size_bytes, "
        f"toString(max(entries.last_request)) AS last_request FROM {ledger_rows(layout)} AS entries "
        "WHERE time >= {since:DateTime64(3, 'UTC')} GROUP BY table ORDER BY table"
    )
    return Statement(text, {"since": since.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]})


def _insert(batch: LineBatch, table: str, columns: str, condition: str) -> str:
    cleaning = compile_rule(batch.rule, batch.table.types)
    prepare = "".join(f", {expression} AS {alias}" for alias, expression in cleaning.prepare)
    cleaned = ", ".join(f"{expression} AS {name}" for name, expression in cleaning.columns.items())
    line = "trim(TRAILING '\\r' FROM raw)" if b"\r\n" in batch.body else "raw"
    return (
        f"INSERT INTO {table} ({', '.join(column.name for column in COLUMNS)}) SELECT {columns} FROM ("
        f"SELECT row, line, {cleaned}, {_reject(batch)} AS reject FROM ("
        f"SELECT rowNumberInAllBlocks() AS row, {line} AS line{prepare} FROM input('raw String'))) "
        f"WHERE {condition}{_settings(cleaning)} FORMAT LineAsString"
    )


def _missing(table: str, resumed: bool) -> str:  # noqa: FBT001 - a condition, or none
    """The engine's tokens cannot tell: the part that stands may have come from another table."""
    return f" AND row GLOBAL NOT IN (SELECT row FROM {table} WHERE batch = {{batch:UUID}})" if resumed else ""


def _fields(batch: LineBatch) -> str:
    """What the sender attached is put over what the rule found: it is about where the line comes from."""
    if not batch.attached:
        return "fields"
    number = "" if batch.attached.first_line is None else "toString(row + {first_line:UInt64}), "
    attached = f"concat({{attached:String}}, {number}'}}')"
    text = attached if batch.rule.kind == "text" else f"JSONMergePatch(toJSONString(fields), {attached})"
    kind = json_type(batch.table.types).replace("'", "\\'")
    return f"CAST({text} AS {kind})"


def _attached(batch: LineBatch) -> dict[str, object]:
    """The object up to where a line's own number goes."""
    attached = batch.attached
    if not attached:
        return {}
    head = attached.constants.removesuffix("}") or "{"
    if attached.first_line is None:
        return {"attached": head}
    comma = "" if head == "{" else ","
    return {"attached": f'{head}{comma}"line_number":', "first_line": attached.first_line}


def _reject(batch: LineBatch) -> str:
    """The reason for which a line is refused, or ''. Only what can be true of this body is asked."""
    tests = []
    if not batch.body.isascii():
        tests.append("NOT isValidUTF8(line), 'bad_encoding'")
    if len(batch.body) > batch.max_line_bytes:
        tests.append("length(line) > {max_line_bytes:UInt64}, 'line_too_long'")
    if batch.rule.time_field:
        tests.append(f"time < {ARRIVAL} - INTERVAL {{retention_days:UInt32}} DAY, 'too_old'")
    return f"multiIf({', '.join(tests)}, '')" if tests else "''"


def _settings(cleaning: Cleaning) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in cleaning.settings.items())
    return f" SETTINGS {settings}" if settings else ""


def _params(batch: LineBatch) -> dict[str, object]:
    return {
        "ingest_time": _arrival(batch),
        "batch": str(batch.batch),
        "host": batch.source.host,
        "path": batch.source.path,
        "stream": batch.source.stream,
        "max_line_bytes": batch.max_line_bytes,
        "retention_days": batch.table.retention_days,
        **_attached(batch),
        **reading_of(batch.rule).params,
    }


def _arrival(batch: LineBatch) -> str:
    return batch.ingest_time.strftime("%Y-%m-%d %H:%M:%S.%f")
