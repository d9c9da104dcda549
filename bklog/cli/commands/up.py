"""bklog up"""

from __future__ import annotations

import os

import click

from bklog.cli.first_search import first_search
from bklog.cli.written import print_lines
from bklog.supervise import lifecycle


@click.command()
@click.option("--foreground", is_flag=True, help="Stay, and stop the fleet on ^C or SIGTERM (for a container).")
@click.pass_context
def up(ctx: click.Context, *, foreground: bool) -> None:
    """Start the fleet, and return when it is healthy.

    All its state lives under BKLOG_HOME; the entry port is BKLOG_PORT. On a fleet that runs already it changes nothing.
    """
    if foreground:
        ctx.exit(lifecycle.up_in_foreground(os.environ, say=click.echo))
    fleet = lifecycle.up(os.environ, say=click.echo)
    click.echo(f"BK-LOG is up at {fleet.url}\n")
    print_lines(first_search())
