"""Development, and a laptop: everything embedded, nothing to set."""

BKLOG_DATABASE_ENGINE = "sqlite"
