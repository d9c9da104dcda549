"""bklog openapi"""

from __future__ import annotations

import os

import click

from bklog.cli.written import print_json


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the API, of the version that is installed here."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    import django  # noqa: PLC0415 other commands do without Django

    django.setup()
    from bklog.openapi.document import document  # noqa: PLC0415 limits in it stand beside models

    print_json(document())
