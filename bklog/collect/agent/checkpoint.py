"""Where each file stands, durable before anything depends on it: SQLite, one row a file, one commit a round.

A range is written here as `pending` BEFORE its bytes are sent. After any crash the same range is read again and sent
under the same key, so the server can tell a repetition from new lines. Nothing here is ever repaired or started anew
silently: a folder that cannot be trusted stops the agent, because starting at 0 would store every line twice.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bklog.errors import BklogError, Conflict, Unavailable

VERSION: Final = 1
FORGET_SECONDS: Final = 7 * 86400  # a folder may be unmounted over a long week-end; its rows must outlive that
SCHEMA: Final = """
CREATE TABLE input (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE file (
    id TEXT PRIMARY KEY, input TEXT NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL,
    path BLOB NOT NULL, place BLOB NOT NULL,
    offset INTEGER NOT NULL, skipping INTEGER NOT NULL, first_length INTEGER NOT NULL, first_digest TEXT NOT NULL,
    pending_length INTEGER, pending_digest TEXT, pending_skips INTEGER, seen_at INTEGER NOT NULL
) WITHOUT ROWID;
"""
INSERT: Final = """
INSERT OR REPLACE INTO file VALUES (
    :id, :input, :device, :inode, :path, :place, :offset, :skipping, :first_length, :first_digest,
    :pending_length, :pending_digest, :pending_skips, :seen_at
)
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The first bytes of a file (at most 1024), as a digest: tells a file from the next one that gets its inode."""

    length: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A range that is being sent, from the file's offset on. `skips`: the head of a line too long to send whole."""

    length: int
    digest: str
    skips: bool = False


@dataclass(frozen=True, slots=True)
class FileState:
    """One file in one input. `path` is the name that it was first seen under and that its lines carry; `place` is where
    it is now. `id` is drawn anew when the file starts over, so that a key never names two different ranges.
    """

    id: str
    input: str
    device: int
    inode: int
    path: str
    place: str
    offset: int = 0
    skipping: bool = False
    first: Fingerprint = Fingerprint()
    pending: Pending | None = None

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode

    @property
    def key(self) -> str:
        """The idempotency key of the pending range."""
        return f"{self.id}-{self.offset}-{self.pending.length if self.pending else 0}"

    def acknowledged(self) -> FileState:
        if self.pending is None:
            raise ValueError("nothing is pending")
        return replace(self, offset=self.offset + self.pending.length, skipping=self.pending.skips, pending=None)

    def restarted(self, *, offset: int = 0) -> FileState:
        """The same place, other content: a new id, because the old keys belong to the old bytes."""
        return replace(self, id=uuid.uuid4().hex, offset=offset, skipping=False, first=Fingerprint(), pending=None)


class CheckpointError(BklogError):
    code = "checkpoint_damaged"
    exit_code = 7


class Checkpoints:
    """The owner of a state folder. Use `open_checkpoints`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock

    def read(self) -> list[FileState]:
        rows = self._execute("SELECT * FROM file").fetchall()
        try:
            return [_state_of(row) for row in rows]
        except (ValueError, TypeError) as error:
            raise _damaged(self._path, str(error)) from error

    def known_inputs(self) -> set[str]:
        return {row["name"] for row in self._execute("SELECT name FROM input")}

    def save(
        self,
        states: Iterable[FileState],
        *,
        removed: Iterable[str] = (),
        inputs: Iterable[str] = (),
        now: float | None = None,
    ) -> None:
        """All of it or nothing; returns when it is on disk. Raises Unavailable when the disk does not take it."""
        rows = [_row_of(state, int(time.time() if now is None else now)) for state in states]
        self._execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("DELETE FROM file WHERE id = ?", [(id_,) for id_ in removed])
            self._connection.executemany(INSERT, rows)
            self._connection.executemany("INSERT OR IGNORE INTO input VALUES (?)", [(name,) for name in inputs])
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise _failed(self._path, error) from error

    def forget_unseen(self, *, now: float) -> None:
        self._execute("DELETE FROM file WHERE seen_at < ?", (int(now) - FORGET_SECONDS,))

    def close(self) -> None:
        self._connection.close()
        os.close(self._lock)

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error


def open_checkpoints(folder: Path) -> Checkpoints:
    """Raises Conflict when another agent owns the folder, CheckpointError when its content cannot be trusted."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(folder)
    path = folder / "checkpoints.sqlite"
    try:
        connection = _connect(path)
    except BaseException:
        os.close(lock)
        raise
    return Checkpoints(path, connection, lock)


def _take_lock(folder: Path) -> int:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise Conflict(
            f"another agent (process {owner or 'unknown'}) uses the state folder {folder}",
            hint="stop that one, or give this one its own state_folder",
            code="agent_running",
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    try:
        if not path.exists():
            _create(path)
        connection = sqlite3.connect(path, isolation_level=None)
    except sqlite3.Error as error:
        raise _failed(path, error) from error
    connection.row_factory = sqlite3.Row
    try:
        # PERSIST: 0.7 ms a durable commit, WAL 1.1 ms; and a damaged WAL is cut off silently, a damaged journal is not.
        connection.execute("PRAGMA journal_mode = PERSIST")
        connection.execute("PRAGMA synchronous = FULL")
        _require_sound(path, connection)
    except sqlite3.Error as error:
        connection.close()
        raise _failed(path, error) from error
    except BklogError:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Under another name first: a crash in here must not leave what looks like damaged checkpoints."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft, isolation_level=None)
    connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    connection.close()
    draft.replace(path)


def _require_sound(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise _damaged(path, found)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise _damaged(path, f"its version is {version}, this agent writes version {VERSION}")


def _failed(path: Path, error: sqlite3.Error) -> BklogError:
    if isinstance(error, sqlite3.OperationalError):
        return Unavailable(
            f"{path} cannot be written or read: {error}", hint="is the disk full or read-only?", code="checkpoint_disk"
        )
    return _damaged(path, str(error))


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"the checkpoints {path} are damaged: {what}",
        hint="put back a copy; or move the file away, and every file is sent again from its first line",
    )


def _row_of(state: FileState, seen_at: int) -> dict[str, Any]:
    pending = state.pending
    return {
        "id": state.id,
        "input": state.input,
        "device": str(state.device),
        "inode": str(state.inode),
        "path": os.fsencode(state.path),
        "place": os.fsencode(state.place),
        "offset": state.offset,
        "skipping": state.skipping,
        "first_length": state.first.length,
        "first_digest": state.first.digest,
        "pending_length": pending.length if pending else None,
        "pending_digest": pending.digest if pending else None,
        "pending_skips": pending.skips if pending else None,
        "seen_at": seen_at,
    }


def _state_of(row: sqlite3.Row) -> FileState:
    pending = None
    if row["pending_length"] is not None:
        pending = Pending(int(row["pending_length"]), str(row["pending_digest"]), bool(row["pending_skips"]))
    return FileState(
        id=row["id"],
        input=row["input"],
        device=int(row["device"]),
        inode=int(row["inode"]),
        path=os.fsdecode(row["path"]),
        place=os.fsdecode(row["place"]),
        offset=int(row["offset"]),
        skipping=bool(row["skipping"]),
        first=Fingerprint(int(row["first_length"]), row["first_digest"]),
        pending=pending,
    )
