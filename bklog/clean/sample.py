"""A few lines and a rule -> the statement that says what the rule would make of them: the same SQL as of lines that come in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bklog.clean.compile import ARRIVAL, compile_rule
from bklog.clean.rule import CleanRule
from bklog.records import Statement

COLUMNS: Final = (
    "concat(replaceOne(toString(time), ' ', 'T'), 'Z') AS time_text, level, toJSONString(fields) AS fields_text, parse_error"
)


def sample(lines: Sequence[str], rule: CleanRule, *, arrival: datetime, retention_days: int) -> Statement:
    """A row for each line, in their order: time, level, fields as JSON, parse_error, and whether it would be refused as old."""
    cleaning = compile_rule(rule, rule.types)
    prepare = "".join(f", {expression} AS {alias}" for alias, expression in cleaning.prepare)
    cleaned = ", ".join(f"{expression} AS {name}" for name, expression in cleaning.columns.items())
    is_too_old = f"time < {ARRIVAL} - INTERVAL {{retention_days:UInt32}} DAY" if rule.time_field else "false"
    settings = "".join(f", {name} = {value}" for name, value in cleaning.settings.items())
    text = (
        f"SELECT {COLUMNS}, {is_too_old} AS is_too_old FROM (SELECT {cleaned} FROM (SELECT raw AS line{prepare} FROM "
        "(SELECT arrayJoin(JSONExtract({lines:String}, 'Array(String)')) AS raw))) "
        f"SETTINGS max_threads = 1{settings}"
    )
    moment = arrival.strftime("%Y-%m-%d %H:%M:%S.%f")
    params = {"lines": json.dumps(lines), "ingest_time": moment, "retention_days": retention_days, **cleaning.params}
    return Statement(text, params)
