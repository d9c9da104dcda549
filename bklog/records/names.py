"""Names of what the platform keeps for itself."""

from __future__ import annotations

from typing import Final

PLATFORM: Final = "bklog-platform"  # collector and index set of the platform's own log
CLIENT: Final = "client"  # collector and index set of client logs
REJECTS: Final = "bklog-rejects"  # collector and index set of refused lines
