"""bklog openapi"""

from __future__ import annotations

import click

from bklog.cli.written import print_json
from bklog.openapi.document import document


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the API, of the version that is installed here."""
    print_json(document())
