"""SavedSearch: which index set, and the keys of a search that are kept of it. Who reads a request checks what they mean."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bklog.errors import BadRequest

KEPT: Final = ("query", "addition", "start", "end", "fields", "order")
MAX_CHARACTERS: Final = 50_000
UNKEPT: Final = re.compile(r"[\ud800-\udfff]|\\u0000")


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """Raises BadRequest: `search_too_long`, and `no_text` for what not every database keeps."""

    index_set_id: int
    index_set: str
    asked: Mapping[str, Any]

    def __post_init__(self) -> None:
        text = json.dumps(self.asked, ensure_ascii=False)
        if UNKEPT.search(text):
            hint = "search for it without keeping it"
            raise BadRequest("the search has half of a character, or a NUL: no database keeps them", hint=hint, code="no_text")
        size = len(text)
        if size > MAX_CHARACTERS:
            message = f"the search has {size} characters; at most {MAX_CHARACTERS} are kept"
            raise BadRequest(message, hint="keep a shorter one, or a search for each part", code="search_too_long")

    @property
    def digest(self) -> str:
        """Of what is looked for, whatever the time range and the fields."""
        text = json.dumps([self.asked.get("query", "").strip(), self.asked.get("addition", [])], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def kept_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: raw[name] for name in KEPT if raw.get(name) is not None}
