"""What LogQL means, row by row in plain Python: the reference that the engine's answers are compared with."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bklog.query.logql.samples_sql import Times
from bklog.query.logql.tree import (
    Binary,
    Both,
    Compared,
    Decolorize,
    Either,
    Formatted,
    Grouping,
    Groups,
    Json,
    Kept,
    LabelFilter,
    LabelFormat,
    LineFilter,
    LineFormat,
    Logfmt,
    LogQuery,
    Matcher,
    Number,
    Placed,
    RangeAggregation,
    Unwrap,
    VectorAggregation,
)

Labels = dict[str, str]
Key = tuple[tuple[str, str], ...]
SECOND = 1_000_000_000
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


@dataclass
class Line:
    time: int
    text: str
    labels: Labels
    value: float = 0.0


def stored_line(row: Mapping[str, Any], labels: Labels, others: Sequence[str] = ()) -> Line:
    day, _, fraction = row["time"].partition(".")
    seconds = int(datetime.fromisoformat(f"{day}+00:00").timestamp())
    found = {**labels, **{name: row[name] for name in ("host", "path", "stream", "level")}}
    found |= {name: _text(row["fields"].get(name)) for name in ("service", *others)}
    return Line(seconds * SECOND + int(fraction), row["log"], {name: value for name, value in found.items() if value})


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def lines(query: LogQuery, rows: Iterable[Line]) -> list[Line]:
    found = [
        Line(row.time, row.text, dict(row.labels)) for row in rows if all(holds(one, row.labels) for one in query.matchers)
    ]
    for stage in query.stages:
        found = [line for line in found if apply(stage, line)]
    return found


def apply(stage: object, line: Line) -> bool:  # noqa: C901, PLR0912, PLR0915 - a table of stages
    """Changes the line; false where it does not pass."""
    match stage:
        case LineFilter(operator, texts):
            hit = any(re.search(text, line.text) if "~" in operator else text in line.text for text in texts)
            return hit != operator.startswith("!")
        case Json():
            _merge(line, _json(line, stage))
        case Logfmt(only):
            found = _logfmt(line.text)
            _merge(line, {one.label: found.get(one.path, "") for one in only} if only else found)
        case Groups():
            match = re.search(stage.expression.replace(r"\z", r"\Z"), line.text)
            named = [(name, place) for place, name in enumerate(stage.names, start=1) if name]
            _merge(line, {name: match[place] or "" for name, place in named} if match else {})
        case LabelFilter(condition):
            return passes(condition, line)
        case LineFormat(template):
            line.text = filled(template.pieces, line)
        case LabelFormat(changes):
            for change in changes:
                if isinstance(change, Formatted):
                    line.labels[change.label] = filled(change.template.pieces, line)
                elif change.source in line.labels:
                    line.labels[change.label] = line.labels.pop(change.source)
        case Kept(kind, labels):
            meant = {
                one if isinstance(one, str) else one.name for one in labels if isinstance(one, str) or holds(one, line.labels)
            }
            kept = kind == "keep"
            line.labels = {
                name: value
                for name, value in line.labels.items()
                if (name in meant) == kept or (kept and name.startswith("__error__"))
            }
        case Decolorize():
            line.text = re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", line.text)
        case Unwrap(label, conversion):
            if label not in line.labels:
                return False
            number = quantity(line.labels[label], conversion or "number")
            if number is None:
                line.labels["__error__"] = "SampleExtractionErr"
            else:
                line.value = number
                del line.labels[label]
        case other:
            raise TypeError(other)
    line.labels = {name: value for name, value in line.labels.items() if value}
    return True


def filled(pieces: Sequence[str | Placed], line: Line) -> str:
    return "".join(
        piece if isinstance(piece, str) else line.labels.get(piece.label, "") if piece.label else line.text for piece in pieces
    )


def holds(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    hit = bool(re.fullmatch(matcher.value, value, re.S)) if "~" in matcher.operator else value == matcher.value
    return hit != matcher.operator.startswith("!")


def passes(condition: object, line: Line) -> bool:
    match condition:
        case Matcher():
            return holds(condition, line.labels)
        case Both(left, right):
            return bool(passes(left, line) & passes(right, line))
        case Either(left, right):
            return bool(passes(left, line) | passes(right, line))
        case Compared(name, operator, wanted):
            if name not in line.labels:
                return False
            number = quantity(line.labels[name], wanted.unit)
            if number is None:
                line.labels["__error__"] = "LabelFilterErr"
                return True
            return compare(operator, number, wanted.value)
    raise TypeError(condition)


def compare(operator: str, one: float, other: float) -> bool:
    return {
        "=": one == other, "==": one == other, "!=": one != other, ">": one > other, ">=": one >= other, "<": one < other,
        "<=": one <= other,
    }[operator]  # fmt: skip


def quantity(text: str, unit: str) -> float | None:
    if unit == "duration":
        parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d|w|y)", text)
        if "".join(map("".join, parts)) != text.removeprefix("-") or not parts:
            return 0.0 if text == "0" else None
        return (-1 if text.startswith("-") else 1) * sum(float(count) * UNITS[one] for count, one in parts)
    if unit == "bytes":
        hit = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)(i?)b?\s*", text.lower())
        return float(hit[1]) * (1024 if hit[3] else 1000) ** " kmgtp".index(hit[2] or " ") if hit else None
    try:
        return float(text) if re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", text, re.I) else None
    except ValueError:
        return None


def _merge(line: Line, found: Mapping[str, str]) -> None:
    there = set(line.labels)
    for name, value in found.items():
        if value:
            line.labels[f"{name}_extracted" if name in there else name] = value


def _json(line: Line, stage: Json) -> Labels:
    try:
        document = json.loads(line.text, parse_float=str, parse_int=str)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        line.labels |= {"__error__": "JSONParserErr", "__error_details__": "the line is no JSON object"}
        return {}
    if stage.only:
        return {one.label: _scalar(_at(document, one.path)) for one in stage.only}
    return dict(_flat("", document))


def _flat(prefix: str, value: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, inner in value.items():
        clean = re.sub(r"[^a-zA-Z0-9_]", "_", key)
        name = prefix + (f"_{clean}" if not prefix and clean[:1].isdigit() else clean)
        if isinstance(inner, dict):
            yield from _flat(f"{name}_", inner)
        elif not isinstance(inner, list):
            yield name, _scalar(inner)


def _scalar(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _at(document: Any, path: str) -> Any:
    for name, place in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            document = document[int(place) if place else name]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _logfmt(text: str) -> Labels:
    """Of the well-formed lines that the tests make."""
    found: Labels = {}
    for name, quoted, plain in re.findall(r'([a-z0-9_.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', text):
        found.setdefault(name.replace(".", "_"), quoted.replace('\\"', '"') or plain)
    return found


# Metrics

FUNCTIONS: dict[str, Callable[[list[Line], float], float]] = {
    "count_over_time": lambda found, _: len(found),
    "rate": lambda found, seconds: len(found) / seconds,
    "bytes_over_time": lambda found, _: sum(len(line.text.encode()) for line in found),
    "bytes_rate": lambda found, seconds: sum(len(line.text.encode()) for line in found) / seconds,
    "sum_over_time": lambda found, _: math.fsum(line.value for line in found),
    "avg_over_time": lambda found, _: statistics.fmean(line.value for line in found),
    "min_over_time": lambda found, _: min(line.value for line in found),
    "max_over_time": lambda found, _: max(line.value for line in found),
    "stddev_over_time": lambda found, _: statistics.pstdev(line.value for line in found),
    "stdvar_over_time": lambda found, _: statistics.pvariance(line.value for line in found),
}
OPERATORS: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum, "avg": statistics.fmean, "min": min, "max": max, "count": len,
    "stddev": statistics.pstdev, "stdvar": statistics.pvariance,
}  # fmt: skip
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda one, other: one + other, "-": lambda one, other: one - other, "*": lambda one, other: one * other,
    "/": lambda one, other: one / other, "%": math.fmod, "^": math.pow,
}  # fmt: skip


def grouped(grouping: Grouping | None, labels: Mapping[str, str]) -> Key:
    if grouping is None:
        return tuple(sorted(labels.items()))
    return tuple(sorted((name, value) for name, value in labels.items() if (name in grouping.names) != grouping.without))


def samples(metric: object, rows: Sequence[Line], times: Times) -> list[dict[Key, float]]:
    """Of each time, the value of each series."""
    match metric:
        case RangeAggregation():
            return [_window(metric, lines(metric.query, rows), times.start + n * times.step) for n in range(times.count)]
        case VectorAggregation():
            return [_aggregated(metric, at) for at in samples(metric.inner, rows, times)]
        case Binary():
            return _calculated(metric, rows, times)
    raise TypeError(metric)


def _window(metric: RangeAggregation, found: Sequence[Line], moment: int) -> dict[Key, float]:
    end = moment - metric.offset
    series: dict[Key, list[Line]] = {}
    for line in found:
        if end - metric.width < line.time <= end:
            series.setdefault(grouped(metric.grouping, line.labels), []).append(line)
    return {key: _value(metric, held) for key, held in series.items()}


def _value(metric: RangeAggregation, found: list[Line]) -> float:
    seconds = metric.width / SECOND
    match metric.function:
        case "quantile_over_time":
            ordered = sorted(line.value for line in found)
            place = (metric.parameter or 0) * (len(ordered) - 1)
            low = math.floor(place)
            high = min(low + 1, len(ordered) - 1)
            return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
        case "first_over_time":
            return found[0].value
        case "last_over_time":
            return found[-1].value
        case "rate" if any(isinstance(stage, Unwrap) for stage in metric.query.stages):
            return math.fsum(line.value for line in found) / seconds
    return FUNCTIONS[metric.function](found, seconds)


def _aggregated(metric: VectorAggregation, at: Mapping[Key, float]) -> dict[Key, float]:
    groups: dict[Key, dict[Key, float]] = {}
    for key, value in at.items():
        groups.setdefault(grouped(metric.grouping, dict(key)), {})[key] = value
    if metric.parameter is None:
        return {key: OPERATORS[metric.operator](list(held.values())) for key, held in groups.items()}
    sign = -1 if metric.operator == "topk" else 1
    return {
        key: value
        for held in groups.values()
        for key, value in sorted(held.items(), key=lambda one: sign * one[1])[: metric.parameter]
    }


def _calculated(metric: Binary, rows: Sequence[Line], times: Times) -> list[dict[Key, float]]:
    legs = [leg.value if isinstance(leg, Number) else samples(leg, rows, times) for leg in (metric.left, metric.right)]
    found = []
    for n in range(times.count):
        left, right = (leg if isinstance(leg, float) else leg[n] for leg in legs)
        keys = set.intersection(*(set(leg) for leg in (left, right) if isinstance(leg, dict)))
        found.append(dict(_pairs(metric, left, right, keys)))
    return found


def _pairs(metric: Binary, left: Any, right: Any, keys: Iterable[Key]) -> Iterable[tuple[Key, float]]:
    for key in keys:
        one, other = (leg if isinstance(leg, float) else leg[key] for leg in (left, right))
        if metric.operator in ARITHMETIC:
            yield key, ARITHMETIC[metric.operator](one, other)
        elif metric.as_bool:
            yield key, float(compare(metric.operator, one, other))
        elif compare(metric.operator, one, other):
            yield key, other if isinstance(left, float) else one
