"""Text of a variable → value of the setting's type, checked against its bounds and choices. Refuses with ConfigError."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeGuard

from bklog.errors import ConfigError
from config.table import Definition, Value

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def cast(definition: Definition, text: str, *, origin: str) -> Value:
    """`origin` names where the text stands, for the message."""
    try:
        value = _CASTS[definition.kind](text.strip())
    except ValueError as problem:
        raise _refusal(definition, text, f"must be a {definition.kind_name}", origin) from problem
    return check(definition, value, origin=origin)


def check(definition: Definition, value: object, *, origin: str) -> Value:
    """A value that has a type already: that of the default, inside its bounds, one of its choices."""
    if definition.kind is float and type(value) is int:
        value = float(value)
    if isinstance(value, list):
        value = tuple(value)
    if not _fits(value, definition):
        raise _refusal(definition, value, f"must be a {definition.kind_name}", origin)
    problem = _out_of_bounds(definition, value) or _no_choice(definition, value)
    if problem:
        raise _refusal(definition, value, problem, origin)
    return value


def _fits(value: object, definition: Definition) -> TypeGuard[Value]:
    if isinstance(value, bool) or definition.kind is bool:  # which Python counts among the whole numbers
        return isinstance(value, bool) and definition.kind is bool
    if isinstance(value, tuple):
        return definition.kind is tuple and all(isinstance(member, str) for member in value)
    return isinstance(value, definition.kind)


def _out_of_bounds(definition: Definition, value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    low, high = definition.meaning.low, definition.meaning.high
    if not math.isfinite(value):
        return "must be finite"
    if low is not None and value < low:
        return f"must be at least {low:g}"
    if high is not None and value > high:
        return f"must be at most {high:g}"
    return ""


def _no_choice(definition: Definition, value: object) -> str:
    members = value if isinstance(value, tuple) else (value,)
    if not definition.choices or all(member in definition.choices for member in members):
        return ""
    return "must be one of " + ", ".join(definition.choices)


def _refusal(definition: Definition, value: object, problem: str, origin: str) -> ConfigError:
    shown = "its value" if definition.meaning.secrecy != "open" else repr(str(value))
    return ConfigError(
        f"{definition.name} {problem}; {shown} is not (from {origin})",
        hint=f"{definition.name}: {definition.meaning.text} (docs/settings.md)",
        fields={"setting": definition.name},
    )


def _bool(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError(text)


def _list(text: str) -> tuple[str, ...]:
    return tuple(member.strip() for member in text.split(",") if member.strip())


def _path(text: str) -> Path:
    if not text:
        raise ValueError(text)
    return Path(text).expanduser().absolute()


_CASTS: Final[Mapping[type, Callable[[str], Value]]] = {
    bool: _bool,
    int: int,
    float: float,
    str: str,
    tuple: _list,
    Path: _path,
}
