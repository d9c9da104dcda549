"""`bklog COMMAND`: finds the command's file, runs it, and turns an error into one sentence, its remedy and an exit code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from bklog import __version__
from bklog.cli import commands
from bklog.cli.shown import colour_of, of_line, plain
from bklog.errors import BklogError

INTERRUPTED = 130  # as a shell reports a program that ^C ended
CUT_OFF = 1  # as click ends a command whose reader has gone


class CommandFolder(click.Group):
    """The commands of a folder, each imported when it is called: `bklog status` does not pay for what `bklog search` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"{commands.__name__}.{name}"), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{commands.__name__}.{name} must hold a click command named {name}")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """By their names alone: to import them all for their sentences takes half a second."""
        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(cls=CommandFolder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="bklog")
@click.pass_context
def bklog(ctx: click.Context) -> None:
    """BK-LOG: collects, stores, searches, exports and watches logs."""
    ctx.color = colour_of("auto")


def main(arguments: Sequence[str] | None = None) -> None:
    """Never returns: ends the process with the command's exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    try:
        outcome = bklog.main(list(arguments), prog_name="bklog", standalone_mode=False)
        sys.stdout.flush()
    except BklogError as error:
        return _report(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _leave_quietly()
    return outcome if isinstance(outcome, int) else 0


def _report(error: BklogError) -> int:
    click.echo(f"error: {of_line(error.message)} [{plain(error.stable_code)}]", err=True)
    if error.hint:
        click.echo(f"hint: {of_line(error.hint)}", err=True)
    return error.exit_code


def _leave_quietly() -> int:
    """The reader, such as `head`, has enough. Python flushes again at its end, which would fail: let it flush to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CUT_OFF
