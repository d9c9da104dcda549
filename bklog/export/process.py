"""One export, from its query to its file: what a worker does, and another goes on with after it was killed anywhere.

    lease ─▶ claim ─▶ begin: plan, slices (once, then kept) ─▶ slices side by side ─in their order─▶ file ─fsync─▶ its place
                                                                └─ each checked; after each the progress is saved

A slice is in the file before it is in the row: what a killed worker wrote beyond the saved end is cut off.
"""

from __future__ import annotations

import errno
import logging
import shutil
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bklog.errors import BklogError, Retryable
from bklog.export import actions
from bklog.export.begin import Begun, begin
from bklog.export.file import GrowingFile
from bklog.export.models import Export
from bklog.export.pack import StoppedError
from bklog.export.parts import Parts
from bklog.export.side_by_side import side_by_side
from bklog.export.slices import Slice
from bklog.export.source import ChangedError, Part
from bklog.query.plan import Order
from bklog.queues.leases import Holding, LeaseHeld, lease
from bklog.records import Form

logger = logging.getLogger("bklog.export")
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOOK_SECONDS: Final = 1.0
PARQUET_AT_ONCE: Final = 3  # two workers take at the most six of the eight statements that the embedded store runs


@dataclass(frozen=True, slots=True)
class Written:
    size_bytes: int
    sha256: str


class FileNotWritten(BklogError):
    code = "export_disk"


@dataclass(slots=True)
class Watch:
    """Whether a worker should go on: not where it was cancelled or taken over; `is_time_up` is when it hands the rest on."""

    export: Export
    held: Holding
    until: float
    looked_at: float = 0.0

    @property
    def is_time_up(self) -> bool:
        return time.monotonic() >= self.until

    def look(self) -> None:
        """Raises StoppedError. Asks the database once a second at the most."""
        now = time.monotonic()
        if now - self.looked_at < LOOK_SECONDS:
            return
        self.looked_at = now
        self.require(is_going=actions.is_going(self.export))

    def require(self, *, is_going: bool) -> None:
        if self.held.is_lost or not is_going:
            raise StoppedError


def process(pk: int, parts: Parts, *, turn_seconds: float) -> None:
    """Ends an export, postpones it, or hands it on. Returns at once where it has ended, or another worker has it."""
    owner = ""
    try:
        with lease(f"export.{pk}") as held:
            export = actions.claim(pk, most_attempts=parts.most_attempts)
            if export is None:
                owner = _leave(pk, parts)
            else:
                owner = export.owner
                _attempt(export, parts, Watch(export, held, time.monotonic() + turn_seconds))
    except LeaseHeld:
        logger.info("another worker has this export", extra={"export": pk})
    if owner:
        actions.promote(owner, slots=parts.slots, send=parts.send)


def _leave(pk: int, parts: Parts) -> str:
    export = Export.objects.filter(pk=pk).first()
    if export is None:
        return ""
    _tidy(export, parts)
    return export.owner


def _attempt(export: Export, parts: Parts, watch: Watch) -> None:
    try:
        written = _timed(export, parts, watch)
        if written is None:
            actions.hand_on(export, send=parts.send)
        else:
            _succeed(export, written, parts)
    except StoppedError:
        logger.info("ExportStopped", extra={"export": export.pk})
    except ChangedError as error:
        actions.begin_anew(export, error, send=parts.send)
    except Retryable as error:
        actions.postpone(export, error, most_attempts=parts.most_attempts)
    except BklogError as error:
        actions.fail(export, error)
    finally:
        _tidy(export, parts)


def _succeed(export: Export, written: Written, parts: Parts) -> None:
    keep = timedelta(days=parts.keep_days)
    if not actions.succeed(export, size_bytes=written.size_bytes, sha256=written.sha256, keep=keep):
        parts.places.remove(export)


def _timed(export: Export, parts: Parts, watch: Watch) -> Written | None:
    began = time.monotonic()
    try:
        with _disk_failures():
            return _write(export, parts, watch)
    finally:
        actions.add_seconds(export, time.monotonic() - began)


def _write(export: Export, parts: Parts, watch: Watch) -> Written | None:
    """None where the time of this turn was up before the end."""
    begun = begin(export, parts)
    watch.require(is_going=begun.is_kept)
    with GrowingFile(parts.places.path(export), ends=export.ends, sha256=export.prefix_sha256) as file:
        if len(file.ends) < len(export.ends):
            logger.warning("ExportBeganAnew", extra={"export": export.pk, "reason": "the file is not what was written"})
            watch.require(is_going=actions.save_rewind(export))
        try:
            is_whole = _append_slices(export, begun, file, watch, parts)
        except BklogError:
            begun.source.require_same_tables()  # a failure of the store may be a table that went away
            raise
        if not is_whole:
            return None
        watch.require(is_going=actions.save_storing(export))
        written = Written(file.finish(Form(export.form)), file.sha256)
    if export.target == Export.Target.S3:
        parts.places.put(export, watch.look)
    return written


def _append_slices(export: Export, begun: Begun, file: GrowingFile, watch: Watch, parts: Parts) -> bool:
    with closing(_parts(export, begun, file, watch, parts)) as made:
        for part in made:
            begun.source.require_same_tables()
            if part.path is None:
                file.end_part()
            else:
                file.append(part.path)
            rows = export.rows + part.rows
            watch.require(is_going=actions.save_slice(export, rows=rows, ends=file.ends, prefix_sha256=file.sha256))
            if watch.is_time_up and len(file.ends) < len(begun.slices):
                return False
    return True


def _parts(export: Export, begun: Begun, file: GrowingFile, watch: Watch, parts: Parts) -> Generator[Part, None, None]:
    """Text, one slice after the other, goes straight into the file; what is made side by side has files of its own first."""
    is_parquet = Form(export.form) is Form.PARQUET
    unsorted = parts.unsorted_at_once if Order(export.order) is Order.UNSORTED else 1
    at_once = PARQUET_AT_ONCE if is_parquet else unsorted
    is_direct = at_once == 1

    def make(number: int, one: Slice, stopped: threading.Event) -> Part:
        if is_direct:
            return begun.source.pour(one, file, is_first=number == 0, stopped=stopped)
        return begun.source.write(one, folder / f"slice-{number:06}", is_first=number == 0, stopped=stopped)

    folder = parts.places.folder / export.folder_name
    numbered = list(enumerate(begun.slices))[len(file.ends) :]
    return side_by_side(numbered, make, at_once=at_once, in_reserve=0 if is_direct else 1, look=watch.look)


@contextmanager
def _disk_failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            hint = "free space where BKLOG_EXPORT_FOLDER is, or write fewer rows, or to an object storage; then try again"
            raise FileNotWritten(f"the disk of the exports is full: {error.strerror}", hint=hint, code="disk_full") from error
        hint = "who runs the workers must be able to write to BKLOG_EXPORT_FOLDER"
        raise FileNotWritten(f"the file cannot be written: {error}", hint=hint) from error


def _tidy(export: Export, parts: Parts) -> None:
    """Slices never stay; of what ended without a file, or has it elsewhere, nothing does."""
    folder = parts.places.folder / export.folder_name
    now = Export.objects.filter(pk=export.pk).values_list("state", "target").first()
    keeps = now is not None and (now[0] in actions.WORKING or now == (Export.State.SUCCESS, Export.Target.LOCAL))
    if not keeps:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for left in folder.glob("slice-*"):
        left.unlink(missing_ok=True)
