"""The key `addition` of a search -> Conditions: the filters that stand beside the query's text, as the page sends them."""

from __future__ import annotations

from typing import Any, Final

from bklog.errors import BadRequest
from bklog.query.conditions import Condition

MAX_CONDITIONS: Final = 100
KEYS: Final = ("field", "operator", "value", "condition")
HINT: Final = '"addition": [{"field": "level", "operator": "=", "value": ["error"]}]'


def read_addition(raw: object) -> tuple[Condition, ...]:
    """Raises BadRequest (`search_request`)."""
    if not isinstance(raw, list):
        raise _refuse("it is no list")
    if len(raw) > MAX_CONDITIONS:
        raise _refuse(f"it has {len(raw)} conditions; at most {MAX_CONDITIONS} are read")
    return tuple(_condition(one) for one in raw)


def _condition(raw: object) -> Condition:
    if not isinstance(raw, dict):
        raise _refuse("a condition is no object")
    unknown = sorted(str(key) for key in set(raw) - set(KEYS))
    if unknown:
        raise _refuse(f"unknown key {unknown[0]!r}; known keys: {', '.join(KEYS)}")
    joined = raw.get("condition", "and")
    if not isinstance(joined, str) or joined.lower() != "and":
        raise _refuse("conditions are joined by and; write OR in the query's text, or several values in one condition")
    field, operator = raw.get("field"), raw.get("operator")
    if not isinstance(field, str) or not isinstance(operator, str):
        raise _refuse("field and operator are strings")
    return Condition(_whole(field), _whole(operator), _values(raw.get("value")))


def _values(raw: object) -> tuple[str, ...]:
    """One value or a list; none, and an empty list, are no value."""
    values: list[Any] = raw if isinstance(raw, list) else [] if raw is None else [raw]
    return tuple(_text(value) for value in values)


def _text(value: object) -> str:
    match value:
        case str():
            return _whole(value)
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
    raise _refuse("a value is a string, a number, or true or false")


def _whole(text: str) -> str:
    """JSON can hold half a character; no stored row can."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _refuse("half of a character stands in it: the text was cut or encoded wrongly")
    return text


def _refuse(message: str) -> BadRequest:
    return BadRequest(f"search request: addition: {message}", hint=HINT, code="search_request")
