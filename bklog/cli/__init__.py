"""The command line: `main` finds commands and reports errors, `client` asks the API, `commands/` holds one file a command."""
