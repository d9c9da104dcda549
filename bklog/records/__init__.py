"""Values that several packages speak of: frozen, checked when made, no I/O."""

from bklog.records.columns import COLUMNS, IDENTITY, Column
from bklog.records.statement import Limits, Rows, Statement
from bklog.records.timerange import TimeRange, to_nanoseconds

__all__ = ["COLUMNS", "IDENTITY", "Column", "Limits", "Rows", "Statement", "TimeRange", "to_nanoseconds"]
