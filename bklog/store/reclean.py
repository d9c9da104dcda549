"""Stored rows -> the rows of another table, read anew by another clean rule. All of it is one INSERT … SELECT a piece.

    row ─▶ line ──prepare──▶ time, level, fields, parse_error of the new rule ─▶ row of the same arrival, batch and source
       └─▶ fields of before less what a reading of the line gives = what the sender had attached ─▶ put over the new fields

A piece is a span of arrivals, which no rule changes. A row of it that the target has already is left out, so that a piece
which was killed anywhere, or done twice, is there once. A line is never refused here, since it was acknowledged: where the new
rule reads a time that retention would let expire at once, the row stays at its arrival and is marked `time_too_old`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from bklog.clean import SETTINGS, CleanRule, compile_rule, json_type, read_json, reading_of
from bklog.records import COLUMNS, Statement
from bklog.store.base import LogTable, Piece, Rules
from bklog.store.schema import Layout

BEFORE: Final = "_before"  # of names of the old rule's reading
TOO_OLD: Final = "time_too_old"
ROW_BYTES: Final = 200  # what a row costs beside its line
ARRIVED: Final = "ingest_time >= {start:DateTime64(6,'UTC')} AND ingest_time < {end:DateTime64(6,'UTC')}"
NAMES: Final = tuple(column.name for column in COLUMNS)
COLUMN_LIST: Final = ", ".join(NAMES)
KEPT: Final = "ingest_time, batch, row, host, path, stream"  # what no rule changes


def arrivals(table: str, since: datetime, width: timedelta, layout: Layout) -> Statement:
    """A row for each span of arrivals that has rows: its start in seconds since 1970, rows."""
    text = (
        "SELECT intDiv(toUnixTimestamp(ingest_time), {width:UInt32}) * {width:UInt32} AS start, count() AS rows "
        f"FROM {layout.table(table)} WHERE ingest_time >= {{since:DateTime64(6,'UTC')}} GROUP BY start ORDER BY start"
    )
    return Statement(text, {"since": _moment(since), "width": int(width.total_seconds())})


def pieces(table: str, start: datetime, end: datetime, piece_bytes: int, layout: Layout) -> Statement:
    """A span cut where so many bytes have come, never within one arrival: (first arrival, last arrival, rows)."""
    each = (
        f"SELECT ingest_time, count() AS rows, sum(length(log) + {ROW_BYTES}) AS size "
        f"FROM {layout.table(table)} WHERE {ARRIVED} GROUP BY ingest_time"
    )
    cut = (
        "SELECT ingest_time, rows, intDiv(sum(size) OVER (ORDER BY ingest_time) - size, {piece_bytes:UInt64}) AS number "
        f"FROM ({each})"
    )
    text = (
        "SELECT toString(min(ingest_time)) AS first, toString(max(ingest_time)) AS last, sum(rows) AS total "
        f"FROM ({cut}) GROUP BY number ORDER BY number"
    )
    return Statement(text, {"start": _moment(start), "end": _moment(end), "piece_bytes": piece_bytes})


def count(table: str, piece: Piece | None, layout: Layout) -> Statement:
    where, params = (f" WHERE {ARRIVED}", _span(piece)) if piece else ("", {})
    return Statement(f"SELECT count() AS rows FROM {layout.table(table)}{where}", params)


def copy(
    piece: Piece, source: LogTable, target: LogTable, rules: Rules | None, kept_since: datetime, layout: Layout
) -> Statement:
    """`rules` is None where the rows stay as they are. `kept_since` is the oldest time that the target would keep."""
    rows = f"{ARRIVED} AND (batch, row) GLOBAL NOT IN (SELECT batch, row FROM {layout.table(target.name)} WHERE {ARRIVED})"
    if rules is None:
        select, params = f"SELECT {COLUMN_LIST} FROM {layout.table(source.name)} WHERE {rows}", {}
    else:
        select = f"{_cleaned(source, target, rules, rows, layout)} SETTINGS {_settings()}"
        params = {"kept_since": _moment(kept_since), "retention_days": target.retention_days, **_params(rules)}
    return Statement(f"INSERT INTO {layout.table(target.name)} ({COLUMN_LIST}) {select}", _span(piece) | params)


def read(piece: Piece, source: LogTable, layout: Layout) -> Statement:
    return Statement(f"SELECT {COLUMN_LIST} FROM {layout.table(source.name)} WHERE {ARRIVED}", _span(piece))


def _cleaned(source: LogTable, target: LogTable, rules: Rules, rows: str, layout: Layout) -> str:
    arrival = "toDateTime64(ingest_time, 9, 'UTC')"
    cleaning = compile_rule(rules.after, target.types, arrival=arrival)
    prepare = "".join(f", {expression} AS {alias}" for alias, expression in cleaning.prepare)
    found = ", ".join(f"{expression} AS {name}_found" for name, expression in cleaning.columns.items())
    before = (
        f"SELECT {KEPT}, time AS time_before, log AS line, toJSONString(fields) AS fields_before"
        f"{_said(rules.before, source)}{prepare} FROM {layout.table(source.name)} WHERE {rows}"
    )
    judged = (
        f"SELECT {KEPT}, line, {found}, {_sent(rules.before)} AS attached, time_found != time_before AND "
        f"(time_found < {arrival} - INTERVAL {{retention_days:UInt32}} DAY OR time_found < {{kept_since:DateTime64(6,'UTC')}}) "
        f"AS is_too_old FROM ({before})"
    )
    return (
        f"SELECT if(is_too_old, {arrival}, time_found) AS time, {KEPT}, level_found, line, {_fields(target)}, "
        f"if(is_too_old, '{TOO_OLD}', parse_error_found) FROM ({judged})"
    )


def _params(rules: Rules) -> dict[str, object]:
    return {**reading_of(rules.after).params, **reading_of(rules.before, suffix=BEFORE).params}


def _said(before: CleanRule, source: LogTable) -> str:
    """What the line itself gave, as texts of objects: read as JSON, which `jsonl` does under any rule, and by the rule."""
    reading = reading_of(before, suffix=BEFORE)
    texts = {"line": "line"} if reading.text == "line" else {"line": "line", "object": reading.text}
    prepare = "".join(f", {expression} AS {alias}" for alias, expression in reading.prepare)
    return prepare + "".join(
        f", {read_json(text, source.types)} AS {name}_parsed, toJSONString(assumeNotNull({name}_parsed)) AS {name}_said"
        for name, text in texts.items()
    )


def _sent(before: CleanRule) -> str:
    """What the sender attached is what neither reading gives."""
    unsaid = _attached("fields_before", "line_said")
    if reading_of(before).text == "line":
        return unsaid
    return _attached(f"({unsaid} AS unsaid)", "object_said", again="unsaid")


def _attached(fields: str, line: str, *, again: str = "") -> str:
    """What the sender attached: the members of `fields` that the line itself does not give, as the text of an object.

    A sender attaches members, and members of an object, and no deeper. One that says what the line says too needs no keeping.
    `again` is how `fields` is called once it has been computed.
    """
    inner = _object(_members("pair.2", f"JSONExtractRaw({line}, pair.1)", "inner", "inner.2"))
    is_object = f"startsWith(pair.2, '{{') AND JSONType({line}, pair.1) = 'Object'"
    outer = _object(_members(again or fields, line, "pair", f"if({is_object}, {inner}, pair.2)"))
    return f"if({fields} = {line}, '{{}}', {outer})"


def _members(text: str, beside: str, name: str, value: str) -> str:
    """`"key":value` for each member of the object `text` that is not the same in the object `beside`."""
    differs = f"{name} -> {name}.2 != 'null' AND {name}.2 != JSONExtractRaw({beside}, {name}.1)"
    pairs = f"arrayFilter({differs}, JSONExtractKeysAndValuesRaw({text}))"
    return f"arrayMap({name} -> concat(toJSONString({name}.1), ':', {value}), {pairs})"


def _object(members: str) -> str:
    return f"concat('{{', arrayStringConcat({members}, ','), '}}')"


def _fields(target: LogTable) -> str:
    merged = f"CAST(JSONMergePatch(toJSONString(fields_found), attached) AS {json_type(target.types)})"
    return f"if(attached = '{{}}', fields_found, {merged})"


def _settings() -> str:
    return ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())


def _span(piece: Piece) -> dict[str, object]:
    return {"start": _moment(piece.start), "end": _moment(piece.end)}


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
