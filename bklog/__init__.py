"""BK-LOG: collects, stores, searches, exports and watches logs. `docs/architecture.md` says which package does what."""

__version__ = "0.1.0"
