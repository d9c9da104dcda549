"""Ingest tokens as this machine keeps them: one file a collector, readable by its owner alone.

The server keeps only a hash and shows a token once, so these files are the only copy.
"""

from __future__ import annotations

import os
from pathlib import Path

from bklog.errors import ConfigError, Unauthorised


def token_path(home: Path, collector: str) -> Path:
    """Raises ConfigError for a name that would leave the folder."""
    if not collector or "/" in collector or collector.startswith("."):
        raise ConfigError(f"{collector!r} is no collector name", hint="letters, digits, - and _", code="collector_name")
    return home / "secrets" / "tokens" / collector


def read_token(path: Path) -> str:
    """Raises Unauthorised when there is none yet: the file may be written later, as a wrong token may be made right."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthorised(
            f"no ingest token can be read from {path}: {error}", hint="write it there", code="no_token"
        ) from error
    if not token or not token.isprintable():
        raise Unauthorised(f"{path} holds no ingest token", hint="write the token there, on one line", code="no_token")
    return token


def keep_token(path: Path, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 (mode from the start)
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
