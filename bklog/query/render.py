"""Plan -> Statement: which module writes the SQL of which output."""

from __future__ import annotations

from typing import assert_never

from bklog.query import arrived, extract, groups, histogram, neighbours, sample, sql
from bklog.query.outputs import (
    Analysis,
    Arrived,
    ArrivedCount,
    Distinct,
    FieldSample,
    Histogram,
    Located,
    Neighbours,
    Numbers,
    SliceCounts,
    Terms,
    TopValues,
)
from bklog.query.pipe import sql as pipe
from bklog.query.pipe.table import Table
from bklog.query.plan import Breaks, Count, Extract, GroupRows, Groups, Page, Plan, Spread
from bklog.query.view import sql as view
from bklog.query.view.output import View
from bklog.query.where import Binder
from bklog.records import Statement


def render(plan: Plan) -> Statement:
    bind = Binder(plan.masking)
    return Statement(_text(plan, bind), bind.params(), is_plain=isinstance(plan.output, Count | Page))


def _text(plan: Plan, bind: Binder) -> str:  # noqa: PLR0911 - one for each module
    match plan.output:
        case Count() | Page() as output:
            return sql.render(plan, output, bind)
        case Extract() | Spread() | Breaks() as output:
            return extract.render(plan, output, bind)
        case Located() | Neighbours() as output:
            return neighbours.render(plan, output, bind)
        case Arrived() | ArrivedCount() as output:
            return arrived.render(plan, output, bind)
        case Groups() | GroupRows() as output:
            return groups.render(plan, output, bind)
        case Table() as output:
            return pipe.render(plan, output, bind)
        case View() as output:
            return view.render(plan, output, bind)
        case analysis:
            return _analysis(plan, analysis, bind)


def _analysis(plan: Plan, output: Analysis, bind: Binder) -> str:
    match output:
        case Histogram() | SliceCounts():
            return f"{histogram.render(plan, output, bind)}{sql.masking_settings(plan)}"
        case Terms() | TopValues() | Distinct() | Numbers():
            return f"{groups.render(plan, output, bind)}{sql.masking_settings(plan)}"
        case FieldSample():
            return sample.render(plan, output, bind)
        case unreachable:
            assert_never(unreachable)
