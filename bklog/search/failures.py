"""StoreError -> what the asker can do about it."""

from __future__ import annotations

from typing import Final

from bklog.errors import BadRequest, BklogError, StoreError
from bklog.records import Limits

# ClickHouse's numbers: TIMEOUT_EXCEEDED and TOO_SLOW, MEMORY_LIMIT_EXCEEDED, CANNOT_COMPILE_REGEXP.
TIMEOUTS: Final = (159, 160)
OUT_OF_MEMORY: Final = 241
BAD_REGEX: Final = 427
BAD_REGEX_CODE: Final = "bad_regex"


class SearchTimeout(BklogError):
    code = "search_timeout"
    status = 504
    exit_code = 6


class SearchTooLarge(BklogError):
    code = "search_too_large"
    status = 507
    exit_code = 6


class SearchCancelled(BklogError):
    code = "search_cancelled"
    status = 409
    exit_code = 6


def too_long(limits: Limits) -> SearchTimeout:
    hint = "narrow the time range, add a word that few rows have, or take what a time is enough for: budget_seconds"
    return SearchTimeout(f"the search took longer than {limits.seconds:g} seconds and was stopped", hint=hint)


def cancelled() -> SearchCancelled:
    return SearchCancelled("the search was cancelled", hint="ask again where that was a mistake")


def explained(error: StoreError, limits: Limits) -> BklogError:
    """The engine's refusals that the caller can do something about, in the caller's words."""
    if error.engine_code in TIMEOUTS:
        return too_long(limits)
    if error.engine_code == OUT_OF_MEMORY:
        hint = "narrow the time range, lower the limit, name the fields to return, or ask for approximate figures"
        return SearchTooLarge(f"the search needed more than {limits.memory_bytes} bytes of memory", hint=hint)
    if error.engine_code == BAD_REGEX:
        hint = "the syntax is RE2: no look-around, no back-references"
        return BadRequest(f"a regular expression cannot be read: {error.message}", hint=hint, code=BAD_REGEX_CODE)
    return error
