"""Every example of the document is sent to the platform and answered as the document says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from bklog.openapi.document import document, path_names
from bklog.openapi.operation import JSON, Example, Operation
from tests.openapi.conftest import Platform
from tests.openapi.test_document import OPERATIONS, validate

EXAMPLES = [pytest.param(one, given, id=f"{one.name}: {given.summary}") for one in OPERATIONS for given in one.examples]


@pytest.mark.parametrize(("one", "given"), EXAMPLES)
def test_an_example_is_answered_as_the_document_says(platform: Platform, one: Operation, given: Example) -> None:
    path = one.path.format(**{name: platform.ids[name] for name in path_names(one.path)})
    body = b"" if given.body is None else json.dumps(given.body).encode()
    answer = Client().generic(one.method, path, body, JSON, headers=platform.headers, query_params={**given.query})
    assert answer.status_code == (given.status or min(one.answers)), answer.content
    response = document()["paths"][one.path][one.method.lower()]["responses"][str(answer.status_code)]
    validate_answer(response, answer)
    if given.shown is not None:
        assert_shown(given.shown, answer.json())


def validate_answer(response: dict[str, Any], answer: Any) -> None:
    """`content` has the media type, and its schema lets the body through; the headers are there."""
    assert set(response.get("headers", {})) <= set(answer.headers)
    if "content" not in response:
        assert answer.content == b""
        return
    if answer.streaming:
        assert b"".join(answer)
        answer.close()
    content = response["content"][answer.headers["Content-Type"]]
    if answer.headers["Content-Type"] == JSON:
        validate({"components": document()["components"], **content["schema"]}, answer.json())


def assert_shown(shown: Any, answer: Any) -> None:
    """Of objects the keys that the example names."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert_shown(value, answer[key])
    else:
        assert answer == shown
