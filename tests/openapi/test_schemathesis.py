"""Requests that nobody wrote by hand, made from the document: none is a defect, and each is answered as the document says.

Half of them are what an operation takes, half are wrong in one place. The same ones in each run: no chance decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings

from bklog.api.wsgi import application
from bklog.openapi.document import document
from tests.openapi.conftest import Platform

EXAMPLES = 12  # of each operation
CONFIG = schemathesis.Config.from_dict(
    {
        "generation": {"with-security-parameters": False, "allow-extra-parameters": False},
        # A schema cannot say which queries can be read, nor that an end comes after its start.
        "checks": {"positive_data_acceptance": {"enabled": False}},
        # Each limit of each schema, one by one: 5,000 requests, a minute of both processors.
        "phases": {"coverage": {"enabled": False}},
    }
)


def whole(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application, whose answers are read to their ends and closed, as a server does."""
    answer = application(environ, start_response)
    with closing(answer):
        return [b"".join(answer)]


LOADED = schemathesis.openapi.from_dict(json.loads(json.dumps(document())), config=CONFIG)
LOADED.app = whole
SCHEMA = LOADED.exclude(operation_id="health")  # it asks a fleet, and 503 is the right answer where none runs
SIGNALS = (request_started, request_finished)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """The test's transaction, in which its platform stands, goes on from one request to the next."""
    for signal in SIGNALS:
        signal.disconnect(close_old_connections)
    yield
    for signal in SIGNALS:
        signal.connect(close_old_connections)


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_an_answer_is_one_of_the_document(case: Any, platform: Platform) -> None:
    if case.path_parameters and not is_wrong_in(case, "path"):
        case.path_parameters = {name: platform.ids[name] for name in case.path_parameters}
    case.call_and_validate(headers=platform.headers)


def is_wrong_in(case: Any, location: str) -> bool:
    return any(place.value == location and info.mode.is_negative for place, info in case.meta.components.items())
