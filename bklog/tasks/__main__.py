"""`python -m bklog.tasks worker NAME` and `python -m bklog.tasks beat`: Django first, because the modules need its models."""

from __future__ import annotations

import importlib
import os
import sys

import django

from bklog.errors import BklogError


def main() -> None:
    program, *arguments = sys.argv[1:]
    # Celery's own check of Django's settings loads every address of the API: 8 MB in each of a dozen processes.
    os.environ["CELERY_SKIP_CHECKS"] = "True"
    try:
        django.setup()
        importlib.import_module(f"bklog.tasks.{program}").main(*arguments)
    except BklogError as error:
        sys.exit(f"{error.message}\n{error.hint}".strip())


if __name__ == "__main__":
    main()
