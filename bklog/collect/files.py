"""Text → a file that is there whole or not at all, whoever ends when."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """In a draft beside it, which takes its place once it is on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:  # noqa: PTH123 (mode from the start)
        os.fchmod(file.fileno(), mode)  # whatever the process masks
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
