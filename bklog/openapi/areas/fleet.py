"""/healthz/, /readiness/, /api/v1/fleet/, storage/, health/, health/history/: how the platform itself is."""

from __future__ import annotations

from typing import Final

from bklog.openapi.codes import STORE
from bklog.openapi.operation import JSON, PLAIN, Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    DAY,
    FLAG,
    ID,
    MOMENT,
    NUMBER,
    TEXT,
    Schema,
    choice,
    listing,
    mapping,
    nullable,
    one_of,
    record,
    ref,
    whole,
)

_PART: Final = record({"name": TEXT, "ok": FLAG, "message": TEXT, "milliseconds": NUMBER})
_ROW: Final = record(
    {
        "name": TEXT,
        "state": TEXT,
        "pid": nullable(ID),
        "uptime_seconds": COUNT,
        "restarts": COUNT,
        "rss_bytes": COUNT,
        "cpu_seconds": NUMBER,
        "port": nullable(ID),
        "reason": TEXT,
        "crashes": COUNT,
        "is_looping": FLAG,
        "queues": listing(record({"name": TEXT, "length": COUNT, "oldest_seconds": NUMBER, "workers": COUNT})),
    }
)
_STORAGE: Final = record(
    {
        "collectors": listing(
            record(
                {
                    "collector_id": ID,
                    "name": TEXT,
                    "rows": COUNT,
                    "size_bytes": COUNT,
                    "oldest_day": nullable(DAY),
                    "retention_days": COUNT,
                    "growth_bytes_per_day": nullable({"type": "integer"}),
                }
            )
        ),
        "disks": listing(record({"host": TEXT, "name": TEXT, "free_bytes": COUNT, "total_bytes": COUNT})),
        "forecast": record(
            {
                "is_known": FLAG,
                "full_on": nullable(DAY),
                "growth_bytes_per_day": nullable({"type": "integer"}),
                "largest_bytes": nullable({"type": "integer"}),
            }
        ),
    }
)
_HISTORY: Final = record(
    {"items": listing(record({"part": TEXT, "ok": FLAG, "message": TEXT, "since": MOMENT, "until": MOMENT}))}
)
_HEALTH: Final = record({"healthy": FLAG, "parts": listing(_PART)})
SCHEMAS: Final[dict[str, Schema]] = {
    "Health": _HEALTH,
    "Fleet": record({"programs": listing(_ROW), "total_rss_bytes": COUNT, "url": TEXT, "is_running": FLAG, "note": TEXT}),
    "Settings": record({"environment": TEXT, "settings": mapping(record({"value": ANYTHING, "origin": TEXT}))}),
    "Storage": _STORAGE,
    "HealthHistory": _HISTORY,
}

AREA = Area(
    "How the platform itself is",
    [
        Operation(
            "GET",
            "/healthz/",
            "health",
            "Every part of the platform",
            {
                200: Answer("All are well", ref("Health"), media=(JSON, PLAIN)),
                503: Answer("One is down", one_of(ref("Health"), ref("Error")), media=(JSON, PLAIN)),
            },
            codes=("format_type", "no_part"),
            query=[
                Parameter("format_type", choice(["json", "text", "k8s"]), "of the answer"),
                Parameter("include", TEXT, "only these parts, separated by commas"),
                Parameter("exclude", TEXT, "all but these"),
            ],
            examples=[Example("The database alone", query={"include": "database"}, shown={"healthy": True})],
            needs_token=False,
        ),
        Operation(
            "GET",
            "/readiness/",
            "readiness",
            "This process answers",
            {200: Answer("It does", record({"ready": FLAG}))},
            examples=[Example("Without a token", shown={"ready": True})],
            needs_token=False,
        ),
        Operation(
            "GET",
            "/api/v1/openapi.json",
            "openapi",
            "This document",
            {200: Answer("OpenAPI 3.1", mapping(ANYTHING, required=["openapi", "paths"]))},
            examples=[Example("All of it", shown={"openapi": "3.1.0"})],
        ),
        Operation(
            "GET",
            "/api/v1/fleet/",
            "fleet",
            "The programs of this machine and their queues",
            {200: Answer("As `bklog status --json` shows them", ref("Fleet"))},
            examples=[Example("All of it")],
        ),
        Operation(
            "GET",
            "/api/v1/fleet/settings/",
            "show_settings",
            "The settings in force on this instance; secrets are hidden",
            {200: Answer("As `bklog config show --json` prints them", ref("Settings"))},
            examples=[Example("All of them")],
        ),
        Operation(
            "GET",
            "/api/v1/storage/",
            "storage",
            "What collectors take, and the day on which the disk is full",
            {200: Answer("The largest collector first", ref("Storage"))},
            codes=STORE,
            examples=[Example("All of it")],
        ),
        Operation(
            "GET",
            "/api/v1/health/",
            "health_parts",
            "Every part of the platform, for a page",
            {200: Answer("Whether all are well, and each", ref("Health"))},
            examples=[Example("All parts")],
            needs_token=False,
        ),
        Operation(
            "GET",
            "/api/v1/health/history/",
            "health_history",
            "Since when each part is well or fails",
            {200: Answer("The latest beginning first", ref("HealthHistory"))},
            codes=("hours",),
            query=[Parameter("hours", whole(1, 168), "of the last hours")],
            examples=[Example("Of a day", query={"hours": 24}), Example("Too long ago", query={"hours": 1000}, status=400)],
        ),
    ],
    SCHEMAS,
)
