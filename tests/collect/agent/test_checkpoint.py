from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bklog.collect.agent.checkpoint import (
    FORGET_SECONDS,
    CheckpointError,
    FileState,
    Fingerprint,
    Pending,
    open_checkpoints,
)
from bklog.errors import Conflict

STATE = FileState(
    id="a" * 32,
    input="app",
    device=2**64 - 1,
    inode=2**64 - 1,
    path="/var/log/日志\udcff.log",
    place="/var/log/x.1",
    offset=2**40,
    skipping=True,
    first=Fingerprint(1024, "digest"),
    pending=Pending(77, "digest of it", skips=True),
)


@pytest.mark.parametrize("state", [STATE, replace(STATE, pending=None, skipping=False)])
def test_a_state_is_read_as_it_was_saved(tmp_path: Path, state: FileState) -> None:
    saved = open_checkpoints(tmp_path)
    saved.save([state], inputs=["app"])
    saved.close()
    found = open_checkpoints(tmp_path)
    assert found.read() == [state]
    assert found.known_inputs() == {"app"}
    found.save([], removed=[state.id])
    assert found.read() == []
    found.close()


def test_rows_not_seen_for_a_week_are_forgotten(tmp_path: Path) -> None:
    saved = open_checkpoints(tmp_path)
    saved.save([STATE], now=1000)
    saved.save([replace(STATE, id="b" * 32)], now=2000)
    saved.forget_unseen(now=1500 + FORGET_SECONDS)
    assert [state.id for state in saved.read()] == ["b" * 32]
    saved.close()


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first = open_checkpoints(tmp_path)
    with pytest.raises(Conflict, match=f"process {os.getpid()}"):
        open_checkpoints(tmp_path)
    first.close()
    open_checkpoints(tmp_path).close()


def test_a_later_version_is_not_touched(tmp_path: Path) -> None:
    open_checkpoints(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "checkpoints.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CheckpointError, match="version is 99"):
        open_checkpoints(tmp_path)


def test_an_acknowledged_range_moves_the_offset_and_a_restart_draws_new_keys() -> None:
    after = STATE.acknowledged()
    assert (after.offset, after.pending, after.skipping) == (2**40 + 77, None, True)
    again = STATE.restarted()
    assert (again.offset, again.pending, again.first) == (0, None, Fingerprint())
    assert again.key.split("-")[0] != STATE.key.split("-")[0]
    assert STATE.key.isascii()
    assert len(STATE.key) <= 200
