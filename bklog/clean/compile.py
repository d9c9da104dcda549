"""CleanRule -> Cleaning: the SQL expressions that read a raw line. The only place that knows how a line becomes a row.

    line ──reading──▶ text of an object ──parsed──▶ moment ──▶ time, level, fields, parse_error

`prepare` is a chain of aliases, each of which may use the ones before it; `columns` are the table's columns made from them.
The expressions may use `line` and the arrival: the bound value {ingest_time:DateTime64(6,'UTC')}, or what the caller names.
They hold no user's value but field names, which CleanRule has checked against FIELD_NAME; a pattern is bound by `params`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bklog.clean.reading import Reading, reading_of
from bklog.clean.rule import FIELD_TYPES, CleanRule

MAX_DYNAMIC_PATHS: Final = 512  # a path more is kept in the shared map: found, but read slower
FUTURE_SECONDS: Final = 86_400  # a clock may be wrong by a time zone; more is no time to sort by
LEVEL_PREFIX_BYTES: Final = 200  # a level stands in front; further on it is a word of the message
LEVEL_WORDS: Final = (
    "fatal|critical|crit|alert|emerg|emergency|panic|severe|error|err|warning|warn|notice|info|debug|trace|verbose"
)
LEVEL_WORD: Final = f"extract(substring(line, 1, {LEVEL_PREFIX_BYTES}), '(?i)\\\\b({LEVEL_WORDS})\\\\b')"
LEVEL_SYNONYMS: Final = {
    **dict.fromkeys(("critical", "crit", "alert", "emerg", "emergency", "panic"), "fatal"),
    **dict.fromkeys(("err", "severe"), "error"),
    **dict.fromkeys(("warning",), "warn"),
    **dict.fromkeys(("notice", "information", "informational"), "info"),
    **dict.fromkeys(("verbose",), "trace"),
}
ARRIVAL: Final = "toDateTime64({ingest_time:DateTime64(6,'UTC')}, 9, 'UTC')"
# A comma before the milliseconds, as Java and Python write them; a colon after the day, as web servers do.
AS_THE_ENGINE_WRITES: Final = (
    "replaceRegexpOne(replaceRegexpOne(time_text, '(:[0-9]{2}),([0-9])', '\\\\1.\\\\2'), "
    "'^([0-9]{1,2}/[A-Za-z]{3}/[0-9]{4}):', '\\\\1 ')"
)
EPOCH_UNITS: Final = {
    "unix_seconds": 1_000_000_000,
    "unix_milliseconds": 1_000_000,
    "unix_microseconds": 1_000,
    "unix_nanoseconds": 1,
}
SETTINGS: Final[Mapping[str, int]] = {
    # A value that is not of its field's type, or a key that stands twice, must not refuse the line: the raw line is kept.
    "type_json_skip_invalid_typed_paths": 1,
    "type_json_skip_duplicated_paths": 1,
    # A string stays the string it was: inferred dates would come back in another form than they were sent in.
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
}


@dataclass(frozen=True, slots=True)
class Cleaning:
    """`prepare` is (alias, expression) in order; `columns` gives time, level, fields and parse_error."""

    prepare: tuple[tuple[str, str], ...]
    columns: Mapping[str, str]
    settings: Mapping[str, int]
    params: Mapping[str, str] = field(default_factory=dict)


def json_type(types: Mapping[str, str]) -> str:
    """The engine's type of the column `fields` for a rule's typed fields."""
    typed = "".join(f", `{name}` {FIELD_TYPES[kind]}" for name, kind in sorted(types.items()))
    return f"JSON(max_dynamic_paths={MAX_DYNAMIC_PATHS}{typed})"


def read_json(text: str, types: Mapping[str, str]) -> str:
    """The expression of a text read as the column `fields`; null where it is no JSON object. Needs SETTINGS."""
    return f"accurateCastOrNull({text}, '{_quoted(json_type(types))}')"


def compile_rule(rule: CleanRule, table_types: Mapping[str, str], *, arrival: str = ARRIVAL) -> Cleaning:
    """`table_types` are the typed fields that the table was made with: the column's type must be met exactly.

    `arrival` is the expression of the moment at which a line arrived, a DateTime64(9, 'UTC').
    """
    return _compile_text(table_types, arrival) if rule.kind == "text" else _compile_fields(rule, table_types, arrival)


def _compile_text(table_types: Mapping[str, str], arrival: str) -> Cleaning:
    return Cleaning(
        prepare=(),
        columns={
            "time": arrival,
            "level": _canonical_level(LEVEL_WORD),
            "fields": f"CAST('{{}}' AS {json_type(table_types)})",
            "parse_error": "''",
        },
        settings={},
    )


def _compile_fields(rule: CleanRule, table_types: Mapping[str, str], arrival: str) -> Cleaning:
    reading = reading_of(rule)
    prepare = [
        *reading.prepare,
        ("parsed", read_json(reading.text, table_types)),
        ("found", "assumeNotNull(parsed)"),
    ]
    errors = [("isNull(parsed)", reading.unread), *_type_errors(reading, table_types)]
    time = arrival
    if rule.time_field:
        prepare += _moment(rule)
        errors += [
            ("time_text = ''", "time_missing"),
            ("isNull(moment)", "time_unparsed"),
            (f"moment > {arrival} + INTERVAL {FUTURE_SECONDS} SECOND", "time_in_future"),
        ]
        time = f"if(isNull(moment) OR moment > {arrival} + INTERVAL {FUTURE_SECONDS} SECOND, {arrival}, assumeNotNull(moment))"
    return Cleaning(
        prepare=tuple(prepare),
        columns={
            "time": time,
            "level": _canonical_level(f"ifNull({_level(rule)}, '')"),
            "fields": "found",
            "parse_error": "multiIf(" + "".join(f"{test}, '{reason}', " for test, reason in errors) + "'')",
        },
        settings=SETTINGS,
        params=reading.params,
    )


def _level(rule: CleanRule) -> str:
    if rule.level_field:
        return f"toString({_path('found', rule.level_field)})"
    return "''" if rule.kind == "json" else LEVEL_WORD


def _moment(rule: CleanRule) -> list[tuple[str, str]]:
    """`moment` is Nullable(DateTime64(9)); numbers are counted exactly, as text, because a double loses nanoseconds."""
    number = "toInt64OrZero(splitByChar('.', time_text)[1])"
    fraction = "toInt64OrZero(rightPad(substring(splitByChar('.', time_text)[2], 1, 9), 9, '0'))"
    if rule.time_format == "auto":
        unit = (
            f"multiIf({number} < 100000000000, 1000000000, {number} < 100000000000000, 1000000, "
            f"{number} < 100000000000000000, 1000, 1)"
        )
        words = f"parseDateTime64BestEffortOrNull({AS_THE_ENGINE_WRITES}, 9, 'UTC')"
    else:
        unit, words = str(EPOCH_UNITS[rule.time_format]), "NULL"
    nanoseconds = f"time_number * time_unit + intDiv({fraction} * time_unit, 1000000000)"
    return [
        ("time_text", f"ifNull(toString({_path('found', rule.time_field)}), '')"),
        ("time_number", number),
        ("time_unit", unit),
        (
            "moment",
            "multiIf(NOT match(time_text, '^[0-9]{1,19}([.][0-9]+)?$'), "
            f"{words}, time_number > intDiv(9200000000000000000, time_unit), NULL, "
            f"fromUnixTimestamp64Nano({nanoseconds}, 'UTC'))",
        ),
    ]


def _type_errors(reading: Reading, types: Mapping[str, str]) -> list[tuple[str, str]]:
    """A typed value that is null although the line has one was not of its type. (Text takes any value.)"""
    nullable = [name for name, kind in sorted(types.items()) if FIELD_TYPES[kind].startswith("Nullable")]
    tests = [f"isNull({_path('found', name)}) AND JSONType({reading.text}, {_keys(name)}) != 'Null'" for name in nullable]
    return [(" OR ".join(f"({test})" for test in tests), "field_type")] if tests else []


def _canonical_level(expression: str) -> str:
    words = ", ".join(f"'{word}'" for word in LEVEL_SYNONYMS)
    levels = ", ".join(f"'{level}'" for level in LEVEL_SYNONYMS.values())
    return f"transform(lower({expression}), [{words}], [{levels}])"


def _path(column: str, name: str) -> str:
    return column + "".join(f".`{part}`" for part in name.split("."))


def _keys(name: str) -> str:
    return ", ".join(f"'{part}'" for part in name.split("."))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
