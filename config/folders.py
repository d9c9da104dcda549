"""Loaded → folders that several programs share."""

from __future__ import annotations

from pathlib import Path

from config.environ import Loaded


def export_folder(loaded: Loaded) -> Path:
    return Path(loaded.BKLOG_EXPORT_FOLDER or loaded.home / "export")
