"""bklog logs"""

from __future__ import annotations

import click

from bklog.cli.shown import raw
from bklog.errors import NotFound
from bklog.supervise.home import home_of
from bklog.supervise.programs import fleet_of
from bklog.supervise.tail import follow, last_lines
from config.environ import load


@click.command()
@click.argument("program")
@click.option("-n", "--lines", default=50, show_default=True, type=click.IntRange(min=0), help="Lines from the end.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with what is appended.")
def logs(program: str, *, lines: int, following: bool) -> None:
    """Print the end of a program's log; supervisord is one too, and events tells what became of the programs."""
    loaded = load()
    names = ["supervisord", *(one.name for one in fleet_of(loaded).programs), "watch", "events"]
    if program not in names:
        raise NotFound(f"the fleet has no program {program}", hint=f"one of {', '.join(names)}")
    file = home_of(loaded).log / f"{program}.log"
    if not file.is_file():
        raise NotFound(f"{program} has not logged yet: there is no {file}", hint="start the fleet with `bklog up`")
    for line in last_lines(file, lines):
        raw(line)
    if following:
        for text in follow(file):
            raw(text, nl=False)
