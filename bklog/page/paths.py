"""Which paths are the page's, and where its files are built. Neither holds anything that is anybody's: no token is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

# The routes of `web/src/router.ts`, as Django writes them.
ROUTES: Final = (
    *("", "search", "sign-in", "link/<slug:token>"),
    *("collect", "collect/new", "collect/<int:collector_id>"),
    *("operate", "operate/<slug:part>"),
)
DIST: Final = Path(__file__).with_name("dist")
FILES: Final = "page/files/"
_PAGE: Final = re.compile(
    r"/(?:search|sign-in|link/[-a-zA-Z0-9_]+|collect(?:/new|/[0-9]+)?|operate(?:/[-a-z]+)?|page/files/[-a-zA-Z0-9_.]+)?",
    re.ASCII,
)


def is_page(path: str) -> bool:
    return _PAGE.fullmatch(path) is not None
