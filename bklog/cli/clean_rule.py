"""A clean rule as one is named: as JSON, by a template, by a version of the collector's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from bklog.cli.client import api
from bklog.cli.collectors import COLLECTORS
from bklog.errors import BadRequest, NotFound

TEMPLATES: Final = "/api/v1/databus/clean_template/"


def read_rule(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        hint = 'for example --clean-rule \'{"kind": "json", "time_field": "ts"}\''
        raise BadRequest(f"--clean-rule is no JSON: {error}", hint=hint, code="no_json") from error


def find_template(name: str, *, space: str) -> dict[str, Any]:
    """Of the space, or of the product."""
    for one in api("GET", f"{TEMPLATES}?{urlencode({'space': space})}")["items"]:
        if one["name"] == name:
            return dict(one)
    message, hint = f"the space {space} has no template {name!r}", "`bklog clean-template list` shows them"
    raise NotFound(message, hint=hint, code="no_template")


def find_version(collector: Mapping[str, Any], number: int) -> Any:
    return api("GET", f"{COLLECTORS}{collector['id']}/rules/{number}/")["clean_rule"]
