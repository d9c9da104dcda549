"""Globs -> the regular files that they match now, by identity. One `stat` a file, nothing is opened."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from dataclasses import dataclass
from typing import Final

# Old generations: their lines were sent before they were compressed.
COMPRESSED: Final = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """`path` is as the glob matched it: for a link, the link's name says more than its target's."""

    path: str
    identity: Identity
    size: int
    changed_at: float


@dataclass(frozen=True, slots=True)
class Search:
    """What an input follows: globs, and one expression for what it leaves out."""

    patterns: tuple[str, ...]
    left_out: re.Pattern[str] | None

    def run(self) -> dict[Identity, Found]:
        """A file with several names counts once, under the first; a folder that is not there matches nothing."""
        names = {name for pattern in self.patterns for name in glob.glob(pattern, recursive=True)}  # noqa: PTH207 (as below)
        found: dict[Identity, Found] = {}
        for name in sorted(names):
            if name.endswith(COMPRESSED) or (self.left_out and self.left_out.match(name)):
                continue
            file = look_at(name)
            if file is not None:
                found.setdefault(file.identity, file)
        return found


def plan_search(patterns: tuple[str, ...], exclude: tuple[str, ...]) -> Search:
    """An exclusion is compared with the whole path and with the file's name."""
    wholes = [fnmatch.translate(pattern) for pattern in exclude]
    left_out = "|".join([*wholes, *(f"(?:.*/){whole}" for whole in wholes)])
    return Search(patterns, re.compile(left_out) if exclude else None)


def look_at(path: str) -> Found | None:
    """None for what is no regular file, or went away in between."""
    try:
        facts = os.stat(path)  # noqa: PTH116 (a Path a file and poll costs more than the stat itself)
    except OSError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Found(path, (facts.st_dev, facts.st_ino), facts.st_size, facts.st_mtime)


def find_identity(folder: str, identity: Identity) -> Found | None:
    """Where a file is now that was in `folder` under another name: rotation renames within it."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.path for entry in entries if entry.inode() == identity[1]]
    except OSError:
        return None
    return next((file for file in map(look_at, names) if file is not None and file.identity == identity), None)
