"""`python -m tests.store.launch '{"path": …}'`: the store with any of its settings; a failure is one line and an exit code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bklog.errors import BklogError
from bklog.store.server.config import ServerConfig
from bklog.store.server.serve import serve
from bklog.telemetry import logs


def main() -> None:
    given = json.loads(sys.argv[1])
    logs.configure("store", "INFO", "json")
    try:
        serve(ServerConfig(**{**given, **{name: Path(given[name]) for name in ("path", "files") if name in given}}))
    except BklogError as error:
        print(f"{error.message} | {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
