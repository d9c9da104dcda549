"""config/default.py → DEFINITIONS: its names, types, meanings and defaults as one table of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from config import default
from config.meaning import Meaning

Value = bool | int | float | str | tuple[str, ...] | Path


@dataclass(frozen=True, slots=True)
class Definition:
    """One setting. `choices` are the only values it may have (of a list: its members may have); empty means any."""

    name: str
    kind: type
    default: Value
    meaning: Meaning
    choices: tuple[str, ...] = ()

    @property
    def kind_name(self) -> str:
        return {str: "text", int: "whole number", float: "number", tuple: "list", Path: "path", bool: "yes or no"}[self.kind]


def _define(name: str, hint: Any) -> Definition:  # hint is a typing construct, which has no type of its own
    annotated, meaning = get_args(hint)
    value: Value = getattr(default, name)
    member = get_args(annotated)[0] if get_origin(annotated) is tuple else annotated
    choices = get_args(member) if get_origin(member) is Literal else ()
    return Definition(name, type(value) if not isinstance(value, Path) else Path, value, meaning, choices)


def _read() -> Mapping[str, Definition]:
    hints = get_type_hints(default, include_extras=True)
    return MappingProxyType({name: _define(name, hint) for name, hint in hints.items()})


DEFINITIONS: Final[Mapping[str, Definition]] = _read()
