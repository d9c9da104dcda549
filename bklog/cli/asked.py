"""What several commands take: an index set by its name, a time by how long ago."""

from __future__ import annotations

from bklog.cli.client import api
from bklog.errors import BadRequest, NotFound


def moment(text: str) -> str:
    """A bare duration is counted back from now."""
    return f"now-{text}" if text[:1].isdigit() and text[-1:] in "smhdw" else text


def index_set_id(name: str | None) -> int:
    """By its name or an alias; without one that of the only index set that is not the platform's."""
    items = api("GET", "/api/v1/search/index_set/")["items"]
    found = {one["name"]: one["id"] for one in items}
    aliases = {alias: one["id"] for one in items for alias in one["aliases"]}
    own = [one for one in found if not one.startswith("bklog-")]
    wanted = name or (own[0] if len(own) == 1 else "bklog-platform")
    if not name and len(own) > 1:
        hint = f"--index-set NAME, one of: {', '.join(found)}"
        raise BadRequest("there are several index sets to search", hint=hint, code="which_index_set")
    if wanted not in found | aliases:
        raise NotFound(f"there is no index set {wanted}", hint=f"there are: {', '.join(found)}", code="no_index_set")
    return int((aliases | found)[wanted])
