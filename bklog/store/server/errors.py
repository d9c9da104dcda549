"""RuntimeError of the engine -> StoreError with ClickHouse's code and text -> HTTP status.

The server's own refusals use the same codes, so a client needs one way to read them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from bklog.errors import StoreError

logger = logging.getLogger("bklog.store")


class Code(IntEnum):
    """ClickHouse's error codes that this server gives itself or maps to a status."""

    CANNOT_PARSE_TEXT = 6
    THERE_IS_NO_COLUMN = 8
    DUPLICATE_COLUMN = 15
    CANNOT_PARSE_ESCAPE_SEQUENCE = 25
    CANNOT_PARSE_QUOTED_STRING = 26
    CANNOT_PARSE_INPUT_ASSERTION_FAILED = 27
    BAD_ARGUMENTS = 36
    UNKNOWN_ELEMENT_IN_AST = 37
    CANNOT_PARSE_DATE = 38
    CANNOT_PARSE_DATETIME = 41
    ILLEGAL_COLUMN = 44
    UNKNOWN_FUNCTION = 46
    UNKNOWN_IDENTIFIER = 47
    NOT_IMPLEMENTED = 48
    UNKNOWN_TYPE = 50
    TYPE_MISMATCH = 53
    UNKNOWN_STORAGE = 56
    UNKNOWN_TABLE = 60
    SYNTAX_ERROR = 62
    UNKNOWN_AGGREGATE_FUNCTION = 63
    CANNOT_PARSE_NUMBER = 72
    UNKNOWN_FORMAT = 73
    CANNOT_WRITE_TO_FILE_DESCRIPTOR = 75
    CANNOT_OPEN_FILE = 76
    UNKNOWN_TYPE_OF_QUERY = 78
    UNKNOWN_DATABASE = 81
    UNKNOWN_COMPRESSION_METHOD = 89
    UNKNOWN_SETTING = 115
    INCORRECT_DATA = 117
    UNKNOWN_TYPE_OF_AST_NODE = 123
    UNKNOWN_DIRECTION_OF_SORTING = 152
    TIMEOUT_EXCEEDED = 159
    READONLY = 164
    TOO_DEEP_AST = 167
    TOO_BIG_AST = 168
    UNKNOWN_USER = 192
    WRONG_PASSWORD = 193
    REQUIRED_PASSWORD = 194
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    SOCKET_TIMEOUT = 209
    UNEXPECTED_AST_STRUCTURE = 223
    QUERY_IS_TOO_LARGE = 229
    ABORTED = 236
    NOT_ENOUGH_SPACE = 243
    TOO_MANY_BYTES = 307
    VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE = 321
    UNKNOWN_DATABASE_ENGINE = 336
    CANNOT_PARSE_UUID = 376
    HTTP_LENGTH_REQUIRED = 381
    QUERY_WAS_CANCELLED = 394
    TOO_MANY_ROWS_OR_BYTES = 396
    CANNOT_COMPILE_REGEXP = 427
    CANNOT_SCHEDULE_TASK = 439
    CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING = 441
    INVALID_USAGE_OF_INPUT = 477
    ACCESS_DENIED = 497
    UNKNOWN_ROLE = 511
    SET_NON_GRANTED_ROLE = 512
    AUTHENTICATION_FAILED = 516
    CANNOT_DECOMPRESS = 271
    CANNOT_PARSE_IPV4 = 675
    CANNOT_PARSE_IPV6 = 676
    UNSUPPORTED_MEDIA_TYPE = 779


