"""Places: where the files of exports are, brought there, and removed.

local   FOLDER/export-ID-KEY/FILE
s3      export/export-ID-KEY/FILE of the bucket, after it was whole in the folder
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bklog.errors import NotFound, Unavailable
from bklog.export.models import Export

if TYPE_CHECKING:  # its library is loaded where a storage is set
    from bklog.objects import ObjectStore

logger = logging.getLogger("bklog.export")
PIECE_BYTES: Final = 1 << 20
OWN_NAME: Final = re.compile(r"export-(\d{1,18})-([0-9a-f]{16})")
GONE_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Places:
    """`objects` is called where a file is, or goes to, the object storage."""

    folder: Path
    objects: Callable[[], ObjectStore]

    def path(self, export: Export) -> Path:
        return self.folder / export.folder_name / export.file_name

    def require_path(self, export: Export) -> Path:
        """Raises NotFound where the folder of this machine does not have the file."""
        path = self.path(export)
        if not path.is_file():
            hint = "workers on other machines need a shared BKLOG_EXPORT_FOLDER, or an object storage"
            raise NotFound(f"the file of export {export.pk} is not on this machine", hint=hint, code="export_file_missing")
        return path

    def put(self, export: Export, look: Callable[[], None]) -> None:
        """From the folder to the object storage: there whole, or not at all. What `look` raises passes through."""
        path = self.path(export)
        size_bytes = path.stat().st_size
        info = self.objects().put(export.object_key, _pieces(path, look), file_name=export.file_name)
        if info.size_bytes != size_bytes:
            raise Unavailable(
                f"the storage has {info.size_bytes} of {size_bytes} bytes", hint="it is sent again", code="export_not_whole"
            )

    def remove(self, export: Export) -> None:
        """Wherever it is; what is not there is removed already."""
        shutil.rmtree(self.folder / export.folder_name, ignore_errors=True)
        if export.target == Export.Target.S3:
            self.objects().delete(export.object_key)

    def presigned_url(self, export: Export, *, seconds: int) -> str:
        return self.objects().presigned_url(export.object_key, seconds=seconds)

    def remove_orphans(self, *, keep: timedelta) -> list[str]:
        """Folders whose export has ended without a file here, or is unknown for longer than any file is kept.

        Another installation may share the folder: what it has is unknown here.
        """
        return [path.name for path in sorted(self._folders()) if self._is_orphan(path, keep=keep) and _removed(path)]

    def _folders(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (path for path in self.folder.iterdir() if OWN_NAME.fullmatch(path.name) and path.is_dir())

    def _is_orphan(self, path: Path, *, keep: timedelta) -> bool:
        named = OWN_NAME.fullmatch(path.name)
        if named is None:
            return False
        age = timedelta(seconds=time.time() - path.stat().st_mtime)
        found = Export.objects.filter(pk=int(named[1]), key=named[2]).values_list("state", "target").first()
        if found is None:
            return age > keep + GONE_FOR
        ended_elsewhere = found[0] in (Export.State.FAILED, Export.State.CANCELLED, Export.State.EXPIRED) or (
            found == (Export.State.SUCCESS, Export.Target.S3)
        )
        return ended_elsewhere and age > GONE_FOR


def _removed(path: Path) -> bool:
    shutil.rmtree(path, ignore_errors=True)
    logger.info("ExportOrphanRemoved", extra={"folder": path.name})
    return True


def _pieces(path: Path, look: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            look()
            yield piece
