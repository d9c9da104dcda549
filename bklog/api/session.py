"""/api/v1/accounts/session/, me/: people sign in, see who they are, say how they want the page, change their password.

The page keeps the session in a cookie that no script reads, and sends `csrf_token` as X-CSRFToken with what changes something.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts import passwords, preferences, sessions, users
from bklog.accounts.audit import recorded
from bklog.accounts.models import Session, User
from bklog.accounts.sign_in_counts import count, forget
from bklog.api.credentials import address_of, cookie_name, is_session
from bklog.api.middleware import SECRET
from bklog.api.requests import actor, asker, by_method, kept_object
from bklog.errors import BadRequest, Forbidden, Unauthorised
from bklog.records import Bearer

SAME_SITE: Final = "Lax"  # a link to the page, followed from elsewhere, finds its reader signed in
FROM_ELSEWHERE: Final = frozenset({"cross-site", "same-site"})


def sign_in(request: HttpRequest) -> HttpResponse:
    """A form of another site can send no JSON without asking first: nobody is signed in as somebody else unawares."""
    if "password" not in settings.BKLOG_AUTH_METHODS:
        raise Forbidden("nobody signs in here with a password", hint="BKLOG_AUTH_METHODS says how", code="sign_in_off")
    if request.content_type != "application/json" or request.headers.get("Sec-Fetch-Site") in FROM_ELSEWHERE:
        raise Forbidden("a sign-in comes from the page, as JSON", hint="send Content-Type: application/json", code="csrf")
    given = _keys(kept_object(request), "name", "password")
    signed_in = sessions.sign_in(*given, address=address_of(request), now=datetime.now(UTC), keep=_lifetime())
    return _answer_with_cookie(signed_in)


def show_session(request: HttpRequest) -> HttpResponse:
    session = _session(request)
    return JsonResponse(_present(asker(request), session.user, request.META[SECRET], session.expires_at))


def sign_out(request: HttpRequest) -> HttpResponse:
    _session(request)
    sessions.end(request.META[SECRET], actor(request))
    response = HttpResponse(status=204)
    response.delete_cookie(cookie_name(), samesite=SAME_SITE)
    return response


def show_me(request: HttpRequest) -> HttpResponse:
    """Also of a token, which has no preferences."""
    bearer = asker(request)
    return JsonResponse({"user": _present_user(bearer, _preferences(request))})


def change_me(request: HttpRequest) -> HttpResponse:
    raw = kept_object(request)
    if set(raw) != {"preferences"}:
        raise BadRequest("only preferences can be changed", hint='{"preferences": {"theme": "dark"}}', code="preferences")
    user = _session(request).user
    preferences.change_preferences(user, raw["preferences"])
    return JsonResponse({"user": _present_user(asker(request), user.preferences)})


def change_password(request: HttpRequest) -> HttpResponse:
    """Every session of the user ends, this one too: the answer has another."""
    current, new = _keys(kept_object(request), "password", "new_password")
    user, address, now = _session(request).user, address_of(request), datetime.now(UTC)
    count(user.name, address, now=now)  # who found an open browser guesses no more often than at the door
    if not passwords.fits(current, user):
        raise Forbidden("the current password is wrong", hint="type that with which you signed in", code="password_wrong")
    forget(user.name, address)
    with recorded(actor(request), "user.password", user.name):
        users.set_password(user, new)
    return _answer_with_cookie(sessions.begin(user, address=address, now=now, keep=_lifetime()))


def _session(request: HttpRequest) -> Session:
    """Raises Forbidden (`no_session`) for who asks with a token."""
    secret: str = request.META[SECRET]
    if not is_session(secret):
        raise Forbidden("an API token has no session", hint="sign in with name and password", code="no_session")
    found = sessions.session_of(secret)
    if found is None:  # ended since it was let in
        raise Unauthorised("the session has ended", hint="sign in again", code="session_ended")
    return found


def _preferences(request: HttpRequest) -> dict[str, Any]:
    return _session(request).user.preferences if is_session(request.META[SECRET]) else {}


def _answer_with_cookie(signed_in: sessions.SignedIn) -> HttpResponse:
    user, secret = signed_in.user, signed_in.secret
    bearer = users.bearer_of(user.name, user.roles, user.permissions)
    response = JsonResponse(_present(bearer, user, secret, signed_in.expires_at))
    response.set_cookie(
        cookie_name(),
        secret,
        max_age=int(_lifetime().total_seconds()),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite=SAME_SITE,
    )
    response["Cache-Control"] = "no-store"
    return response


def _present(bearer: Bearer, user: User, secret: str, expires_at: datetime) -> dict[str, Any]:
    return {
        "user": _present_user(bearer, user.preferences),
        "csrf_token": sessions.csrf_token(secret),
        "expires_at": expires_at.isoformat(),
    }


def _lifetime() -> timedelta:
    return timedelta(hours=settings.BKLOG_SESSION_HOURS)


def _present_user(bearer: Bearer, kept: dict[str, Any]) -> dict[str, Any]:
    """`permissions` are those in force: also what comes with the role."""
    return {
        "name": bearer.name,
        "roles": None if bearer.roles is None else dict(bearer.roles),
        "permissions": sorted(bearer.permissions),
        "preferences": preferences.present_preferences(kept),
    }


def _keys(raw: dict[str, Any], *names: str) -> tuple[str, ...]:
    """Raises BadRequest (`sign_in`)."""
    if set(raw) != set(names) or not all(isinstance(one, str) for one in raw.values()):
        raise BadRequest("the body cannot be read", hint=f"an object of these texts: {', '.join(names)}", code="sign_in")
    return tuple(raw[name] for name in names)


session = by_method(GET=show_session, POST=sign_in, DELETE=sign_out)
me = by_method(GET=show_me, PATCH=change_me)
password = by_method(POST=change_password)
