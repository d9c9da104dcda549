"""A value → JSON that reads as the same value, and that a terminal may be given."""

from __future__ import annotations

import json

from bklog.cli.shown import BEYOND_JSON


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).translate(BEYOND_JSON)
