"""`python -m bklog.supervise.call MODULE:NAME` sets Django up, calls a step of the start and prints each thing it did."""

from __future__ import annotations

import importlib
import sys

import django

from bklog.errors import BklogError


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    try:
        django.setup()
        for done in getattr(importlib.import_module(module), name)():
            sys.stdout.write(f"{done}\n")
    except BklogError as error:
        sys.exit(f"{error.message}\n{error.hint}".strip())


if __name__ == "__main__":
    main()
