"""bklog openapi"""

from __future__ import annotations

import json

import click

from bklog.openapi.document import document


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the API, of the version that is installed here."""
    click.echo(json.dumps(document(), ensure_ascii=False, indent=2))
