"""One task, from its source to the store: what a worker does, and may do again after it was killed anywhere.

    lease ─▶ claim ─▶ fetch ─▶ folder ─unpack─▶ files ─decode─▶ pieces of whole lines ─deliver─▶ ingest ─▶ report

Nothing is delivered before all is unpacked, so that what is refused leaves no line. A piece's key is made of the task,
the file's place and its own, and the same archive is cut the same way: a second run meets its own pieces,
which the store knows.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from bklog.clientlog import actions
from bklog.clientlog.models import ClientFile, ClientTask
from bklog.clientlog.text import Encoding, Utf8Stream, detect
from bklog.clientlog.unpack import Limits, Unpacked, unpack
from bklog.errors import BklogError, Retryable, Unavailable
from bklog.queues.leases import Holding, LeaseHeld, lease

logger = logging.getLogger("bklog.clientlog")
LOST_HINT: Final = "another worker goes on with it"


class Piece(Protocol):
    """Whole lines from a place of a file on. Without a body: one line that is too long to send."""

    @property
    def offset(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def lines(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: lines, the key that names them for good, where they come from, and what each of them is told of."""

    body: bytes
    key: str
    host: str
    path: str
    stream: str
    fields: Mapping[str, Any]
    first_line: int


@dataclass(frozen=True, slots=True)
class Delivered:
    stored: int
    duplicate: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the entry point gives: how a file is fetched, its text is cut, and a parcel is brought to the store.

    `deliver` raises a Retryable only when trying at once does not help.
    """

    home: Path
    limits: Limits
    most_attempts: int
    fetch: Callable[[ClientTask], Iterator[bytes]]
    cut: Callable[[Utf8Stream], Iterator[Piece]]
    deliver: Callable[[Parcel], Delivered]


@dataclass(slots=True)
class Tally:
    lines: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def process(pk: int, parts: Parts) -> None:
    """Ends a task, or postpones it. Returns at once where it has ended, or another worker has it."""
    try:
        with lease(f"clientlog.{pk}") as held:
            task = actions.claim(pk, most_attempts=parts.most_attempts)
            if task is not None:
                _attempt(task, parts, held)
    except LeaseHeld:
        logger.info("another worker has this client log", extra={"client_task": pk})


def _attempt(task: ClientTask, parts: Parts, held: Holding) -> None:
    try:
        with _workspace(parts.home, task.pk) as folder:
            _run(task, parts, held, folder)
    except LostError:
        logger.warning("the lease of a client log was lost", extra={"client_task": task.task_id})
    except Retryable as error:
        actions.postpone(task, error, most_attempts=parts.most_attempts)
    except BklogError as error:
        actions.fail(task, error)
    _log_end(task.pk)


def _run(task: ClientTask, parts: Parts, held: Holding, folder: Path) -> None:
    source = folder / "source"
    size_bytes = _fetch(task, parts, held, source)
    actions.move(task, ClientTask.State.UNPACKING, fetched_bytes=size_bytes)
    found = unpack(source, source_name(task), folder, parts.limits)
    actions.move(task, ClientTask.State.INGESTING)
    files = [_file(task, place, one, parts, held) for place, one in enumerate(found)]
    actions.succeed(task, files, fetched_bytes=size_bytes)


def _fetch(task: ClientTask, parts: Parts, held: Holding, target: Path) -> int:
    with target.open("wb") as file:
        for chunk in parts.fetch(task):
            _require_held(held)
            file.write(chunk)
        return file.tell()


def _file(task: ClientTask, place: int, one: Unpacked, parts: Parts, held: Holding) -> ClientFile:
    """Its lines are stored, or it is left out with a reason. It goes away at once: the disk holds what is still to do."""
    report = ClientFile(task=task, position=place, name=one.name, size_bytes=one.size_bytes, state=ClientFile.State.SKIPPED)
    encoding = detect(one.path)
    if not one.size_bytes or encoding is None:
        report.reason = "it is empty" if not one.size_bytes else "it is no text"
    else:
        report.encoding, report.state = encoding.name, ClientFile.State.STORED
        with one.path.open("rb") as file:
            _ingest(task, report, file, encoding, parts, held)
    one.path.unlink()
    return report


def _ingest(
    task: ClientTask, report: ClientFile, file: IO[bytes], encoding: Encoding, parts: Parts, held: Holding
) -> None:  # fmt: skip
    text, tally = Utf8Stream(file, encoding), Tally()
    for piece in parts.cut(text):
        _require_held(held)
        outcome = parts.deliver(_parcel(task, report, piece, tally.lines + 1)) if piece.body else TOO_LONG
        _require_all(outcome, piece, report.name)
        tally.lines += piece.lines
        tally.stored += outcome.stored
        tally.duplicate += outcome.duplicate
        tally.rejected.update(outcome.rejected)
    report.line_count, report.stored_lines, report.duplicate_lines = tally.lines, tally.stored, tally.duplicate
    report.rejected_lines, report.replaced_characters = dict(tally.rejected), text.replaced


TOO_LONG: Final = Delivered(0, 0, {"line_too_long_to_send": 1})


def _require_all(outcome: Delivered, piece: Piece, name: str) -> None:
    """Line numbers are counted by newlines here, and by rows there: they must agree."""
    counted = outcome.stored + outcome.duplicate + sum(outcome.rejected.values())
    if counted != piece.lines:
        message = f"ingest counted {counted} lines of {piece.lines} in {name} at byte {piece.offset}"
        raise BklogError(message, hint="this is a defect; the search shows what is stored", code="miscount")


def _parcel(task: ClientTask, report: ClientFile, piece: Piece, first_line: int) -> Parcel:
    key = f"clientlog-{task.batch_key.hex}-{report.position}-{piece.offset}-{first_line}"
    return Parcel(piece.body, key, task.device, report.name, task.task_id, _fields(task, report.name), first_line)


def _fields(task: ClientTask, name: str) -> dict[str, Any]:
    """What every line can be found by. What the task does not say is left out."""
    said = {"user_id": task.user_id, "device": task.device, "platform": task.platform, "metadata": task.metadata}
    return {"task_id": task.task_id, "file": name, **{key: value for key, value in said.items() if value}}


def source_name(task: ClientTask) -> str:
    path = unquote(urlsplit(task.url).path) if task.url else task.object_key
    return PurePosixPath(path).name or "file"


class LostError(Unavailable):
    code = "lease_lost"


def _require_held(held: Holding) -> None:
    if held.is_lost:
        raise LostError("the lease was lost", hint=LOST_HINT)


@contextmanager
def _workspace(home: Path, pk: int) -> Iterator[Path]:
    """A folder of the task's own; what a killed worker left in it is removed first."""
    folder = home / "tmp" / f"clientlog-{pk}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        yield folder
    except OSError as error:
        raise Unavailable(
            f"the disk of {folder.parent} does not do: {error.strerror or error}",
            hint="free space there, or set BKLOG_HOME elsewhere",
            retry_after_seconds=60,
            code="disk",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _log_end(pk: int) -> None:
    task = ClientTask.objects.get(pk=pk)
    said = {"client_task": task.task_id, "state": task.state, "code": task.code, "reason": task.reason}
    logger.info("a client log came to rest", extra={**said, "lines": task.line_count, "attempts": task.attempts})
