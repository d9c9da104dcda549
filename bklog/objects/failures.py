"""The library's errors -> the error tree: one place, one sentence each, and never a secret in it.

NotFound      no such object or bucket
Forbidden     the key may not do that, or is wrong
BadRequest    the key is no key
Unavailable   the storage does not answer, or fails: trying later may work
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore import exceptions

from bklog.errors import BadRequest, BklogError, Forbidden, NotFound, Unavailable

CODE: Final = re.compile(r"<Code>(\w+)</Code>")
DENIED_CODES: Final = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "InvalidToken", "ExpiredToken")
# A key that is none is told as ValueError, before anything is asked.
FAILURES: Final = (exceptions.BaseError, OSError, ValueError)
MOMENT: Final = 5  # seconds before it is worth asking again
KEY_HINT: Final = "check BKLOG_S3_KEY_ID, BKLOG_S3_SECRET and what the key may do in the bucket"


@contextmanager
def told(what: str) -> Iterator[None]:
    """`what` is the sentence's beginning: "the object a/b cannot be read"."""
    try:
        yield
    except FAILURES as error:
        raise failure(what, error) from error


def failure(what: str, error: BaseException) -> BklogError:
    said = _code(error)
    if said == "NoSuchBucket":
        return NotFound(f"{what}: there is no such bucket", hint="make it, or correct BKLOG_S3_BUCKET", code="no_bucket")
    if isinstance(error, exceptions.NotFoundError | FileNotFoundError):
        return NotFound(f"{what}: it is not there", hint="it may have been deleted or moved", code="no_object")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError) or said in DENIED_CODES:
        return Forbidden(
            f"{what}: the storage refuses the access key ({said or 'no reason given'})", hint=KEY_HINT, code="object_denied"
        )
    if isinstance(error, exceptions.InvalidPathError | ValueError):
        return BadRequest(f"{what}: that is no key", hint="parts divided by /, none empty, no . and no ..", code="object_key")
    return Unavailable(
        f"{what}: the storage does not answer, or fails ({said or _kind(error)})",
        hint="try again; check BKLOG_S3_ENDPOINT where it stays",
        retry_after_seconds=MOMENT,
        code="objects_unavailable",
    )


def _code(error: BaseException) -> str:
    found = CODE.search(str(error))
    return found[1] if found else ""


def _kind(error: BaseException) -> str:
    """The first line of the reason: what follows is the library's own structure, with the request in it."""
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
