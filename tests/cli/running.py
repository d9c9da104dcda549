"""`bklog …` as a user runs it: a process of its own, with these variables and no others of the platform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from config.environ import ROOT


def bklog(home: Path, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("BKLOG_", "BKPAAS_", "BK_"))}
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    given = {name: str(value) for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, "-m", "bklog.cli", *arguments],
        env={**kept, "PYTHONPATH": paths, "BKLOG_HOME": str(home), **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
