"""Clean rules: CleanRule -> SQL expressions over a raw line. Pure: no Django, no engine, no I/O."""

from bklog.clean.compile import SETTINGS, Cleaning, compile_rule, json_type, read_json
from bklog.clean.reading import reading_of
from bklog.clean.rule import FIELD_NAME, FIELD_TYPES, CleanRule
from bklog.clean.sample import sample

__all__ = [
    "FIELD_NAME",
    "FIELD_TYPES",
    "SETTINGS",
    "CleanRule",
    "Cleaning",
    "compile_rule",
    "json_type",
    "read_json",
    "reading_of",
    "sample",
]
