"""docs/queues.md and docs/periodic.md against the tables of the code, in both directions."""

from __future__ import annotations

import re

from bklog.queues.routing import BY_TASK, WORKERS
from bklog.tasks.schedule import SCHEDULE
from config.environ import ROOT

PAGE = (ROOT / "docs" / "queues.md").read_text()


def test_the_programs_and_their_queues_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|$", PAGE.split("## Which")[0], re.MULTILINE)
    written = {name: tuple(queues.split(", ")) for name, queues in rows if name != "program"}
    assert written == {worker.name: worker.queues for worker in WORKERS}


def test_the_schedule_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "periodic.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| (\d+) s \| (\d+) s \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    written = [(task, int(every), int(after), queue) for task, every, after, queue, _ in rows]
    in_code = [(one.task, one.every_seconds, one.offset_seconds, BY_TASK[one.task].queue) for one in SCHEDULE]
    assert written == in_code
