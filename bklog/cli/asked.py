"""What several commands take: an index set by its name, a time by how long ago."""

from __future__ import annotations

from bklog.cli.client import api
from bklog.errors import BadRequest, NotFound


def moment(text: str) -> str:
    """A bare duration is counted back from now."""
    return f"now-{text}" if text[:1].isdigit() and text[-1:] in "smhdw" else text


def index_set_id(name: str | None) -> int:
    found = {one["name"]: one["id"] for one in api("GET", "/api/v1/search/index_set/")["items"]}
    own = [one for one in found if not one.startswith("bklog-")]
    wanted = name or (own[0] if len(own) == 1 else "bklog-platform")
    if not name and len(own) > 1:
        hint = f"--index-set NAME, one of: {', '.join(found)}"
        raise BadRequest("there are several index sets to search", hint=hint, code="which_index_set")
    if wanted not in found:
        raise NotFound(f"there is no index set {wanted}", hint=f"there are: {', '.join(found)}", code="no_index_set")
    return int(found[wanted])
