"""bklog config show, bklog config check"""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from bklog.cli.written import print_json, print_lines
from config.environ import Loaded, load
from config.mask import shown


@click.group()
def config() -> None:
    """The settings: what is in force and why, and whether what they name answers."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, as_json: bool) -> None:
    """Print each setting with its origin; secrets are masked."""
    loaded = load()
    if as_json:
        print_json({"environment": loaded.environment, "settings": _settings(loaded)})
        return
    print_lines([f"environment: {loaded.environment}", *(_line(*one) for one in _settings(loaded).items())])


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Connect to database, message queue and store. The exit code is 1 if one of them fails."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    # `config show` does without Django and kombu.
    import django  # noqa: PLC0415

    from bklog.supervise import health  # noqa: PLC0415

    django.setup()
    loaded = load()
    parts = health.check(health.CONNECTIONS, loaded)
    if as_json:
        print_json({"ok": health.is_healthy(parts), "parts": [asdict(part) for part in parts]})
    else:
        print_lines(f"{'ok  ' if part.ok else 'FAIL'} {part.name:<10}{part.message}" for part in parts)
    ctx.exit(0 if health.is_healthy(parts) else 1)


def _line(name: str, setting: dict[str, object]) -> str:
    value = setting["value"]
    text = ",".join(value) if isinstance(value, list) else value
    return f"{name:<34}{text!s:<34} {setting['origin']}"


def _settings(loaded: Loaded) -> dict[str, dict[str, object]]:
    return {name: {"value": shown(name, one.value), "origin": one.origin} for name, one in loaded.values.items()}
