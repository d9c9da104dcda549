"""bklog healthz"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import click

from bklog.cli.client import base_url, exchange, read_answer
from bklog.cli.written import print_json, print_lines
from bklog.errors import BadRequest, Unavailable
from config.environ import load


@click.command()
@click.option("--include", default="", metavar="PART,…", help="Ask only these.")
@click.option("--exclude", default="", metavar="PART,…", help="Leave these out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def healthz(ctx: click.Context, *, include: str, exclude: str, as_json: bool) -> None:
    """Ask each part of the platform whether it does its work. The exit code is 1 if one does not."""
    answer = _ask(include, exclude)
    print_json(answer) if as_json else print_lines(_lines(answer))
    ctx.exit(0 if answer["healthy"] else 1)


def _ask(include: str, exclude: str) -> dict[str, Any]:
    try:
        status, body = exchange("GET", f"/healthz/?{urlencode({'include': include, 'exclude': exclude})}", timeout_seconds=15)
    except Unavailable as error:
        return _without_web(f"{error.message} ({error.hint})", include, exclude)
    if status == BadRequest.status:
        read_answer(status, body)  # raises what the API says
    try:
        parts = json.loads(body)["parts"]
    except (ValueError, KeyError, TypeError):
        message = f"{base_url(load())}/healthz/ answers {status}, which is not the platform's health"
        return _without_web(message, include, exclude)
    return {"healthy": status == 200, "parts": parts}


def _without_web(message: str, include: str, exclude: str) -> dict[str, Any]:
    """Of a platform elsewhere nothing more can be known; of the fleet here, the parts are asked themselves."""
    web = {"name": "web", "ok": False, "message": message, "milliseconds": 0.0}
    loaded = load()
    if loaded.BKLOG_API_URL:
        return {"healthy": False, "parts": [web]}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    # Django and kombu are needed only when web is down.
    import django  # noqa: PLC0415

    from bklog.supervise.health import check_all, part_names  # noqa: PLC0415

    django.setup()
    parts = check_all(loaded, include=part_names(include), exclude=part_names(exclude))
    return {"healthy": False, "parts": [web, *(asdict(part) for part in parts)]}


def _lines(answer: dict[str, Any]) -> list[str]:
    return [
        f"{'ok  ' if part['ok'] else 'FAIL'} {part['name']:<15}{part['milliseconds']:>8.1f} ms  {part['message']}"
        for part in answer["parts"]
    ]
