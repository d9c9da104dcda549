"""The settings: `default` names them all, one file per environment changes some, `environ.load` puts them together."""
