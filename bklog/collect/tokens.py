"""Ingest tokens as this machine keeps them: one file a collector, readable by its owner alone.

The server keeps only a hash and shows a token once, so these files are the only copy. What it keeps: ingest_tokens.py.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from bklog.collect.files import write_whole
from bklog.errors import ConfigError, Unauthorised

MAX_HOST_CHARACTERS: Final = 64


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
    write_whole(path, token + "\n", mode=0o600)


def this_machine() -> str:
    """As the server is told where a token is kept."""
    return socket.gethostname()[:MAX_HOST_CHARACTERS]


def forget_token(path: Path) -> None:
    path.unlink(missing_ok=True)
