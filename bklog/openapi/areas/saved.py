"""/api/v1/search/favourite/, history/, link/: searches that are kept."""

from __future__ import annotations

from typing import Any, Final

from bklog.openapi.areas.search import ASKED, RANGE
from bklog.openapi.codes import BODY
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    COUNT,
    FLAG,
    ID,
    MOMENT,
    TEXT,
    Schema,
    asked,
    choice,
    listing,
    nullable,
    record,
    ref,
    text,
    whole,
)
from bklog.search.request import MAX_FIELDS

FAVOURITES: Final = "/api/v1/search/favourite/"
HISTORY: Final = "/api/v1/search/history/"
LINKS: Final = "/api/v1/search/link/"
LARGEST_ID: Final = 2**53
_VISIBILITY: Final = choice(["personal", "space"])
_OF_INDEX_SET: Final[dict[str, Schema]] = {"index_set_id": whole(1, LARGEST_ID)}
_KEPT: Final[dict[str, Schema]] = {
    **{name: ASKED[name] for name in ("query", "addition", "start", "end")},
    "fields": listing(TEXT, least=1, most=MAX_FIELDS),
    "order": choice(["", "newest", "oldest"]),
}
_ABOUT: Final[dict[str, Schema]] = {"group": text(maxLength=64), "visibility": _VISIBILITY}
_NAME: Final[dict[str, Schema]] = {"name": text(minLength=1, maxLength=64)}
_CODES: Final = (
    *BODY,
    *("no_index_set", "search_request", "query_syntax", "query_too_large", "time_syntax", "time_range"),
    *("no_text", "search_too_long", "pipe_not_here"),
)
_FAVOURITE: Final[dict[str, Schema]] = {
    "id": ID,
    "name": TEXT,
    "group": TEXT,
    "visibility": _VISIBILITY,
    "owner": TEXT,
    "index_set_id": ID,
    "index_set": TEXT,
    "space": nullable(TEXT),
    "search": ref("KeptSearch"),
    "created_at": MOMENT,
    "changed_at": MOMENT,
}
_ENTRY: Final = record(
    {"id": ID, **_OF_INDEX_SET, "index_set": TEXT, "search": ref("KeptSearch"), "first_at": MOMENT, "last_at": MOMENT}
)
SCHEMAS: Final[dict[str, Schema]] = {
    "KeptSearch": record({}, _KEPT),
    "FavouriteRequest": record({**_NAME, **_OF_INDEX_SET}, {**_ABOUT, **asked({}, _KEPT)["properties"]}),
    "FavouriteChange": record({}, {**_NAME, **_OF_INDEX_SET, **_ABOUT, **asked({}, _KEPT)["properties"]}),
    "Favourite": record(_FAVOURITE),
    "LinkRequest": record(
        _OF_INDEX_SET,
        {"freeze": FLAG, "expires_in_days": whole(1, 3650), **asked({}, _KEPT)["properties"]},
    ),
    "Link": record(
        {
            "token": TEXT,
            "path": TEXT,
            "owner": TEXT,
            "index_set_id": ID,
            "index_set": TEXT,
            "search": ref("KeptSearch"),
            "search_path": TEXT,
            "frozen": FLAG,
            "created_at": MOMENT,
            "expires_at": MOMENT,
        }
    ),
}


def _favourite(method: str, name: str, summary: str, answers: dict[int, Answer], *codes: str, **more: Any) -> Operation:
    more.setdefault("examples", [Example("One")])
    path = f"{FAVOURITES}{{favourite_id}}/"
    return Operation(method, path, name, summary, answers, ("no_favourite", *codes), **more)


AREA = Area(
    "Searches that are kept: favourites, what you asked of late, short links. docs/index-sets.md",
    [
        Operation(
            "GET",
            FAVOURITES,
            "list_favourites",
            "Your own favourites and those of spaces",
            {200: Answer("By group and name", record({"items": listing(record({**_FAVOURITE, "index_set_exists": FLAG}))}))},
            codes=("index_set_id",),
            query=[
                Parameter("group", TEXT, "only those"),
                Parameter("visibility", TEXT, "personal or space; another finds none"),
                Parameter("name", TEXT, "only those"),
                Parameter("space", TEXT, "only those of the space"),
                Parameter("index_set_id", whole(1, LARGEST_ID), "only those"),
            ],
            examples=[Example("Of a space", query={"space": "default"})],
        ),
        Operation(
            "POST",
            FAVOURITES,
            "create_favourite",
            "Keep a search",
            {201: Answer("It is kept", ref("Favourite"))},
            codes=(*_CODES, "favourite", "favourite_exists", "too_many_favourites"),
            body=ref("FavouriteRequest"),
            examples=[
                Example("Without an index set", body={"name": "errors", "query": "level:error", "start": "now-1h"}, status=400)
            ],
        ),
        _favourite("GET", "show_favourite", "One favourite", {200: Answer("It", ref("Favourite"))}),
        _favourite(
            "PATCH",
            "change_favourite",
            "Change what is named of one",
            {200: Answer("As it is now", ref("Favourite"))},
            *_CODES,
            *("favourite", "favourite_exists", "favourite_owner"),
            body=ref("FavouriteChange"),
            examples=[Example("Another group", body={"group": "shop"}, shown={"group": "shop"})],
        ),
        _favourite("DELETE", "delete_favourite", "Delete one", {204: Answer("Gone")}),
        Operation(
            "GET",
            HISTORY,
            "list_history",
            "What you asked of late, newest first",
            {200: Answer("Entries", record({"items": listing(_ENTRY)}))},
            codes=("index_set_id", "limit"),
            query=[
                Parameter("index_set_id", whole(1, LARGEST_ID), "only of this index set"),
                Parameter("limit", whole(1, 10_000), "most to show"),
            ],
            examples=[Example("Of late", query={"limit": 10})],
        ),
        Operation(
            "DELETE",
            HISTORY,
            "clear_history",
            "Forget all that you asked",
            {200: Answer("How many", record({"deleted": COUNT}))},
            examples=[Example("All")],
        ),
        Operation(
            "DELETE",
            f"{HISTORY}{{entry_id}}/",
            "delete_history_entry",
            "Forget one",
            {204: Answer("Gone")},
            codes=("no_history",),
            examples=[Example("One that is not there", status=404)],
        ),
        Operation(
            "GET",
            LINKS,
            "list_links",
            "Your own links",
            {200: Answer("Those that open", record({"items": listing(ref("Link"))}))},
            examples=[Example("All")],
        ),
        Operation(
            "POST",
            LINKS,
            "create_link",
            "A short link to a search",
            {201: Answer("It opens until it expires", ref("Link"))},
            codes=(*_CODES, "too_many_links"),
            body=ref("LinkRequest"),
            examples=[
                Example("Of no index set", body={"index_set_id": LARGEST_ID, "query": "level:error", **RANGE}, status=404)
            ],
        ),
        Operation(
            "GET",
            f"{LINKS}{{token}}/",
            "open_link",
            "The search of a link",
            {200: Answer("What to search", ref("Link"))},
            codes=("no_link", "link_expired"),
            examples=[Example("One that is not there", status=404)],
        ),
        Operation(
            "DELETE",
            f"{LINKS}{{token}}/",
            "delete_link",
            "Delete one of yours",
            {204: Answer("Gone")},
            codes=("no_link", "link_expired", "link_owner"),
            examples=[Example("One that is not there", status=404)],
        ),
    ],
    SCHEMAS,
)
