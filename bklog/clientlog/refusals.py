"""Why a client log is refused for good: trying again would give the same answer. What passes is a Retryable instead."""

from __future__ import annotations

from bklog.errors import BadRequest, BklogError, TooLarge

CLIENT_HINT = "make the archive again, and submit it under another task id"


class Refused(BadRequest):
    """The file cannot be taken as it is; `code` says why."""

    code = "file_refused"


def broken(name: str, reason: object) -> BklogError:
    return Refused(f"the archive {name} is broken: {reason}", hint=CLIENT_HINT, code="broken_archive")


def encrypted(name: str) -> BklogError:
    return Refused(f"{name} is encrypted", hint="send the archive without a password", code="encrypted")


def unsupported(name: str, what: str) -> BklogError:
    return Refused(f"{name} is compressed with {what}", hint="possible: deflate, bzip2, none", code="unsupported_compression")


def escape(name: str) -> BklogError:
    message = f"the archive names a place outside of it: {name[:200]!r}"
    return Refused(message, hint="nothing of the archive was kept; whoever made it may mean harm", code="path_escape")


def special(name: str, kind: str) -> BklogError:
    message = f"the archive holds a {kind}: {name[:200]!r}"
    return Refused(message, hint="an archive of logs holds files only", code="special_file")


def too_deep(name: str, levels: int) -> BklogError:
    return Refused(f"{name} is packed more than {levels} times", hint=CLIENT_HINT, code="nested_too_deep")


def too_many(limit: int) -> BklogError:
    message = f"the archive holds more than {limit} files"
    return TooLarge(message, hint="divide it, or raise BKLOG_CLIENTLOG_UNPACK_FILES", code="too_many_files")


def too_large(limit_bytes: int) -> BklogError:
    message = f"the archive unpacks to more than {limit_bytes} bytes"
    return TooLarge(message, hint="divide it, or raise BKLOG_CLIENTLOG_UNPACK_BYTES", code="unpacked_too_large")


def bomb(ratio: int) -> BklogError:
    message = f"the archive unpacks to more than {ratio} times its size, as no logs do"
    return Refused(message, hint="if it is honest, raise BKLOG_CLIENTLOG_UNPACK_RATIO", code="archive_bomb")
