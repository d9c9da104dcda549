"""The growing file of an export: what another thread could not write is raised to who writes."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from bklog.export.file import GrowingFile
from config.environ import ROOT

LIMITED = """
import resource, sys
from pathlib import Path
from bklog.export.file import GrowingFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
with GrowingFile(Path(sys.argv[1]), ends=[], sha256="") as file:
    try:
        for _ in range(int(sys.argv[2])):
            file.write(bytes(1 << 18))
        file.end_part()
    except OSError as error:
        print(error.errno, file.ends)
"""


def test_pieces_are_written_and_hashed_in_their_order(tmp_path: Path) -> None:
    pieces = [bytes([number]) * 1000 for number in range(200)]
    with GrowingFile(tmp_path / "new" / "file", ends=[], sha256="") as file:
        for piece in pieces:
            file.write(piece)
        file.end_part()
        assert file.ends == [200_000]
        assert file.sha256 == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert (tmp_path / "new" / "file").read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("pieces", [5, 40])
def test_what_could_not_be_written_is_raised_and_is_no_part(tmp_path: Path, pieces: int) -> None:
    """Of few pieces at the end of the part, of many in the middle of it."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "file"), str(pieces)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split(maxsplit=1) == [str(errno.EFBIG), "[]\n"], done.stderr
