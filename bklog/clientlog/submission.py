"""JSON object -> Submission: a task as somebody asks for it, checked field by field before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from bklog.clean import FIELD_NAME
from bklog.errors import BadRequest

TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}")
LENGTHS: Final = {"url": 4000, "object_key": 1024, "user_id": 200, "device": 200, "platform": 50}
MAX_METADATA: Final = 20
MAX_METADATA_CHARACTERS: Final = 2000
KNOWN: Final = ("task_id", *LENGTHS, "metadata")


@dataclass(frozen=True, slots=True)
class Submission:
    """Raises BadRequest (`client_task`) naming the field that is wrong and what it may be."""

    task_id: str
    url: str = ""
    object_key: str = ""
    user_id: str = ""
    device: str = ""
    platform: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.task_id, str) or not TASK_ID.fullmatch(self.task_id):
            raise _refuse("task_id", self.task_id, "1 to 100 of A-Z a-z 0-9 . _ : @ -, a letter or digit first")
        for name, length in LENGTHS.items():
            _require_text(name, getattr(self, name), length)
        if bool(self.url) == bool(self.object_key):
            raise BadRequest("a task has one source", hint="give url or object_key, not both", code="client_task")
        if self.url:
            _require_url(self.url)
        _require_metadata(self.metadata)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Submission:
        if unknown := sorted(set(raw) - set(KNOWN)):
            raise BadRequest(f"unknown field {unknown[0]!r}", hint=f"known: {', '.join(KNOWN)}", code="client_task")
        return cls(**{"task_id": "", **raw})


def _require_text(name: str, value: object, length: int) -> None:
    if not isinstance(value, str) or len(value) > length or not value.isprintable():
        raise _refuse(name, value, f"a string of at most {length} printable characters")


def _require_url(url: str) -> None:
    """Whether its host may be asked is decided when it is asked, since names change their addresses."""
    valid = "http:// or https://, a host, no user and no password"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or not url.isascii() or " " in url:
        raise BadRequest("the url cannot be used", hint=f"url is {valid}", code="client_task")


def _require_metadata(metadata: object) -> None:
    valid = f"an object of at most {MAX_METADATA} strings, numbers, yes or no, with names of letters, digits, _ @ -"
    if not isinstance(metadata, Mapping) or len(metadata) > MAX_METADATA:
        raise _refuse("metadata", metadata, valid)
    for name, value in metadata.items():
        if "." in name or not FIELD_NAME.fullmatch(name) or not isinstance(value, str | int | float):
            raise _refuse(f"metadata.{name}", value, valid)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise _refuse(f"metadata.{name}", value, "a number of at most 63 bits")
    try:
        text = json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError as error:
        raise _refuse("metadata", metadata, valid) from error
    if len(text) > MAX_METADATA_CHARACTERS:
        raise _refuse("metadata", text, f"at most {MAX_METADATA_CHARACTERS} characters of JSON")


def _refuse(name: str, value: object, valid: str) -> BadRequest:
    shown = repr(value) if len(repr(value)) <= 200 else f"{repr(value)[:200]}…"
    return BadRequest(f"{name} is {shown}", hint=f"{name} is {valid}", code="client_task")
