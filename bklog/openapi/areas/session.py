"""/api/v1/accounts/session/, me/: signing in and out, who one is, how one wants the page."""

from __future__ import annotations

from typing import Final

from bklog.accounts.passwords import LEAST_CHARACTERS, MOST_CHARACTERS
from bklog.accounts.preferences import LANGUAGES, THEMES
from bklog.openapi.codes import KEPT
from bklog.openapi.operation import Answer, Area, Example, Operation
from bklog.openapi.schema import MOMENT, TEXT, Schema, choice, listing, mapping, nullable, record, ref, text
from bklog.records import Permission, Role

SESSION: Final = "/api/v1/accounts/session/"
ME: Final = "/api/v1/accounts/me/"
_ZONE: Final = text(maxLength=64, examples=["Asia/Shanghai"])
_PREFERENCES: Final = {"language": nullable(choice(LANGUAGES)), "theme": nullable(choice(THEMES)), "zone": nullable(_ZONE)}
_SIGN_IN: Final = (
    "sign_in",
    "csrf",
    "sign_in_off",
    "sign_in_wrong",
    "sign_ins",
    "database_busy",
    "database_down",
    "unavailable",
)
SCHEMAS: Final[dict[str, Schema]] = {
    "Roles": mapping(choice(Role), description="by space, `*` for every one"),
    "Me": record(
        {
            "name": TEXT,
            "roles": {**nullable(ref("Roles")), "description": "null of a token, which may do the whole API in every space"},
            "permissions": listing(choice(Permission)),
            "preferences": ref("Preferences"),
        }
    ),
    "Preferences": record(_PREFERENCES),
    "PreferencesChange": record({}, _PREFERENCES),
    "Session": record({"user": ref("Me"), "csrf_token": TEXT, "expires_at": MOMENT}),
    "WhoAmI": record({"user": ref("Me")}),
}

AREA = Area(
    "Signing in: docs/accounts.md",
    [
        Operation(
            "POST",
            SESSION,
            "sign_in",
            "Sign in; the answer sets the cookie of the session",
            {200: Answer("Who that is, and what to send as X-CSRFToken", ref("Session"))},
            codes=(*KEPT, *_SIGN_IN),
            body=record({"name": TEXT, "password": TEXT}),
            examples=[Example("A wrong password", body={"name": "li", "password": "secret"}, status=401)],
            about="With the session every request that changes something sends the header X-CSRFToken.",
            needs_token=False,
        ),
        Operation(
            "GET",
            SESSION,
            "show_session",
            "The session that one has, after a page was loaded anew",
            {200: Answer("As signing in answers", ref("Session"))},
            codes=("no_session",),
            examples=[Example("By a token", status=403)],
        ),
        Operation(
            "DELETE",
            SESSION,
            "sign_out",
            "Sign out",
            {204: Answer("The session has ended")},
            codes=("no_session",),
            examples=[Example("By a token", status=403)],
        ),
        Operation(
            "GET",
            ME,
            "who_am_i",
            "Whose session or token this is, and what it allows",
            {200: Answer("Roles are null of a token", ref("WhoAmI"))},
            examples=[Example("A token", shown={"user": {"name": "tester", "roles": None}})],
        ),
        Operation(
            "PATCH",
            ME,
            "change_preferences",
            "Say how one wants the page; what is not named stays, null is forgotten",
            {200: Answer("As it is now", ref("WhoAmI"))},
            codes=(*KEPT, "no_session", "preferences"),
            body=record({"preferences": ref("PreferencesChange")}),
            examples=[Example("By a token", body={"preferences": {"theme": "dark"}}, status=403)],
        ),
        Operation(
            "POST",
            f"{ME}password/",
            "change_password",
            "Change one's own password; every session of it ends, and the answer sets the cookie of a new one",
            {200: Answer("As signing in answers", ref("Session"))},
            codes=(*KEPT, "no_session", "password", "password_wrong", "sign_in", "sign_ins"),
            body=record({"password": TEXT, "new_password": text(minLength=LEAST_CHARACTERS, maxLength=MOST_CHARACTERS)}),
            examples=[
                Example("By a token", body={"password": "what it is", "new_password": "four words of one's own"}, status=403)
            ],
        ),
    ],
    SCHEMAS,
)
