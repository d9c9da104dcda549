"""How a person wants to see the page: language, theme, time zone. What is not said, the page takes from the browser."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

from bklog.accounts.models import User
from bklog.errors import BadRequest

LANGUAGES: Final = ("zh", "en")
THEMES: Final = ("light", "dark")
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"language": LANGUAGES, "theme": THEMES}
NAMES: Final = ("language", "theme", "zone")


def present_preferences(kept: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: kept.get(name) for name in NAMES}


def change_preferences(user: User, given: object) -> None:
    """What is not named stays; null is forgotten. Raises BadRequest (`preferences`)."""
    if not isinstance(given, dict) or set(given) - set(NAMES):
        raise BadRequest("preferences cannot be read", hint=f"an object of: {', '.join(NAMES)}", code="preferences")
    for name, value in given.items():
        _require(name, value)
    kept = {**user.preferences, **given}
    user.preferences = {name: value for name, value in kept.items() if value is not None}
    user.save(update_fields=["preferences"])


def _require(name: str, value: object) -> None:
    if value is None or (name in _CHOICES and value in _CHOICES[name]) or (name == "zone" and _is_zone(value)):
        return
    hint = f"one of: {', '.join(_CHOICES[name])}" if name in _CHOICES else "a name such as Asia/Shanghai"
    raise BadRequest(f"the preference {name} is {str(value)[:50]!r}", hint=hint, code="preferences")


def _is_zone(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) <= 64 and bool(zoneinfo.ZoneInfo(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