_STATUS_CODES: Final[dict[int, tuple[Code, ...]]] = {
    400: (
        Code.BAD_ARGUMENTS, Code.CANNOT_COMPILE_REGEXP, Code.CANNOT_PARSE_TEXT, Code.CANNOT_PARSE_ESCAPE_SEQUENCE,
        Code.CANNOT_PARSE_QUOTED_STRING, Code.CANNOT_PARSE_DATE, Code.CANNOT_PARSE_DATETIME, Code.CANNOT_PARSE_NUMBER,
        Code.CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING, Code.CANNOT_PARSE_IPV4, Code.CANNOT_PARSE_IPV6, Code.CANNOT_PARSE_UUID,
        Code.CANNOT_PARSE_INPUT_ASSERTION_FAILED, Code.DUPLICATE_COLUMN, Code.ILLEGAL_COLUMN, Code.UNKNOWN_ELEMENT_IN_AST,
        Code.UNKNOWN_TYPE_OF_AST_NODE, Code.THERE_IS_NO_COLUMN, Code.TOO_DEEP_AST, Code.TOO_BIG_AST,
        Code.UNEXPECTED_AST_STRUCTURE, Code.SYNTAX_ERROR, Code.INCORRECT_DATA, Code.TYPE_MISMATCH,
        Code.VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, Code.INVALID_USAGE_OF_INPUT, Code.UNKNOWN_COMPRESSION_METHOD,
        Code.CANNOT_DECOMPRESS,
    ),
    401: (Code.REQUIRED_PASSWORD,),
    403: (Code.UNKNOWN_USER, Code.WRONG_PASSWORD, Code.AUTHENTICATION_FAILED, Code.SET_NON_GRANTED_ROLE, Code.ACCESS_DENIED),
    404: (
        Code.UNKNOWN_TABLE, Code.UNKNOWN_FUNCTION, Code.UNKNOWN_IDENTIFIER, Code.UNKNOWN_TYPE, Code.UNKNOWN_STORAGE,
        Code.UNKNOWN_DATABASE, Code.UNKNOWN_SETTING, Code.UNKNOWN_DIRECTION_OF_SORTING, Code.UNKNOWN_AGGREGATE_FUNCTION,
        Code.UNKNOWN_FORMAT, Code.UNKNOWN_DATABASE_ENGINE, Code.UNKNOWN_TYPE_OF_QUERY, Code.UNKNOWN_ROLE,
    ),
    408: (Code.TIMEOUT_EXCEEDED, Code.SOCKET_TIMEOUT),
    411: (Code.HTTP_LENGTH_REQUIRED,),
    413: (Code.QUERY_IS_TOO_LARGE, Code.TOO_MANY_BYTES),
    415: (Code.UNSUPPORTED_MEDIA_TYPE,),
    501: (Code.NOT_IMPLEMENTED,),
    503: (Code.CANNOT_OPEN_FILE, Code.CANNOT_SCHEDULE_TASK, Code.TOO_MANY_SIMULTANEOUS_QUERIES, Code.ABORTED),
    507: (Code.NOT_ENOUGH_SPACE,),
}  # fmt: skip
_STATUS: Final = {code: status for status, codes in _STATUS_CODES.items() for code in codes}
_ENGINE_TEXT: Final = re.compile(r"Code: (\d+)\. DB::")
# The engine wraps some errors, even twice: "Code: 62. DB::Exception: Code: 62. DB::… (version 26.9). (SYNTAX_ERROR)".
_WRAPPED: Final = re.compile(r"Code: (\d+)\. DB::Exception: (Code: \1\. DB::.*) \(version [^()]*\)\. \(\w+\)\s*", re.DOTALL)
# Where a body was parsed from is this server's affair.
_OWN_FILE: Final = re.compile(r": \(in file/uri /proc/self/fd/\d+\)|/proc/self/fd/\d+")
_DISK_FULL: Final = re.compile(r"No space left on device|errno: 28\b")


def refusal(code: Code, text: str) -> StoreError:
    """A failure that the server finds itself, in the engine's words."""
    return StoreError(f"Code: {code.value}. DB::Exception: {text} ({code.name})", engine_code=code.value)


def engine_failure(error: RuntimeError) -> StoreError:
    """What the engine raised; a full disk always has the code NOT_ENOUGH_SPACE, whatever write found it."""
    text = str(error)
    while wrapped := _WRAPPED.fullmatch(text):
        text = wrapped.group(2)
    text = _OWN_FILE.sub(_without_own_file, text)
    found = _ENGINE_TEXT.search(text)
    code = int(found.group(1)) if found else 0
    if _DISK_FULL.search(text):
        code = Code.NOT_ENOUGH_SPACE
    return StoreError(text.strip(), engine_code=code)


def log_failure(error: StoreError, fields: Mapping[str, object]) -> None:
    # Not the text: it quotes the statement, and a statement may hold values.
    logger.warning("query failed", extra={"engine_code": error.engine_code, **fields})


def _without_own_file(found: re.Match[str]) -> str:
    return "" if found.group().startswith(":") else "the request body"


def http_status(code: int) -> int:
    """As ClickHouse maps its codes; added: 503 too many queries and shutdown, 507 full disk, 413 large body, 408 slow body."""
    return _STATUS.get(Code(code), 500) if code in Code._value2member_map_ else 500
