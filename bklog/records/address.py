"""StoreAddress: what `BKLOG_STORE_URL` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where the log store answers HTTP. `folder` is where the embedded store keeps its data; of a server it is None."""

    host: str
    port: int
    secure: bool = False
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str = "bklog"
    cluster: str = ""
    folder: Path | None = None

    @property
    def is_embedded(self) -> bool:
        return self.folder is not None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"
