"""/api/v1/accounts/users/, tokens/, spaces/, audit/: who may do what where, and who did what."""

from __future__ import annotations

from typing import Final

from bklog.accounts.audit import MOST_AT_ONCE
from bklog.accounts.models import AuditEntry
from bklog.accounts.passwords import LEAST_CHARACTERS, MOST_CHARACTERS
from bklog.openapi.codes import KEPT, PAGE
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
    MOMENT,
    TEXT,
    Schema,
    asked,
    choice,
    listing,
    mapping,
    nullable,
    record,
    ref,
    text,
    whole,
)
from bklog.records import Permission, Role

ACCOUNTS: Final = "/api/v1/accounts/"
NEEDS: Final = "Needs the permission accounts, which who is admin in every space has."
BOUNDS: Final = f"{NEEDS} Nobody gives what they do not have, or changes who may do more than they."
_PERMISSIONS: Final = listing(choice(Permission))
_PASSWORD: Final = text(minLength=LEAST_CHARACTERS, maxLength=MOST_CHARACTERS)
_NAME: Final = text(minLength=1, maxLength=64, examples=["li"])
_MEMBERS: Final = listing(record({"name": TEXT, "role": choice(Role)}))
_TOKEN: Final[dict[str, Schema]] = {"id": ID, "name": TEXT, "permissions": listing(TEXT), "created_at": MOMENT}
_GIVE: Final = ("permission_missing", "permissions", "roles", "user")
SCHEMAS: Final[dict[str, Schema]] = {
    "User": record(
        {
            "name": TEXT,
            "roles": ref("Roles"),
            "permissions": listing(TEXT),
            "is_disabled": FLAG,
            "created_at": MOMENT,
            "signed_in_at": nullable(MOMENT),
        }
    ),
    "UserRequest": asked({"name": _NAME, "password": _PASSWORD}, {"roles": ref("Roles"), "permissions": _PERMISSIONS}),
    "UserChange": asked({}, {"roles": ref("Roles"), "permissions": _PERMISSIONS, "is_disabled": FLAG}),
    "ApiToken": record(_TOKEN),
    "NewApiToken": record({**_TOKEN, "token": text(description="the secret, which is shown this once")}),
    "Spaces": record(
        {
            "items": listing(record({"space": TEXT, "collectors": COUNT, "index_sets": COUNT, "users": _MEMBERS})),
            "everywhere": _MEMBERS,
            "roles": listing(choice(Role)),
        }
    ),
    "Audit": record(
        {
            "items": listing(
                record(
                    {
                        "id": ID,
                        "at": MOMENT,
                        "who": TEXT,
                        "way": choice(AuditEntry.Way.values),
                        "address": TEXT,
                        "action": TEXT,
                        "subject": TEXT,
                        "details": mapping(ANYTHING),
                    }
                )
            ),
            "next": {**nullable(ID), "description": "`before` of the following page"},
        }
    ),
}

