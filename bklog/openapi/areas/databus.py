"""/api/v1/databus/: collectors, their ingest tokens, their ledger; what a clean rule would make of lines."""

from __future__ import annotations

from typing import Any, Final

from bklog.clean.pattern import MAX_PATTERN_CHARACTERS
from bklog.clean.rule import FIELD_TYPES, KINDS, MAX_FIELDS, TIME_FORMATS
from bklog.collect.preview import MAX_CHARACTERS, MAX_LINES
from bklog.openapi.codes import BODY, KEPT, STORE
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    ID,
    MOMENT,
    NUMBER,
    TEXT,
    Schema,
    asked,
    choice,
    described,
    listing,
    mapping,
    nullable,
    record,
    ref,
    text,
    whole,
)

COLLECTORS: Final = "/api/v1/databus/collectors/"
COLLECTOR: Final = f"{COLLECTORS}{{collector_id}}/"
LEDGER_HOURS: Final = 24 * 400
_INDEX: Final = choice(["full", "bloom", "none"])
_LABELS: Final = mapping(text(minLength=1, maxLength=200), maxProperties=50, propertyNames={"minLength": 1, "maxLength": 200})
_RULE: Final[dict[str, Schema]] = {
    "kind": choice(KINDS),
    "types": mapping(choice(FIELD_TYPES), maxProperties=MAX_FIELDS),
    "time_field": TEXT,
    "time_format": choice(TIME_FORMATS),
    "level_field": TEXT,
    "pattern": described(text(maxLength=MAX_PATTERN_CHARACTERS), "of a regexp rule: its named groups are the fields"),
}
_GIVEN: Final[dict[str, Schema]] = {
    "description": text(maxLength=200),
    "index": _INDEX,
    "retention_days": whole(1, 3650),
    "labels": _LABELS,
    "clean_rule": ref("CleanRuleRequest"),
}
_NEW: Final[dict[str, Schema]] = {
    **_GIVEN,
    "space": text(pattern="^[a-z][a-z0-9_-]{0,63}$"),
    "scenario": choice(["row", "custom"]),
}
_NAME: Final[dict[str, Schema]] = {"name": text(pattern="^[a-z][a-z0-9_-]{1,49}$")}
_SHOWN: Final[dict[str, Schema]] = {
    "id": ID,
    "name": TEXT,
    "space": TEXT,
    "scenario": choice(["row", "custom", "rejects"]),
    "description": TEXT,
    "table": TEXT,
    "account": described(TEXT, "its name beside refused lines, which stays when its table is replaced"),
    "store": TEXT,
    "index": _INDEX,
    "clean_rule": ref("CleanRule"),
    "retention_days": COUNT,
    "labels": mapping(TEXT),
    "state": choice(["new", "active", "deleting"]),
    "created_at": MOMENT,
    "index_set_id": nullable(ID),
}
_TOKEN_GIVEN: Final[dict[str, Schema]] = {
    "name": text(maxLength=64, description="what it is for"),
    "kept_on": text(maxLength=64, description="the machine in whose `secrets/tokens/` it lies"),
}
_TOKEN: Final[dict[str, Schema]] = {
    "id": ID,
    **_TOKEN_GIVEN,
    "beginning": described(TEXT, "its first characters; empty of tokens that were made before these were kept"),
    "made_by": TEXT,
    "created_at": MOMENT,
    "last_used_at": {**nullable(MOMENT), "description": "to ten minutes: it may have been used since"},
    "revoked_at": {**nullable(MOMENT), "description": "refused since; the latest 20 of a collector are kept"},
    "revoked_by": TEXT,
}
_PATHS: Final = listing(text(maxLength=500), most=50)
_RUN: Final = Answer("The run that does it: docs/pipelines.md", ref("PipelineRun"))
_COLLECTOR: Final = Answer("As it is now", ref("Collector"))
SCHEMAS: Final[dict[str, Schema]] = {
    "CleanRule": record(_RULE),
    "CleanRuleRequest": record({}, _RULE),
    "CollectorRequest": record(_NAME, {**_NEW, "token": described(ref("IngestTokenRequest"), "about its first ingest token")}),
    "CollectorChange": record({}, _GIVEN),
    "Collector": record(_SHOWN),
    "IngestToken": record(_TOKEN),
    "IngestTokenRequest": asked({}, _TOKEN_GIVEN),
    "NewIngestToken": record({**_TOKEN, "ingest_token": described(TEXT, "the secret, which is shown this once")}),
    "NewCollector": record(
        {**_SHOWN, "ingest_token": described(TEXT, "shown this once")},
    ),
    "OnboardRequest": record(
        _NAME,
        {
            **_NEW,
            "agent": nullable(
                record(
                    {"paths": listing(text(maxLength=500, pattern="^/"), least=1, most=50)},
                    {"exclude": _PATHS, "format": choice(["lines", "jsonl"]), "from": choice(["beginning", "end"])},
                )
            ),
        },
    ),
    "Ledger": record(
        {
            "requests": COUNT,
            "received": COUNT,
            "stored": COUNT,
            "duplicate": COUNT,
            "rejected_by_reason": mapping(COUNT),
            "marked": mapping(COUNT),
            "size_bytes": COUNT,
            "last_request": nullable(TEXT),
        }
    ),
    "CollectorLedger": record(
        {
            "collector_id": ID,
            "name": TEXT,
            **dict.fromkeys(("requests", "received", "stored", "duplicate", "rejected", "marked", "size_bytes"), COUNT),
            "last_request": nullable(TEXT),
            "lines_per_second": described(NUMBER, "received in the last five minutes"),
        }
    ),
    "CollectorStores": record({"store": TEXT, "others": listing(TEXT)}),
    "PreviewedLine": record(
        {
            "time": MOMENT,
            "level": TEXT,
            "fields": mapping(ANYTHING),
            "parse_error": described(TEXT, "why the line would be marked, or empty"),
            "rejected": described(choice(["", "too_old"]), "why it would be refused, or empty"),
        }
    ),
}


