"""The document and the paths of the API say the same, and the document is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.urls import URLPattern, get_resolver

from bklog.api.requests import METHODS
from bklog.openapi.codes import STATUSES
from bklog.openapi.document import ELSEWHERE, areas, document
from bklog.openapi.operation import Operation

ROOT = Path(__file__).parents[2]
METHOD_KEYS = ("get", "put", "post", "delete", "patch")
OPERATIONS = [one for area in areas().values() for one in area.operations]


def served() -> Iterator[tuple[str, str]]:
    for one in get_resolver().url_patterns:
        assert isinstance(one, URLPattern)
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(one.pattern))
        if path and not path.startswith(tuple(ELSEWHERE)):  # the empty one is the page's
            yield from ((method, f"/{path}") for method in METHODS[one.callback])


def shown() -> Iterator[tuple[str, str]]:
    for path, item in document()["paths"].items():
        yield from ((method.upper(), path) for method in METHOD_KEYS if method in item)


def test_what_is_served_is_in_the_document() -> None:
    """docs/api.md#to-add-a-route says what to do where this fails."""
    assert set(served()) - set(shown()) == set()


def test_what_is_in_the_document_is_served() -> None:
    assert set(shown()) - set(served()) == set()


def test_every_name_and_every_reference_is_known_once() -> None:
    names = [one.name for one in OPERATIONS]
    assert len(names) == len(set(names))
    schemas = document()["components"]["schemas"]
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document())))
    assert wanted == set(schemas)


def test_every_code_of_the_table_is_one_of_the_platform_and_of_an_operation() -> None:
    files = [file.relative_to(ROOT) for file in (ROOT / "bklog").rglob("*.py")]
    sources = "\n".join((ROOT / file).read_text() for file in files if "openapi" not in file.parts)
    named = {code for one in OPERATIONS for code in one.all_codes}
    assert named == set(STATUSES)
    assert {code for code in named if f'"{code}"' not in sources} == set()


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_has_examples_that_its_schemas_let_through(one: Operation) -> None:
    assert one.examples
    schemas = {"components": {"schemas": document()["components"]["schemas"]}}
    for given in one.examples:
        if given.body is not None and (given.status or 200) < 300:
            validate({**schemas, **(one.body or {})}, given.body)


def validate(schema: dict[str, Any], value: Any) -> None:
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(value)


def test_a_schema_with_a_mistake_would_be_found() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        validate({"components": document()["components"], "$ref": "#/components/schemas/SearchRequest"}, {"limit": 0})
