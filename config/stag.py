"""Staging: as production, with more in the log."""

BKLOG_LOG_LEVEL = "DEBUG"
