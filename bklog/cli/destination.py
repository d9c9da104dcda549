"""Collector name -> where its lines go: found or created over the API, with the token that this machine keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bklog.cli.client import api
from bklog.cli.collectors import COLLECTORS
from bklog.collect.tokens import keep_token, read_token, this_machine, token_path
from bklog.errors import Conflict


@dataclass(frozen=True, slots=True)
class Destination:
    """`clean` is the kind of the collector's rule; `created` says that it did not exist before."""

    collector: str
    clean: str
    token: str
    created: bool


def open_destination(collector: str, *, clean: str | None, home: Path) -> Destination:
    """Raises Conflict when the collector exists and cleans in another way than `clean`."""
    file = token_path(home, collector)
    found = _find(collector)
    if found is None:
        try:
            return _create(collector, clean or "text", file)
        except Conflict:
            found = _find(collector)  # another process created it in this moment
            if found is None:
                raise
    kind = str(found["clean_rule"]["kind"])
    if clean not in (None, kind):
        raise Conflict(
            f"the collector {collector} cleans its lines as {kind}, not as {clean}",
            hint="leave --clean out, or name another --collector",
            code="other_clean_rule",
        )
    return Destination(collector, kind, _token(found, file), created=False)


def _find(collector: str) -> Mapping[str, Any] | None:
    items = api("GET", f"{COLLECTORS}?name={quote(collector, safe='')}", timeout_seconds=30)["items"]
    return next((item for item in items if item["name"] == collector), None)


def _create(collector: str, clean: str, file: Path) -> Destination:
    wanted = {"name": collector, "scenario": "custom", "clean_rule": {"kind": clean}, "token": {"kept_on": this_machine()}}
    created = api("POST", COLLECTORS, json=wanted, timeout_seconds=60)
    keep_token(file, created["ingest_token"])
    return Destination(collector, clean, created["ingest_token"], created=True)


def _token(found: Mapping[str, Any], file: Path) -> str:
    if file.is_file():
        return read_token(file)
    about = {"kept_on": this_machine()}
    token: str = api("POST", f"{COLLECTORS}{found['id']}/tokens/", json=about, timeout_seconds=30)["ingest_token"]
    keep_token(file, token)
    return token
