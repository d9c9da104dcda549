"""Short words for JSON Schema (2020-12, as OpenAPI 3.1 reads it): what a value of a body is, exactly.

An object is closed: a key that the document does not name is refused, and in an answer it is a defect of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
NUMBER: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
ID: Final[Schema] = {"type": "integer", "minimum": 1}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
DAY: Final[Schema] = {"type": "string", "format": "date"}
UUID: Final[Schema] = {"type": "string", "format": "uuid"}
ANYTHING: Final[Schema] = {}


def text(**limits: Any) -> Schema:
    """`maxLength`, `minLength`, `pattern`, `examples`, `description` …"""
    return {"type": "string", **limits}


def whole(least: int, most: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def choice(values: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def listing(of: Schema, *, least: int | None = None, most: int | None = None) -> Schema:
    limits = {"minItems": least, "maxItems": most}
    return {"type": "array", "items": of, **{name: value for name, value in limits.items() if value is not None}}


def mapping(of: Schema, **limits: Any) -> Schema:
    """An object whose keys are data, such as labels."""
    return {"type": "object", "additionalProperties": of, **limits}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    keys = {"required": list(required)} if required else {}
    return {"type": "object", **keys, "properties": {**required, **(optional or {})}, "additionalProperties": False}


def asked(required: Mapping[str, Schema], optional: Mapping[str, Schema]) -> Schema:
    """A body whose optional keys may also be null, which is as if they were not there."""
    return record(required, {name: nullable(schema) for name, schema in optional.items()})


def nullable(schema: Schema) -> Schema:
    if not isinstance(schema.get("type"), str):
        return {"anyOf": [schema, {"type": "null"}]} if schema else schema
    also = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **also}


def described(schema: Schema, sentence: str) -> Schema:
    return {**schema, "description": sentence}


def one_of(*schemas: Schema) -> Schema:
    return {"oneOf": list(schemas)}


def ref(name: str) -> Schema:
    """A schema of an area's `schemas`, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
