"""docs/tail.md: its request is answered with the events that it shows, and it names every event, reason and setting."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from pathlib import Path

import pytest

from bklog.search.tail import feed, viewer
from bklog.search.tail.messages import DROPPED_HINTS
from bklog.search.tail.position import read_position
from config.table import DEFINITIONS
from tests.tail.platform import TailPlatform
from tests.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "tail.md").read_text(encoding="utf-8")
(CURL,) = re.findall(r"```bash\n(curl .*?)```", PAGE, re.DOTALL)
(EVENTS,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
OF_THIS_RUN = ("time", "ingest_time", "batch", "index_set_id")
LINES = b"""{"level": "error", "message": "timeout of the shop", "status": 504}
{"level": "info", "message": "timeout, tried again", "status": 200}
{"level": "error", "message": "timeout of the till", "status": 502}
"""


@pytest.mark.fleet
def test_the_request_of_the_page_is_answered_as_it_says(platform: TailPlatform) -> None:
    platform.send(LINES)  # so that the fields are known
    variables = {
        **platform.environ,
        "URL": f"http://127.0.0.1:{platform.entry_port}",
        "INDEX_SET": str(platform.made["index_set"]),
        "TOKEN": platform.made["reader"],
    }
    answer = platform.folder / "answer"
    with answer.open("wb") as out, subprocess.Popen(["bash", "-c", f"exec {CURL}"], env=variables, stdout=out) as curl:
        wait_until(lambda: b"event: open" in answer.read_bytes())
        platform.send(LINES)
        wait_until(lambda: b"event: rows" in answer.read_bytes() and answer.read_bytes().endswith(b"\n\n"))
        curl.terminate()
    assert shape(answer.read_text()) == shape(EVENTS)


def shape(events: str) -> list[object]:
    """What the page can know of an answer: times, names and numbers of things are another each time."""
    found: list[object] = []
    for line in filter(None, events.split("\n")):
        name, _, value = line.partition(": ")
        if name == "data":
            content = json.loads(value)
            found.append(
                {key: value for key, value in content.items() if key not in ("time", "ingest_time", "batch", "index_set_id")}
            )
        else:
            found.append((name, value if name == "event" else read_position(value).until > 0))
    return found


def test_the_page_names_every_event_reason_and_setting() -> None:
    sent = set(re.findall(r'(?:event\(|name=)"(\w+)"', "".join(inspect.getsource(module) for module in (feed, viewer))))
    for name in {*sent, "rows", "dropped", "error", *DROPPED_HINTS}:
        assert f"`{name}`" in PAGE, name
    for setting in (name for name in DEFINITIONS if name.startswith("BKLOG_TAIL_")):
        assert f"`{setting}`" in PAGE, setting
