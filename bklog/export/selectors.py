"""Reads: exports, and how each is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from bklog.errors import BadRequest, NotFound
from bklog.export.models import Export
from bklog.records import iso

MOST_AT_ONCE: Final = 500
SHOWN: Final = (
    "state", "code", "reason", "hint", "owner", "index_set_id", "index_set", "query", "fields", "order", "compression", "limit",
    "matched_rows", "rows", "size_bytes", "sha256", "attempts", "beginnings", "target", "file_name", "mail_to", "mail_state",
    "mail_error",
)  # fmt: skip
MOMENTS: Final = ("start", "end", "created_at", "started_at", "finished_at", "expires_at")


def get_export(export_id: int) -> Export:
    export = Export.objects.filter(pk=export_id).first()
    if export is None:
        raise NotFound(f"there is no export {export_id}", hint="`bklog export list` shows them", code="no_export")
    return export


def list_exports(
    *, owner: str, state: str, limit: int, before: int | None, index_sets: Iterable[int] | None = None
) -> list[Export]:
    """Newest first; `before` is the id of the last one of the former page. Of `index_sets` only; None are all."""
    if state and state not in Export.State.values:
        raise BadRequest(f"state is {state!r}", hint=f"one of: {', '.join(Export.State.values)}", code="export_request")
    found = Export.objects.all()
    for name, value in (("owner", owner), ("state", state), ("pk__lt", before)):
        found = found.filter(**{name: value}) if value else found
    if index_sets is not None:
        found = found.filter(index_set_id__in=list(index_sets))
    return list(found[: min(limit, MOST_AT_ONCE)])


def present(export: Export) -> dict[str, Any]:
    """`complete`: all rows that matched are in the file; of an export that goes on, nothing is said yet."""
    ended_well = export.state in (Export.State.SUCCESS, Export.State.EXPIRED)
    total = min(export.matched_rows, export.limit)
    return {
        "id": export.pk,
        **{name: getattr(export, name) for name in SHOWN},
        "format": export.form,
        **{name: iso(getattr(export, name)) for name in MOMENTS},
        "seconds": round(export.seconds, 3),
        "progress": {
            "slices": len(export.slices),
            "slices_done": len(export.ends),
            "rows": export.rows,
            "rows_total": total,
            "percent": 100 if ended_well else _percent(export.rows, total),
        },
        "complete": export.matched_rows <= export.limit if ended_well else None,
        "note": _note(export) if ended_well else "",
    }


def _percent(rows: int, total: int) -> int:
    return min(99, 100 * rows // total) if total else 0


def _note(export: Export) -> str:
    if export.matched_rows <= export.limit:
        return ""
    which = {"newest": "newest ", "oldest": "oldest "}.get(export.order, "")
    return f"{export.matched_rows:,} rows match; the file has the {which}{export.rows:,} of them that the limit let through"
