"""/api/v1/search/block/ and cancel/: which searches are refused, and an end for one that is under way."""

from __future__ import annotations

from typing import Final

from bklog.blocks.blocklist import LONGEST_SECONDS, MOST_CHARACTERS, MOST_OWNER_CHARACTERS
from bklog.openapi.codes import BODY, KEPT, STORE
from bklog.openapi.operation import Answer, Area, Example, Operation
from bklog.openapi.schema import FLAG, ID, MOMENT, TEXT, Schema, asked, listing, nullable, record, ref, text, whole

BLOCKS: Final = "/api/v1/search/block/"
SCHEMAS: Final[dict[str, Schema]] = {
    "Block": record(
        {
            "id": ID,
            "pattern": TEXT,
            "index_set_id": nullable(ID),
            "owner": TEXT,
            "reason": TEXT,
            "made_by": TEXT,
            "created_at": MOMENT,
            "expires_at": nullable(MOMENT),
        }
    ),
    "BlockRequest": asked(
        {"reason": text(minLength=1, maxLength=MOST_CHARACTERS)},
        {
            "pattern": text(maxLength=MOST_CHARACTERS, description="the text of a query, with * for anything"),
            "index_set_id": ID,
            "owner": text(maxLength=MOST_OWNER_CHARACTERS, description="the name of who asks"),
            "expires_in_seconds": whole(1, LONGEST_SECONDS),
        },
    ),
}

AREA = Area(
    "Searches that are stopped and refused: docs/long-searches.md",
    [
        Operation(
            "POST",
            "/api/v1/search/cancel/",
            "cancel_search",
            "Stop a search that was asked with the header X-Request-ID, by the same token",
            {200: Answer("Whether there was one", record({"cancelled": FLAG}))},
            codes=(*BODY, *STORE, "search_request"),
            body=record({"request_id": text(pattern="^[A-Za-z0-9_-]{8,64}$")}),
            examples=[Example("One that has ended", body={"request_id": "page-17-search"}, shown={"cancelled": False})],
        ),
        Operation(
            "GET",
            BLOCKS,
            "list_blocks",
            "The blocks in force",
            {200: Answer("In the order in which they were made", record({"items": listing(ref("Block"))}))},
            examples=[Example("All")],
        ),
        Operation(
            "POST",
            BLOCKS,
            "create_block",
            "Refuse searches that all that is said fits",
            {201: Answer("In force here, and everywhere within seconds", ref("Block"))},
            codes=(*KEPT, "block", "permission_missing", "too_many_blocks"),
            body=ref("BlockRequest"),
            examples=[
                Example("A pattern for an hour", body={"pattern": "*.*.*", "reason": "too wide", "expires_in_seconds": 3600}),
                Example("Everything", body={"reason": "no more searches"}, status=400),
            ],
            about="Needs the permission block_searches.",
        ),
        Operation(
            "DELETE",
            f"{BLOCKS}{{block_id}}/",
            "delete_block",
            "Let these searches through again",
            {204: Answer("Gone")},
            codes=("no_block", "permission_missing"),
            examples=[Example("None that is there", status=404)],
            about="Needs the permission block_searches.",
        ),
    ],
    SCHEMAS,
)
