"""Names of what the platform keeps for itself."""

from __future__ import annotations

from typing import Final

PLATFORM: Final = "bklog-platform"  # collector and index set of the platform's own log
CLIENT: Final = "client"  # collector and index set of client logs
MAIN_STORE: Final = "main"  # the store of BKLOG_STORE_URL; it keeps the ledger and the refused lines of all
REJECTS: Final = "bklog-rejects"  # collector and index set of refused lines
