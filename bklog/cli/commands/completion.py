"""bklog completion"""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from bklog.errors import BadRequest

VARIABLE: Final = "_BKLOG_COMPLETE"  # as click derives it from the program's name
SHELLS: Final = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print what makes a shell complete commands, options and names.

    \b
    bash:  eval "$(bklog completion bash)"                               in ~/.bashrc
    zsh:   eval "$(bklog completion zsh)"                                in ~/.zshrc, after compinit
    fish:  bklog completion fish > ~/.config/fish/completions/bklog.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise BadRequest(f"there is no completion for {shell}", hint=f"one of: {', '.join(SHELLS)}", code="shell")
    click.echo(kind(ctx.find_root().command, {}, "bklog", VARIABLE).source(), nl=False)
