"""docs/queues.md against the tables of the code, in both directions."""

from __future__ import annotations

import re

from bklog.queues.routing import WORKERS
from bklog.tasks.schedule import SCHEDULE
from config.environ import ROOT

PAGE = (ROOT / "docs" / "queues.md").read_text()


def test_the_programs_and_their_queues_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|$", PAGE.split("## Which")[0], re.MULTILINE)
    written = {name: tuple(queues.split(", ")) for name, queues in rows if name != "program"}
    assert written == {worker.name: worker.queues for worker in WORKERS}


def test_the_schedule_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (\d+) s \|", PAGE, re.MULTILINE)
    assert {(task, int(seconds)) for task, seconds in rows} == {(entry.task, entry.every_seconds) for entry in SCHEDULE}
