"""bklog down"""

from __future__ import annotations

import os

import click

from bklog.supervise import lifecycle


@click.command()
def down() -> None:
    """Stop the fleet, top-down, and see that no process of it is left."""
    stopped = lifecycle.down(os.environ, say=click.echo)
    click.echo("the fleet is stopped" if stopped else "the fleet was not running")
