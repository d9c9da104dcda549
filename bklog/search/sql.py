"""sql: one SELECT of a person over the rows of an index set, read-only, looked at three times before it runs.

text ─ check (tokens) ─▶ engine's parser: which names ─▶ the view in place of `logs` ─▶ engine's analysis: which tables ─▶ rows
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bklog.errors import BadRequest, BklogError, StoreError
from bklog.query import MAX_ROWS, Plan, render
from bklog.query.view.check import check
from bklog.query.view.output import View
from bklog.query.view.tree import PARSED, RESOLVED, check_parsed, check_resolved, column_types
from bklog.records import Rows, Statement
from bklog.search.explain import describe_plan
from bklog.search.given import Given
from bklog.search.question import KEYS, Answer, Question, Searched
from bklog.search.service import Explanation

DEFAULT_ROWS: Final = 1_000
MAX_MESSAGE: Final = 500
MAX_TREE_LINES: Final = 1_000_000  # rules of masking are long expressions
# What the engine says of a statement that it cannot make sense of is the caller's affair; these are not.
_OF_STORE: Final = (159, 160, 202, 209, 210, 236, 241, 243, 252, 394, 60, 81, 497)
_NOISE: Final = re.compile(
    r"[.:,]?\s*(?:In (?:scope|query)|While |SELECT |WITH |\(version|Stack trace).*", re.DOTALL | re.IGNORECASE
)
_CODE: Final = re.compile(r"^.*?DB::Exception: ", re.DOTALL)


def sql(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """`query` chooses the rows that `logs` holds. Raises QuerySyntax: `sql_refused`; BadRequest: `sql_error`."""
    given = Given(raw, (*KEYS, "sql", "limit", "explain"))
    checked = check(given.text("sql"))
    limit = given.whole("limit", DEFAULT_ROWS, least=1, most=MAX_ROWS)
    question = Question.read(given, now=now, searched=searched)
    try:
        parsed = question.run_statement(Statement(PARSED + checked.text))
        check_parsed(_lines(parsed), checked.names, len(checked.text))
        plan = question.plan(View(checked, limit))
        return _answer(question, plan, given, limit)
    except StoreError as error:
        raise _explained(error) from error


def _answer(question: Question, plan: Plan, given: Given, limit: int) -> Answer:
    statement = render(plan)
    limits = replace(question.limits, result_rows=MAX_TREE_LINES)
    lines = _lines(question.run_statement(Statement(RESOLVED + statement.text, statement.params), limits=limits))
    check_resolved(lines, [scan.table for scan in plan.scans])
    if given.flag("explain"):
        text = given.text("sql")
        return {"explanation": Explanation(text, describe_plan(plan), statement, "\n".join(lines)).as_dict()}
    rows = question.run_statement(statement)
    typed = column_types(lines)
    types = dict(typed)
    names = rows.columns or [name for name, _ in typed]  # an answer without rows may name no columns
    columns = [{"name": name, "type": types.get(name, "")} for name in names]
    found = [[_value(one) for one in row] for row in rows.rows[:limit]]
    return question.answer({"columns": columns, "rows": found, "more": len(rows.rows) > limit})


def _lines(rows: Rows) -> list[str]:
    return [str(line) for (line,) in rows.rows]


def _explained(error: StoreError) -> BklogError:
    """The engine's sentence without the statement that it was about, which is not the caller's alone."""
    if error.engine_code in _OF_STORE or not error.engine_code:
        return error
    message = _NOISE.sub("", _CODE.sub("", error.message))[:MAX_MESSAGE]
    hint = "columns are time, host, path, stream, level, log, parse_error and fields with its paths, as in fields.status"
    return BadRequest(f"the engine cannot run it: {message}", hint=hint, code="sql_error")


def _value(value: object) -> Any:
    """What JSON has no form for is written as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _value(one) for key, one in value.items()}
        case list() | tuple():
            return [_value(one) for one in value]
        case _:
            return _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
