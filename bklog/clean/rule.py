"""CleanRule: how the lines of a collector are read. A value; `compile_rule` turns it into SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bklog.clean.pattern import MAX_PATTERN_CHARACTERS, groups_of
from bklog.errors import BadRequest

KINDS: Final = ("text", "json", "regexp", "logfmt")
FIELD_TYPES: Final = {
    "string": "String",
    "keyword": "LowCardinality(String)",
    "int": "Nullable(Int64)",
    "float": "Nullable(Float64)",
    "bool": "Nullable(Bool)",
}
TIME_FORMATS: Final = ("auto", "unix_seconds", "unix_milliseconds", "unix_microseconds", "unix_nanoseconds")
FIELD_NAME: Final = re.compile(r"[A-Za-z_@][A-Za-z0-9_@-]{0,127}(\.[A-Za-z_@][A-Za-z0-9_@-]{0,127}){0,9}")
MAX_FIELDS: Final = 200  # typed paths are columns of every part: hundreds make merges slow


@dataclass(frozen=True, slots=True)
class CleanRule:
    """`types` gives a field's type by its dotted path; `time_field` is the field that says when the line happened.

    `pattern` is that of a regexp rule: its named groups are the fields. Where a rule of text, regexp or logfmt names no
    `level_field`, the level is the first level word of the line.

    Raises BadRequest (`clean_rule`) for a rule that cannot be compiled.
    """

    kind: str
    types: Mapping[str, str] = field(default_factory=dict)
    time_field: str = ""
    time_format: str = "auto"
    level_field: str = "level"
    pattern: str = ""

    def __post_init__(self) -> None:
        _require_one_of("kind", self.kind, KINDS)
        _require_one_of("time_format", self.time_format, TIME_FORMATS)
        if len(self.types) > MAX_FIELDS:
            raise _refuse(
                f"{len(self.types)} typed fields; at most {MAX_FIELDS} are possible", "type only fields you filter by"
            )
        for name, kind in self.types.items():
            _require_field_name(name)
            _require_one_of(f"the type of {name}", kind, tuple(FIELD_TYPES))
        for name in filter(None, (self.time_field, self.level_field)):
            _require_field_name(name)
        if self.kind == "text" and (self.types or self.time_field):
            raise _refuse("a text rule reads no fields", 'use kind "json", or leave types and time_field out')
        if self.kind == "regexp":
            _require_groups(self.pattern, self.time_field)
        elif self.pattern:
            raise _refuse(f"a {self.kind} rule has no pattern", 'use kind "regexp", or leave pattern out')

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> CleanRule:
        """Read a rule as the API takes and the database keeps it; refuses keys it does not know."""
        if not isinstance(raw, Mapping):
            raise _refuse("a clean rule is an object", 'for example {"kind": "json", "time_field": "ts"}')
        unknown = sorted(set(raw) - set(cls.__slots__))
        if unknown:
            raise _refuse(f"unknown key {unknown[0]!r}", f"known keys: {', '.join(cls.__slots__)}")
        types = raw.get("types", {})
        texts = {key: value for key, value in raw.items() if key != "types"}
        if not isinstance(types, Mapping) or not all(isinstance(value, str) for value in [*types.values(), *texts.values()]):
            raise _refuse("types is an object of strings and every other key is a string", "")
        return cls(**{"kind": "text", **texts, "types": dict(types)})

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def _refuse(message: str, hint: str) -> BadRequest:
    return BadRequest(f"clean rule: {message}", hint=hint, code="clean_rule")


def _require_one_of(what: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise _refuse(f"{what} is {value!r}", f"one of: {', '.join(valid)}")


def _require_field_name(name: str) -> None:
    if not FIELD_NAME.fullmatch(name):
        raise _refuse(f"{name!r} is no field name", "letters, digits, _ @ - and dots between the parts")


def _require_groups(pattern: str, time_field: str) -> None:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise _refuse(f"the pattern has {len(pattern)} characters", f"at most {MAX_PATTERN_CHARACTERS} are possible")
    names = [name for name in groups_of(pattern) if name]
    if not names or "\\Q" in pattern:
        raise _refuse("the pattern names no group", r"for example ^(?P<level>[A-Z]+) (?P<message>.*)$; \Q is not taken")
    if len(names) > min(len(set(names)), MAX_FIELDS):
        raise _refuse("two groups of the pattern have one name", f"each of at most {MAX_FIELDS} has its own")
    for name in names:
        _require_field_name(name)
    if time_field and time_field not in names:
        raise _refuse(f"no group of the pattern is named {time_field}", f"time_field is one of: {', '.join(names)}")
