"""dist/, which `make up` or a release builds of web/ ─▶ Built: what the shell names, and each file that may be served.

Names carry a digest of what is in them, so a browser may keep them for ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("dist")
MANIFEST: Final = ".vite/manifest.json"
ENTRY: Final = "src/main.ts"
TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# As the build packs them, the smallest first.
_REFUSED: Final = re.compile(r"q=0(?:\.0*)?", re.ASCII)
PACKED: Final[Mapping[str, str]] = {"br": ".br", "gzip": ".gz"}


@dataclass(frozen=True, slots=True)
class File:
    """`packed` are the same bytes in the content codings of PACKED, where they are worth it."""

    path: Path
    content_type: str
    packed: Mapping[str, Path]

    def chosen(self, accepted: str) -> tuple[str, Path]:
        """The coding, empty for none, and its file, for a request's Accept-Encoding."""
        wanted = [name.replace(" ", "").partition(";") for name in accepted.lower().split(",")]
        names = {name for name, _, quality in wanted if not _REFUSED.fullmatch(quality)}
        return next(((coding, path) for coding, path in self.packed.items() if coding in names), ("", self.path))


@dataclass(frozen=True, slots=True)
class Built:
    """Names of files: `script` is what begins, `preloads` are what it imports at once."""

    script: str
    styles: tuple[str, ...]
    preloads: tuple[str, ...]
    icon: str
    files: Mapping[str, File]


def built(folder: Path = FOLDER) -> Built | None:
    """None where nothing was built. What was built anew while this process runs is seen."""
    try:
        changed = (folder / MANIFEST).stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _read(folder, changed)


@lru_cache(maxsize=1)
def _read(folder: Path, changed: int) -> Built:
    """`changed` is the manifest's time, by which a newer one is told apart."""
    manifest: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text())
    entry = manifest[ENTRY]
    files = {path.name: _file(path) for path in folder.iterdir() if path.suffix in TYPES}
    return Built(
        script=entry["file"],
        styles=tuple(entry.get("css", ())),
        preloads=tuple(manifest[name]["file"] for name in entry.get("imports", ())),
        icon=next((name for name in files if name.endswith(".svg")), ""),
        files=files,
    )


def _file(path: Path) -> File:
    packed = {coding: path.with_name(path.name + suffix) for coding, suffix in PACKED.items()}
    return File(path, TYPES[path.suffix], {coding: name for coding, name in packed.items() if name.exists()})
