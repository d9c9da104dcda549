"""(home, name) → the path of a Unix socket in it, or where that is too long for a socket, in a private folder of its own."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

# A socket's path has 107 bytes at most (sun_path), and the supervisor first writes one with `.` and its pid at the end.
_PATH_BYTES: Final = 107 - len(".4194304")


def socket_path(home: Path, name: str) -> Path:
    path = home / "run" / f"{name}.sock"
    if len(os.fsencode(path)) <= _PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bklog-{os.getuid()}-{digest}" / f"{name}.sock"
