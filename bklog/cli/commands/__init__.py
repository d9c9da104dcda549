"""One file a command: `ingest.py` holds the click command `ingest`. Only the file of the command at hand is imported."""