def _one(method: str, path: str, name: str, summary: str, answers: dict[int, Answer], *codes: str, **more: Any) -> Operation:
    """Of one collector that is there."""
    return Operation(method, f"{COLLECTOR}{path}", name, summary, answers, ("no_collector", *codes), **more)


AREA = Area(
    "Collectors: what takes lines, cleans and keeps them",
    [
        Operation(
            "GET",
            COLLECTORS,
            "list_collectors",
            "Collectors",
            {200: Answer("By name", record({"items": listing(ref("Collector"))}))},
            query=[Parameter("name", TEXT, "only the one of this name")],
            examples=[Example("One by its name", query={"name": "shop"})],
        ),
        Operation(
            "POST",
            COLLECTORS,
            "create_collector",
            "Make one, with its table, its index set and its first ingest token",
            {201: Answer("It takes lines", ref("NewCollector"))},
            codes=(*KEPT, *STORE, "collector", "clean_rule", "collector_exists", "ingest_token", "pipeline_running"),
            body=ref("CollectorRequest"),
            examples=[
                Example(
                    "Lines of JSON",
                    body={
                        "name": "billing",
                        "clean_rule": {"kind": "json", "time_field": "ts", "types": {"status": "int"}},
                        "retention_days": 30,
                        "labels": {"team": "billing"},
                    },
                    shown={"name": "billing", "state": "active"},
                ),
                Example("A name that is taken", body={"name": "shop"}, status=409),
            ],
        ),
        Operation(
            "POST",
            f"{COLLECTORS}onboard/",
            "onboard_collector",
            "Make one with all that belongs to it, also the fleet's agent",
            {202: _RUN},
            codes=(*KEPT, "collector", "clean_rule", "collector_exists", "agent_rule", "agent_path", "pipeline_running"),
            body=ref("OnboardRequest"),
            examples=[Example("Without files", body={"name": "onboarded"}, shown={"pipeline": "collector_onboarding"})],
        ),
        Operation(
            "GET",
            f"{COLLECTORS}ledger/",
            "list_ledgers",
            "What came in, of all collectors",
            {200: Answer("The sums, by name", record({"items": listing(ref("CollectorLedger"))}))},
            codes=(*STORE, "hours"),
            query=[Parameter("hours", whole(1, LEDGER_HOURS), "of the last hours")],
            examples=[Example("Of a day", query={"hours": 24})],
        ),
        Operation(
            "POST",
            "/api/v1/databus/etl_preview/",
            "preview_clean_rule",
            "What a clean rule would make of lines",
            {200: Answer("Each line, in their order", record({"lines": listing(ref("PreviewedLine"))}))},
            codes=(*BODY, *STORE, "clean_rule", "collector"),
            body=record(
                {"lines": listing(text(maxLength=MAX_CHARACTERS), least=1, most=MAX_LINES)},
                {"clean_rule": ref("CleanRuleRequest"), "retention_days": whole(1, 3650)},
            ),
            examples=[
                Example(
                    "JSON",
                    body={
                        "clean_rule": {"kind": "json", "time_field": "ts", "types": {"status": "int"}},
                        "lines": ['{"ts": "2026-11-26T09:00:00Z", "status": 502, "level": "ERROR"}', "no object"],
                    },
                ),
                Example(
                    "A rule that cannot be",
                    body={"clean_rule": {"kind": "text", "time_field": "ts"}, "lines": ["a"]},
                    status=400,
                ),
            ],
            about="The lines are those of the body; nothing is stored. The SQL is that of lines that come in.",
        ),
        _one("GET", "", "show_collector", "One collector", {200: _COLLECTOR}, examples=[Example("One")]),
        _one(
            "PATCH",
            "",
            "change_collector",
            "Change one: at once, or by a run where another table is needed",
            {200: _COLLECTOR, 202: _RUN},
            *KEPT,
            *STORE,
            "collector",
            "clean_rule",
            "nothing_to_change",
            "collector_busy",
            "collector_deleting",
            "pipeline_running",
            "collector_state",
            body=ref("CollectorChange"),
            examples=[
                Example("Keep rows longer", body={"retention_days": 60}, shown={"retention_days": 60}),
                Example("An unknown key", body={"name": "other"}, status=400),
            ],
        ),
        _one(
            "DELETE",
            "",
            "delete_collector",
            "Delete one with its rows",
            {204: Answer("It is gone"), 202: _RUN},
            *STORE,
            "collector",
            "drain",
            "collector_busy",
            "pipeline_running",
            "collector_deleting",
            query=[Parameter("drain", choice(["true", "false"]), "true: by a run that first lets senders know")],
            examples=[Example("With notice", query={"drain": "true"}, status=202)],
        ),
        _one(
            "GET",
            "move/",
            "show_stores",
            "The store of one, and those that it can be moved to",
            {200: Answer("Names of the settings", ref("CollectorStores"))},
            examples=[Example("Where nothing but the main one is", shown={"store": "main", "others": []})],
        ),
        _one(
            "POST",
            "move/",
            "move_collector",
            "Move one with its rows to another store",
            {202: _RUN},
            *KEPT,
            "store",
            "collector",
            "nothing_to_change",
            "collector_busy",
            "collector_deleting",
            "pipeline_running",
            body=record({"store": TEXT}),
            examples=[Example("To a store that no setting names", body={"store": "elsewhere"}, status=400)],
        ),
        _one(
            "POST",
            "reactivate/",
            "reactivate_collector",
            "Take one back from a deletion that was given up",
            {200: _COLLECTOR},
            *STORE,
            "collector_state",
            "pipeline_running",
            examples=[Example("One that is not being deleted", status=409)],
        ),
        _one(
            "GET",
            "tokens/",
            "list_ingest_tokens",
            "Its ingest tokens, without their secrets",
            {200: Answer("Valid ones first, of both the newest first", record({"items": listing(ref("IngestToken"))}))},
            examples=[Example("All")],
        ),
        _one(
            "POST",
            "tokens/",
            "create_ingest_token",
            "Another ingest token",
            {201: Answer("The token, shown this once", ref("NewIngestToken"))},
            *KEPT,
            "collector",
            "collector_deleting",
            "ingest_token",
            "too_many_tokens",
            body=ref("IngestTokenRequest"),
            examples=[Example("For a machine", body={"name": "web-1"}, shown={"name": "web-1", "revoked_at": None})],
        ),
        _one(
            "DELETE",
            "tokens/{ingest_token_id}/",
            "revoke_ingest_token",
            "Revoke an ingest token",
            {204: Answer("Refused within three seconds; the last one of a collector too")},
            "no_token",
            examples=[Example("One")],
            about="Up to fifteen where the database answers slowly; while it is away, ingest goes on with what it knew.",
        ),
        _one(
            "GET",
            "ledger/",
            "show_ledger",
            "What came in: received = stored + duplicate + rejected",
            {200: Answer("The sums", ref("Ledger"))},
            *STORE,
            "hours",
            query=[Parameter("hours", whole(1, LEDGER_HOURS), "of the last hours")],
            examples=[Example("Of a day", query={"hours": 24})],
        ),
    ],
    SCHEMAS,
)