AREA = Area(
    "Users, roles, tokens, audit: docs/accounts.md",
    [
        Operation(
            "GET",
            f"{ACCOUNTS}users/",
            "list_users",
            "All users",
            {200: Answer("By name", record({"items": listing(ref("User"))}))},
            codes=("permission_missing",),
            examples=[Example("All")],
            about=NEEDS,
        ),
        Operation(
            "POST",
            f"{ACCOUNTS}users/",
            "create_user",
            "Make a user",
            {201: Answer("Can sign in", ref("User"))},
            codes=(*KEPT, *_GIVE, "password", "user_exists"),
            body=ref("UserRequest"),
            examples=[
                Example(
                    "An editor of one space who sees the others",
                    body={"name": "wang", "password": "four words of one's own", "roles": {"default": "editor", "*": "viewer"}},
                    shown={"name": "wang", "is_disabled": False},
                ),
                Example("A weak password", body={"name": "wang", "password": "1234567890"}, status=400),
            ],
            about=BOUNDS,
        ),
        Operation(
            "GET",
            f"{ACCOUNTS}users/{{name}}/",
            "show_user",
            "One user",
            {200: Answer("As it is", ref("User"))},
            codes=("no_user", "permission_missing"),
            examples=[Example("One", shown={"name": "li"})],
            about=NEEDS,
        ),
        Operation(
            "PATCH",
            f"{ACCOUNTS}users/{{name}}/",
            "change_user",
            "Change roles and permissions, disable; what is not named stays",
            {200: Answer("In force with the next request of each session", ref("User"))},
            codes=(*KEPT, *_GIVE, "last_admin", "no_user"),
            body=ref("UserChange"),
            examples=[
                Example("May see raw values", body={"permissions": ["raw_values"]}, shown={"permissions": ["raw_values"]})
            ],
            about=BOUNDS,
        ),
        Operation(
            "DELETE",
            f"{ACCOUNTS}users/{{name}}/",
            "delete_user",
            "Delete a user; what is kept under the name stays",
            {204: Answer("Signed out, and gone")},
            codes=("last_admin", "no_user", "permission_missing"),
            examples=[Example("One")],
            about=BOUNDS,
        ),
        Operation(
            "POST",
            f"{ACCOUNTS}users/{{name}}/password/",
            "set_password",
            "Set the password of somebody who lost it",
            {204: Answer("Signed out everywhere")},
            codes=(*KEPT, "no_user", "password", "permission_missing", "user"),
            body=record({"password": _PASSWORD}),
            examples=[Example("Another", body={"password": "other words of one's own"})],
            about=BOUNDS,
        ),
        Operation(
            "GET",
            f"{ACCOUNTS}tokens/",
            "list_tokens",
            "All API tokens, without their secrets",
            {200: Answer("By name", record({"items": listing(ref("ApiToken"))}))},
            codes=("permission_missing",),
            examples=[Example("All")],
            about=NEEDS,
        ),
        Operation(
            "POST",
            f"{ACCOUNTS}tokens/",
            "create_token",
            "Make an API token",
            {201: Answer("`token` is the secret", ref("NewApiToken"))},
            codes=(*KEPT, "permission_missing", "permissions", "token_exists", "token_name", "user"),
            body=asked({"name": _NAME}, {"permissions": _PERMISSIONS}),
            examples=[Example("For a dashboard", body={"name": "grafana"}, shown={"name": "grafana", "permissions": []})],
            about=f"{BOUNDS} A token may do the whole API in every space: it takes the role admin there.",
        ),
        Operation(
            "DELETE",
            f"{ACCOUNTS}tokens/{{token_id}}/",
            "revoke_token",
            "Revoke an API token",
            {204: Answer("Opens nothing with the next request")},
            codes=("no_token", "permission_missing"),
            examples=[Example("One that does nothing else")],
            about=NEEDS,
        ),
        Operation(
            "GET",
            f"{ACCOUNTS}spaces/",
            "list_spaces",
            "The spaces that something is in or a role names, and who has which role there",
            {200: Answer("`everywhere` are the roles in every space", ref("Spaces"))},
            codes=("permission_missing",),
            examples=[Example("All")],
            about=NEEDS,
        ),
        Operation(
            "GET",
            f"{ACCOUNTS}audit/",
            "list_audit",
            "Who did what when",
            {200: Answer("The newest first", ref("Audit"))},
            codes=(*PAGE, "permission_missing", "time_syntax"),
            query=[
                Parameter("who", TEXT, "a name"),
                Parameter("action", TEXT, "such as user.create; user. for all that begin so"),
                Parameter("subject", TEXT, "what it was done to"),
                Parameter("way", TEXT, f"one of: {', '.join(AuditEntry.Way.values)}"),
                Parameter("since", TEXT, "a time, as of a search: now-1d"),
                Parameter("until", TEXT, "a time"),
                Parameter("limit", whole(1, MOST_AT_ONCE), "entries of a page"),
                Parameter("before", ID, "`next` of the former page"),
            ],
            examples=[
                Example("Of a day", query={"since": "now-1d", "action": "user."}),
                Example("No time", query={"since": "?"}, status=400),
            ],
            about=NEEDS,
        ),
    ],
    SCHEMAS,
)
