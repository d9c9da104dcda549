"""A disk that fills up while logs come in: the sender is told, what was acknowledged is there, and room makes it go on."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet
DISK_BYTES = 64 << 20
BATCHES = 100
LINES = 20_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A home whose store stands on a disk of 64 MB."""
    folder = tmp_path / "store"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root and a sandbox that allows it")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def body(numbers: random.Random) -> bytes:
    """Lines that do not compress."""
    return b"".join(numbers.randbytes(32).hex().encode() + b"\n" for _ in range(LINES))


def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    numbers = random.Random(7)
    with RunningFleet(small_disk, BKLOG_PROFILE="small") as fleet:
        made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "full"})
        filler = small_disk / "store" / "filler"
        headers = {"Authorization": f"Bearer {made['ingest_token']}"}
        acknowledged = 0
        for batch in range(BATCHES):
            content = body(numbers)
            status, answer = fleet.post("/ingest/v1/lines", content, {**headers, "Idempotency-Key": f"batch-{batch}"})
            if status != 200:
                break
            acknowledged += answer["stored"]
            if batch == 3:  # the rest of the disk goes to somebody else
                filler.write_bytes(os.urandom(DISK_BYTES // 2))
        assert (status, answer["error"]["code"]) == (503, "disk_full")
        assert answer["error"]["hint"]
        assert fleet.count("*", "full") == acknowledged
        filler.unlink()
        again = fleet.post("/ingest/v1/lines", content, {**headers, "Idempotency-Key": f"batch-{batch}"})
        assert (again[0], again[1]["stored"] + again[1]["duplicate"]) == (200, LINES)
        assert fleet.count("*", "full") == acknowledged + LINES
