"""The one error tree: every failure has a stable code, an HTTP status, an exit code, a sentence and a remedy.

BklogError
├── ConfigError          the settings or the environment are wrong; nothing started
├── BadRequest      400  the caller's input is wrong
│   ├── TooLarge    413
│   └── QuerySyntax 400  with the place in the text
├── Unauthorised    401
├── Forbidden       403
├── NotFound        404
├── Conflict        409
├── Overloaded      429  try again later; carries the seconds to wait
├── StoreError      502  the log store refused a statement; carries the engine's code
└── Unavailable     503  a part of the system does not answer; carries the seconds to wait

Entry points (`api`, `cli`, `ingest.app`) turn an error into JSON or an exit code in one place; nobody else catches one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class BklogError(Exception):
    """A failure that a person reads. `message` says what happened, `hint` what to do about it."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", code: str = "", fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.stable_code = code or type(self).code
        self.fields = fields or {}

    def as_dict(self) -> dict[str, Any]:
        """The body that every HTTP answer of a failure has."""
        return {"error": {"code": self.stable_code, "message": self.message, "hint": self.hint, **self.fields}}

    @property
    def headers(self) -> dict[str, str]:
        """What every HTTP answer of it says beside its body: when to try again."""
        seconds = self.fields.get("retry_after_seconds")
        return {"Retry-After": str(seconds)} if seconds else {}


class ConfigError(BklogError):
    code = "config_error"
    exit_code = 2


class BadRequest(BklogError):
    code = "bad_request"
    status = 400
    exit_code = 2


class TooLarge(BadRequest):
    code = "too_large"
    status = 413


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a query's text: `start` and `end` count characters from 0, `end` is not part of it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a query's text: `text` in place of what stands from `start` to `end`."""

    start: int
    end: int
    text: str


class QuerySyntax(BadRequest):
    """`expected` names what could stand at the place, `edit` is the smallest change that leads on, `repair` a whole text."""

    code = "query_syntax"

    def __init__(
        self,
        message: str,
        *,
        span: Span,
        hint: str = "",
        code: str = "",
        expected: str = "",
        edit: Edit | None = None,
        repair: str = "",
    ) -> None:
        said = {"expected": expected, "repair": repair}
        fields = {"start": span.start, "end": span.end} | {name: text for name, text in said.items() if text}
        super().__init__(message, hint=hint, code=code, fields=fields)
        self.span = span
        self.expected = expected
        self.edit = edit
        self.repair = repair


class Unauthorised(BklogError):
    code = "unauthorised"
    status = 401
    exit_code = 3


class Forbidden(BklogError):
    code = "forbidden"
    status = 403
    exit_code = 3


class NotFound(BklogError):
    code = "not_found"
    status = 404
    exit_code = 4


class Conflict(BklogError):
    code = "conflict"
    status = 409
    exit_code = 5


class Retryable(BklogError):
    """A failure that passes: the answer carries `Retry-After`."""

    exit_code = 6

    def __init__(self, message: str, *, retry_after_seconds: int = 1, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint, code=code, fields={"retry_after_seconds": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Retryable):
    code = "overloaded"
    status = 429


class Unavailable(Retryable):
    code = "unavailable"
    status = 503


class StoreError(BklogError):
    """The engine refused a statement; `engine_code` is ClickHouse's number (0 where the engine gave none)."""

    code = "store_error"
    status = 502

    def __init__(self, message: str, *, engine_code: int = 0, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint, code=code, fields={"engine_code": engine_code})
        self.engine_code = engine_code
