"""A setting's value → what may be shown of it. A secret is hidden whole, of a URL its password."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from config.table import DEFINITIONS, Value

MASK: Final = "********"
# A node ends where `;` starts the next. The password runs to the node's last `@`: unescaped `@` and `/` occur in it.
_NODE: Final = re.compile(r";(?=[a-z0-9+]+://)")
_PASSWORD: Final = re.compile(r"(?P<before>://[^:@/]*:).*(?P<after>@)", re.DOTALL)
_PARAMETER: Final = re.compile(r"(?P<before>[?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


def shown(name: str, value: Value) -> bool | int | float | str | list[str]:
    """As JSON knows it: a path is text, a list is a list."""
    secrecy = DEFINITIONS[name].meaning.secrecy
    if isinstance(value, tuple):
        return [mask_url(member) if secrecy == "password in URL" else member for member in value]
    if isinstance(value, Path) or secrecy == "open":
        return str(value) if isinstance(value, Path) else value
    return mask_url(str(value)) if secrecy == "password in URL" else MASK if value else ""


def mask_url(url: str) -> str:
    return ";".join(_mask_node(node) for node in _NODE.split(url))


def _mask_node(node: str) -> str:
    return _PARAMETER.sub(rf"\g<before>{MASK}", _PASSWORD.sub(rf"\g<before>{MASK}\g<after>", node))
