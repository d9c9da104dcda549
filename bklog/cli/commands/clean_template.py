"""bklog clean-template list | show | create | change | delete"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import click

from bklog.cli.clean_rule import TEMPLATES, find_template, read_rule
from bklog.cli.client import api
from bklog.cli.collectors import find_collector
from bklog.cli.completion import collectors
from bklog.cli.written import print_json, print_lines
from bklog.errors import BadRequest

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
space_option = click.option("--space", default="default", show_default=True, help="Whose it is.")


def options_of_rule(command: Any) -> Any:
    for option in (
        click.option("--description", help="What it is for, in a sentence."),
        click.option("--clean-rule", metavar="JSON", help="The rule itself."),
        click.option("--of", metavar="COLLECTOR", help="A collector whose rule it becomes.", shell_complete=collectors),
    ):
        command = option(command)
    return command


@click.group("clean-template")
def clean_template() -> None:
    """Clean rules under a name, for many collectors. Whoever takes one has a copy of it."""


@clean_template.command("list")
@click.option("--space", default="", help="Only those of this space, and the product's.")
@json_option
def list_templates(*, space: str, as_json: bool) -> None:
    """List templates: those of spaces, then those that come with the product."""
    items = api("GET", f"{TEMPLATES}?{urlencode({'space': space})}")["items"]
    print_json(items) if as_json else print_lines(map(_line, items))


@clean_template.command()
@click.argument("name")
@space_option
def show(*, name: str, space: str) -> None:
    """Print a template as JSON."""
    print_json(find_template(name, space=space))


@clean_template.command()
@click.argument("name")
@space_option
@options_of_rule
def create(*, name: str, space: str, **about: Any) -> None:
    """Keep a clean rule under a name."""
    print_json(api("POST", TEMPLATES, json={"name": name, "space": space, **_given(about)}))


@clean_template.command()
@click.argument("name")
@space_option
@click.option("--name", "new_name", help="What it is called from now on.")
@options_of_rule
def change(*, name: str, space: str, new_name: str | None, **about: Any) -> None:
    """Change a template. Collectors that took it stay as they are."""
    body = {**_given(about), **({"name": new_name} if new_name else {})}
    print_json(api("PATCH", _path(name, space), json=body))


@clean_template.command()
@click.argument("name")
@space_option
@click.confirmation_option(prompt="Collectors that took it keep their rules. Delete the template?", help="Do not ask.")
def delete(*, name: str, space: str) -> None:
    """Delete a template. Collectors that took it stay as they are."""
    api("DELETE", _path(name, space))
    print_lines([f"{name} is deleted"])


def _given(about: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {} if about["description"] is None else {"description": about["description"]}
    if about["of"] and about["clean_rule"]:
        raise BadRequest("the rule is given twice", hint="give one of --of and --clean-rule", code="clean_template")
    if about["of"]:
        body["clean_rule"] = find_collector(about["of"])["clean_rule"]
    elif about["clean_rule"]:
        body["clean_rule"] = read_rule(about["clean_rule"])
    return body


def _path(name: str, space: str) -> str:
    found = find_template(name, space=space)
    if found["id"] is None:
        hint = "keep a copy: `bklog clean-template create NAME --clean-rule JSON`"
        raise BadRequest(f"{name} comes with the product and stays as it is", hint=hint, code="clean_template")
    return f"{TEMPLATES}{found['id']}/"


def _line(item: Mapping[str, Any]) -> str:
    return (
        f"{item['name']:<24} {item['space'] or '(product)':<14} {item['clean_rule']['kind']:<8} {item['description']}".rstrip()
    )
