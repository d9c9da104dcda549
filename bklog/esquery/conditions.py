"""`addition` and `filter` of a body -> a tree: the page's conditions, in the spellings that the original takes.

[{"field": "level", "operator": "is one of", "value": "error,warn"}, {"key": "serverIp", "method": "is", "value": "10.0.0.1"}]

Conditions that are joined by `and` are a group, an `or` begins the next one; a row matches where all of one group hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bklog.errors import BadRequest
from bklog.esquery.names import our_name
from bklog.query.conditions import WHOLE_LINE_NAMES, Condition, to_node
from bklog.query.tree import Everything, Node, all_of, any_of
from bklog.search.addition import MAX_CONDITIONS, read_addition

KEYS: Final = ("field", "key", "operator", "method", "value", "condition", "type")
DEFAULT_OPERATOR: Final = "is"
LISTED: Final = ("is one of", "is not one of")  # whose values may be one text with commas
# What is sent with them means nothing.
WITHOUT_VALUE: Final = ("exists", "does not exists", "not exists", "does not exist", "is true", "is false")
HINT: Final = '[{"field": "level", "operator": "is one of", "value": ["error", "warn"]}]'


def read_conditions(raw: object, name: str) -> Node:
    """Everything where there are none. Raises BadRequest: `search_request`, `condition`, `unknown_field`."""
    if raw in ("", None):
        return Everything()
    if not isinstance(raw, list):
        raise _refuse(f"{name} is no list")
    if len(raw) > MAX_CONDITIONS:
        raise _refuse(f"{name} has {len(raw)} conditions; at most {MAX_CONDITIONS} are read")
    groups: list[list[Node]] = []
    for one in raw:
        found = _keys(one, name)
        if _begins_a_group(found, name) or not groups:
            groups.append([])
        groups[-1].append(_node(found))
    return any_of([every(group) for group in groups]) if groups else Everything()


def every(nodes: Sequence[Node]) -> Node:
    kept = [node for node in nodes if node != Everything()]
    return all_of(kept) if kept else Everything()


def _keys(raw: object, name: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _refuse(f"a condition in {name} is no object")
    unknown = sorted(str(key) for key in set(raw) - set(KEYS))
    if unknown:
        raise _refuse(f"a condition in {name} has the unknown key {unknown[0][:60]!r}; known: {', '.join(KEYS)}")
    if raw.get("type") not in (None, "", "field"):
        raise _refuse(f"a condition in {name} is about a {str(raw['type'])[:40]}; here conditions are about a field")
    return {key: value for key, value in raw.items() if value is not None}


def _begins_a_group(found: dict[str, Any], name: str) -> bool:
    joined = found.get("condition", "and")
    if not isinstance(joined, str) or joined.lower() not in ("and", "or", ""):
        raise _refuse(f"conditions in {name} are joined by and, or by or")
    return joined.lower() == "or"


def _node(found: dict[str, Any]) -> Node:
    field, operator = found.get("field") or found.get("key"), found.get("operator") or found.get("method") or DEFAULT_OPERATOR
    value = found.get("value")
    if operator in LISTED and isinstance(value, str):
        value = [one.strip() for one in value.split(",")]
    if operator in WITHOUT_VALUE:
        value = None
    (condition,) = read_addition([{"field": field, "operator": operator, "value": value}])
    ours = condition.field if condition.field in WHOLE_LINE_NAMES else our_name(condition.field)
    return to_node(Condition(ours, condition.operator, condition.values))


def _refuse(message: str) -> BadRequest:
    return BadRequest(f"search request: {message}", hint=HINT, code="search_request")
