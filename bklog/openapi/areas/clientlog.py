"""/api/v1/clientlog/tasks/: client logs to take, and what became of them."""

from __future__ import annotations

from typing import Final

from bklog.openapi.codes import KEPT, PAGE
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import COUNT, ID, MOMENT, TEXT, Schema, choice, listing, mapping, nullable, record, ref, text, whole

TASKS: Final = "/api/v1/clientlog/tasks/"
TASK: Final = f"{TASKS}{{task_id}}/"
STATES: Final = ("pending", "fetching", "unpacking", "ingesting", "success", "failed", "expired")
_PLAIN: Final[Schema] = {"type": ["string", "number", "boolean"]}
_TASK: Final[dict[str, Schema]] = {
    "id": ID,
    "task_id": TEXT,
    "state": choice(STATES),
    "code": TEXT,
    "reason": TEXT,
    "hint": TEXT,
    "url": TEXT,
    "object_key": TEXT,
    "user_id": TEXT,
    "device": TEXT,
    "platform": TEXT,
    "metadata": mapping(_PLAIN),
    "origin": TEXT,
    "attempts": COUNT,
    "fetched_bytes": COUNT,
    "file_count": COUNT,
    "line_count": COUNT,
    "stored_lines": COUNT,
    "created_at": MOMENT,
    "finished_at": nullable(MOMENT),
    "next_try_at": nullable(MOMENT),
}
_FOUND_BY: Final[dict[str, Schema]] = {
    "search": record({"index_set": TEXT, "path": TEXT, "query": TEXT, "start": MOMENT, "end": TEXT}),
}
_FILE: Final = record(
    {
        "name": TEXT,
        "size_bytes": COUNT,
        "state": choice(["stored", "skipped"]),
        "reason": TEXT,
        "encoding": TEXT,
        "replaced_characters": COUNT,
        "line_count": COUNT,
        "stored_lines": COUNT,
        "duplicate_lines": COUNT,
        "rejected_lines": mapping(COUNT),
    }
)
SCHEMAS: Final[dict[str, Schema]] = {
    "ClientTaskRequest": record(
        {"task_id": text(pattern="^[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}$")},
        {
            "url": text(maxLength=4000),
            "object_key": text(maxLength=1024),
            "user_id": text(maxLength=200),
            "device": text(maxLength=200),
            "platform": text(maxLength=50),
            "metadata": mapping(_PLAIN, maxProperties=20),
        },
    ),
    "ClientTask": record(_TASK),
    "ClientTaskFound": record({**_TASK, **_FOUND_BY}),
    "ClientTaskReport": record({**_TASK, **_FOUND_BY, "files": listing(_FILE)}),
}
_TAKEN: Final = {"task_id": "shop-20261120-18", "url": "https://example.com/logs/18.zip", "user_id": "ann"}

AREA = Area(
    "Logs of clients, fetched as archives: docs/clientlog.md",
    [
        Operation(
            "POST",
            TASKS,
            "submit_client_task",
            "Hand one in",
            {202: Answer("It is taken", ref("ClientTaskFound")), 200: Answer("It was taken before", ref("ClientTaskFound"))},
            codes=(*KEPT, "client_task", "client_task_exists"),
            body=ref("ClientTaskRequest"),
            examples=[
                Example("An archive behind a link", body=_TAKEN, status=202, shown={"state": "pending", "user_id": "ann"}),
                Example("Without a source", body={"task_id": "shop-1"}, status=400),
            ],
        ),
        Operation(
            "GET",
            TASKS,
            "list_client_tasks",
            "Tasks, newest first",
            {200: Answer("A page", record({"items": listing(ref("ClientTask"))}))},
            codes=(*PAGE, "client_task"),
            query=[
                Parameter("state", choice(["", *STATES]), "only those"),
                Parameter("user_id", TEXT, "only those"),
                Parameter("limit", whole(1, 500), "most to show"),
                Parameter("before", ID, "the id of the last one of the former page"),
            ],
            examples=[Example("Those that failed", query={"state": "failed"})],
        ),
        Operation(
            "GET",
            TASK,
            "show_client_task",
            "One, with the report on its files",
            {200: Answer("As it stands", ref("ClientTaskReport"))},
            codes=("no_client_task", "nul"),
            examples=[Example("One")],
        ),
        Operation(
            "POST",
            f"{TASK}retry/",
            "retry_client_task",
            "Try it again",
            {202: Answer("It is in line", ref("ClientTaskFound"))},
            codes=("no_client_task", "client_task_state", "nul"),
            examples=[Example("One that goes on", status=409)],
        ),
    ],
    SCHEMAS,
)
