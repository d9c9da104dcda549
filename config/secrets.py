"""The secret key of a dev fleet: made once, kept in `$BKLOG_HOME/secrets/secret-key`, readable by its owner alone."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from bklog.errors import ConfigError


def ensure_secret_key(home: Path) -> str:
    file = home / "secrets" / "secret-key"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(file)
        return file.read_text().strip()
    except OSError as problem:
        raise ConfigError(
            f"the secret key cannot be kept in {file}: {problem.strerror}",
            hint="set BKLOG_HOME to a folder that you may write, or BKLOG_SECRET_KEY",
        ) from problem


def _create(file: Path) -> None:
    """Two processes that start at once agree: the content is whole before the name exists, and the first name stays."""
    if file.exists():
        return
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48) + "\n")
    with contextlib.suppress(FileExistsError):
        file.hardlink_to(draft)
    draft.unlink()
