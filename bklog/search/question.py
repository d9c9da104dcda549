"""Question: one analysis under way. What is asked becomes plans, each plan one statement, and all that they cost is summed.

body ─▶ Given ─▶ Question(query, range, fields) ─ ask(output) ─▶ rows ─▶ answer with its statistics
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bklog.errors import BadRequest, QuerySyntax
from bklog.query import Masking, Plan, find_field, plan_analysis, render
from bklog.query.fields import TableFields
from bklog.query.outputs import Analysis, Field, Located, Neighbours
from bklog.query.pipe.table import Table
from bklog.query.view.output import View
from bklog.records import Limits, Rows, Statement, to_nanoseconds
from bklog.search.addition import read_addition
from bklog.search.catalogue import FieldCatalogue
from bklog.search.explain import describe_plan
from bklog.search.given import Given
from bklog.search.reading import Asked, placed, read_request
from bklog.search.request import SearchRequest
from bklog.search.service import Explanation, measure, select
from bklog.store import LogTable, Searching

KEYS: Final = ("query", "addition", "start", "end", "masking")
Answer = dict[str, Any]


def asked_by(given: Given, *, now: datetime) -> SearchRequest:
    """What every analysis is asked with."""
    return SearchRequest(
        query=given.text("query"),
        time_range=given.time_range(now=now),
        conditions=read_addition(given.raw("addition", [])),
        masked=given.flag("masking", default=True),
    )


@dataclass(frozen=True, slots=True)
class Searched:
    """An index set as a question finds it: its tables, what who asks may not see of them, and what answers for them."""

    tables: Sequence[LogTable]
    masking: Masking
    store: Searching
    catalogue: FieldCatalogue
    limits: Limits


class Question:
    """Raises QuerySyntax and BadRequest as a search does; `names` are the fields that are asked about."""

    def __init__(self, request: SearchRequest, names: Sequence[str], searched: Searched) -> None:
        self._started = time.perf_counter()
        self._range = request.time_range
        self._asked = read_request(request)
        self._searched = searched
        self._store = searched.store.of(searched.tables)
        self._known = searched.catalogue.describe(searched.tables, [*self._asked.fields, *names])
        self._answers: list[Rows] = []
        self.start, self.end = to_nanoseconds(self._range.start), to_nanoseconds(self._range.end)

    @classmethod
    def read(cls, given: Given, *names: str, now: datetime, searched: Searched) -> Question:
        return cls(asked_by(given, now=now), names, searched)

    @property
    def asked(self) -> Asked:
        return self._asked

    def field(self, name: str) -> Field:
        if not name:
            raise BadRequest("no field is named", hint='name one, such as {"field": "level"}', code="unknown_field")
        return find_field(name, self._known)

    @property
    def limits(self) -> Limits:
        return self._searched.limits

    @property
    def known(self) -> Sequence[TableFields]:
        """What the planner knows of each table."""
        return self._known

    def plan(self, output: Analysis | Located | Neighbours | Table | View, *, of_scan: int | None = None) -> Plan:
        """Over all tables, or over the one of this number."""
        tables = self._known if of_scan is None else [self._known[of_scan]]
        try:
            return plan_analysis(
                self._asked.whole,
                tables=tables,
                time_range=self._range,
                output=output,
                masking=self._searched.masking,
            )
        except QuerySyntax as error:
            raise placed(error, self._asked, self._known) from error

    def ask(self, output: Analysis | Located | Table | View) -> Rows:
        return self.run(self.plan(output))

    def run(self, plan: Plan) -> Rows:
        return self.run_statement(render(plan))

    def run_statement(self, statement: Statement, *, limits: Limits | None = None) -> Rows:
        answer = select(statement, self._store, limits or self._searched.limits)
        self._answers.append(answer)
        return answer

    def explained(self, output: Analysis | Table | View) -> Answer:
        """What would be run, without running it."""
        plan = self.plan(output)
        statement = render(plan)
        explain = Statement(f"EXPLAIN indexes = 1 {statement.text}", statement.params)
        engine = "\n".join(str(line) for (line,) in select(explain, self._store, self._searched.limits).rows)
        return {"explanation": Explanation(str(self._asked.whole), describe_plan(plan), statement, engine).as_dict()}

    def answer(self, content: Answer) -> Answer:
        return {**content, "statistics": measure(self._answers, self._started).as_dict()}

    def ask_or_explain(self, given: Given, output: Analysis | Table | View, shape: Callable[[Rows], Answer]) -> Answer:
        """For an analysis of one statement."""
        return self.explained(output) if given.flag("explain") else self.answer(shape(self.ask(output)))
