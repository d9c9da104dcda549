"""A JSON object of a request -> its keys, each read as what it must be, or refused by name.

Raises BadRequest: `parsing_exception` for a wrong key or type, `illegal_argument_exception` for a value out of bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bklog.errors import BadRequest

PARSING: Final = "parsing_exception"
ILLEGAL: Final = "illegal_argument_exception"


def wrong(message: str, hint: str = "") -> BadRequest:
    """The request cannot be read."""
    return BadRequest(message, hint=hint, code=PARSING)


def illegal(message: str, hint: str = "") -> BadRequest:
    """The request can be read, and asks for what is not there."""
    return BadRequest(message, hint=hint, code=ILLEGAL)


class Keys:
    """`where` names the object in refusals. A key with null is as one that is not there."""

    def __init__(self, raw: object, known: Sequence[str], where: str) -> None:
        if not isinstance(raw, Mapping):
            raise wrong(f"[{where}] is no object")
        unknown = sorted(str(key) for key in set(raw) - set(known))
        if unknown:
            raise wrong(f"[{where}] does not support [{unknown[0]}]", f"supported here: {', '.join(known)}")
        self._given = {key: value for key, value in raw.items() if value is not None}
        self._where = where

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def raw(self, key: str, default: Any = None) -> Any:
        return self._given.get(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._given.get(key, default)
        if not isinstance(value, str):
            raise wrong(f"[{self._where}] needs [{key}], a string")
        return whole(value)

    def value(self, key: str) -> str:
        """A single value as the text that it is compared by."""
        return text_of(self._given.get(key), f"{self._where}.{key}")

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._given.get(key, default)
        if isinstance(value, str) and value in ("", "true", "false"):  # as it stands in a path's query
            return value != "false"
        if not isinstance(value, bool):
            raise wrong(f"[{self._where}] [{key}] is true or false")
        return value

    def number(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number, which may stand in text."""
        value = self._given.get(key, default)
        if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() and len(value) < 20:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(f"[{self._where}] [{key}] is a whole number")
        if not least <= value <= most:
            raise illegal(f"[{key}] is {value}, and must be from {least} to {most}")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        return real_of(self._given.get(key, default), f"{self._where}.{key}")

    def only(self, key: str, *allowed: object) -> None:
        """The key may be there, with one of these values alone: those that change nothing here."""
        value = self._given.get(key, allowed[0])
        if not any(value == one and type(value) is type(one) for one in allowed):
            raise illegal(f"[{self._where}] [{key}] cannot be {str(value)[:60]}", f"leave [{key}] out")


def real_of(value: object, where: str) -> float:
    """Raises BadRequest for what is no finite number, which may stand in text."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise wrong(f"[{where}] is a number")
    return number


def text_of(value: object, where: str) -> str:
    match value:
        case str():
            return whole(value)
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
    raise wrong(f"[{where}] is a string, a number, or true or false")


def whole(text: str) -> str:
    """JSON can hold half a character; no stored row can."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise wrong("half of a character stands in a string: the text was cut or encoded wrongly")
    return text


def items(raw: object) -> list[Any]:
    """One or several: the clauses of a bool query, sort, _source."""
    return raw if isinstance(raw, list) else [] if raw is None else [raw]


def single(raw: object, where: str) -> tuple[str, Any]:
    """The one key of an object, and its value."""
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise wrong(f"[{where}] is an object with exactly one key")
    ((key, value),) = raw.items()
    return whole(str(key)), value


def names(raw: Iterable[object], where: str) -> Iterator[str]:
    for one in raw:
        if not isinstance(one, str):
            raise wrong(f"[{where}] holds names, which are strings")
        yield whole(one)
