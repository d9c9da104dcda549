"""bklog storage"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.client import api
from bklog.cli.written import print_json, print_lines


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def storage(*, as_json: bool) -> None:
    """Show what each collector takes and grows by, and the day on which the disk is full."""
    found = api("GET", "/api/v1/storage/")
    print_json(found) if as_json else print_lines(_table(found))


def _table(found: dict[str, Any]) -> list[str]:
    head = f"{'collector':<32}{'rows':>15}{'size':>11}{'a day':>11}{'since':>12}{'kept':>9}"
    disks = [
        f"{one['host']} {one['name']}: {_size(one['free_bytes'])} of {_size(one['total_bytes'])} free" for one in found["disks"]
    ]
    return [head, *map(_line, found["collectors"]), *disks, _forecast(found["forecast"])]


def _line(one: dict[str, Any]) -> str:
    sizes = f"{one['rows']:>15,}{_size(one['size_bytes']):>11}{_size(one['growth_bytes_per_day']):>11}"
    return f"{one['name']:<32}{sizes}{one['oldest_day'] or '-':>12}{one['retention_days']:>7} d"


def _forecast(said: dict[str, Any]) -> str:
    if not said["is_known"]:
        return "when the disk is full cannot be told yet: it takes samples of six hours"
    growth = f"{_size(said['growth_bytes_per_day'])} a day"
    if said["full_on"] is None:
        return (
            f"the disk does not become full: {growth} now, {_size(said['largest_bytes'])} in all when as much expires as comes"
        )
    return f"the disk is full on {said['full_on']}: {growth} come; shorten a retention, or add a disk"


def _size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return "-"
    number = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
