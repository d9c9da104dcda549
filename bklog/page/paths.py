"""Which paths are the page's. Its shell and its files hold nothing that is anybody's, so they need no token: the API does."""

from __future__ import annotations

import re
from typing import Final

# The routes of `web/src/router.ts`, as Django writes them.
ROUTES: Final = (
    *("", "search", "sign-in", "link/<slug:token>"),
    *("collect", "collect/new", "collect/<int:collector_id>"),
    *("operate", "operate/<slug:part>"),
)
FILES: Final = "page/"
_PAGE: Final = re.compile(
    r"/(?:search|sign-in|link/[-a-zA-Z0-9_]+|collect(?:/new|/[0-9]+)?|operate(?:/[-a-z]+)?|page/[-a-zA-Z0-9_.]+)?", re.ASCII
)


def is_page(path: str) -> bool:
    return _PAGE.fullmatch(path) is not None
