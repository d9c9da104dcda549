"""Export + moment → a signed link that opens its file until then, to whoever has the link and to nobody else.

The signature is an HMAC with the platform's secret key over the export, its random key and the moment: neither can be changed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.utils.crypto import constant_time_compare, salted_hmac

from bklog.errors import BklogError, Conflict, Forbidden
from bklog.export.models import Export

SALT: Final = "bklog.export.link"
GONE_CODES: Final = {Export.State.EXPIRED: "export_expired"}


class Gone(BklogError):
    code = "link_expired"
    status = 410
    exit_code = 4


def signed_path(export: Export, *, until: datetime) -> str:
    seconds = int(until.timestamp())
    signed = urlencode({"expires": seconds, "signature": _signature(export, str(seconds))})
    return f"/api/v1/search/export/{export.pk}/file/?{signed}"


def require_signature(export: Export, *, expires: str, signature: str, now: datetime) -> None:
    """Raises Forbidden for what was not signed here, Gone after its time."""
    if not constant_time_compare(_signature(export, expires), signature):
        raise Forbidden("the link is not one of ours, or was changed", hint="make a new one: GET …/link/", code="link_wrong")
    if int(expires) < now.timestamp():  # signed, so it is a number
        raise Gone("the link is no longer valid", hint="make a new one: GET …/link/")


def link_end(export: Export, *, now: datetime, seconds: int) -> datetime:
    """A link does not outlive its file."""
    end = now + timedelta(seconds=seconds)
    return min(end, export.expires_at) if export.expires_at else end


def require_file(export: Export) -> None:
    """Raises Gone for a file that was removed, Conflict for one that never was, or is not yet."""
    if export.state == Export.State.EXPIRED or (export.expires_at and export.expires_at <= datetime.now(UTC)):
        raise Gone(f"the file of export {export.pk} is no longer kept", hint="export again", code="export_expired")
    if export.state != Export.State.SUCCESS:
        raise Conflict(
            f"the export {export.pk} is {export.state}", hint="its file is there when it is success", code="export_state"
        )


def _signature(export: Export, expires: str) -> str:
    text = f"{export.pk}|{export.key}|{expires}"
    return salted_hmac(SALT, text, algorithm="sha256").hexdigest()
