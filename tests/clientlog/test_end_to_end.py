"""Client logs through the real fleet: object storage or HTTP -> API -> queue -> worker -> ingest -> search."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bklog.clientlog.actions import FIRST_PAUSE_SECONDS
from bklog.objects import ObjectStore
from tests.clientlog import archives
from tests.clientlog.files import FileServer
from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet

TASKS = "/api/v1/clientlog/tasks/"
ANDROID = "".join(
    f"03-17 16:13:{n % 60:02}.819  1702  8671 {'E' if n % 10 == 0 else 'D'} PowerManager: 亮屏 id={n}\n" for n in range(2000)
)
PAUSE_IS_OVER = """
from django.utils.timezone import now
from bklog.clientlog.models import ClientTask
ClientTask.objects.filter(task_id={task_id!r}).update(next_try_at=now())
"""
WINDOWS = "".join(f"2016-09-28 04:30:{n % 60:02}, Info CBS 正在加载 {n}\r\n" for n in range(500))


def submit(fleet: RunningFleet, task_id: str, **said: Any) -> dict[str, Any]:
    return fleet.api("POST", TASKS, {"task_id": task_id, **said})


def ended(fleet: RunningFleet, task_id: str, *, seconds: float = 90) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while True:
        task = fleet.api("GET", f"{TASKS}{task_id}/")
        if task["state"] in {"success", "failed"}:
            return task
        assert time.monotonic() < until, task
        time.sleep(0.2)


def run_now(fleet: RunningFleet, task: str, *, before: str = "") -> None:
    """What beat sends once a minute, without the wait for it; `before` is code that makes something due."""
    code = f"import django; django.setup()\n{before}\nfrom bklog.queues.send import send\nsend({task!r})"
    sent = fleet.try_python("-c", code)
    assert sent.returncode == 0, sent.stderr


def found(fleet: RunningFleet, task: dict[str, Any], query: str = "", limit: int = 10) -> list[dict[str, Any]]:
    search = task["search"]
    text = f"{search['query']} AND {query}" if query else search["query"]
    body = {"query": text, "start": search["start"], "end": search["end"], "limit": limit}
    rows: list[dict[str, Any]] = fleet.api("POST", search["path"], body)["rows"]
    return rows


def numbers(fleet: RunningFleet, task: dict[str, Any], name: str) -> list[int]:
    rows = found(fleet, task, f'path:"{name}"', limit=10_000)
    return sorted(row["fields"]["line_number"] for row in rows)


def test_an_archive_from_the_storage_is_found_line_by_line(fleet: RunningFleet, objects: ObjectStore) -> None:
    inner = archives.tarred({"win/cbs.log": WINDOWS.encode("gbk"), "win/utf16.log": WINDOWS.encode("utf-16")}, mode="w:gz")
    body = archives.zipped(
        {"logs/android.log": ANDROID.encode(), "pc.tar.gz": inner, "shot.png": b"\x89PNG\r\n\0\1\2\3" * 50, "empty.log": b""}
    )
    objects.put("up/report.zip", [body])
    about = {"user_id": "u-1", "device": "Pixel 9", "platform": "android", "metadata": {"version": "8.1", "beta": True}}
    first = submit(fleet, "t-1", object_key="up/report.zip", **about)
    assert first["state"] == "pending"
    task = ended(fleet, "t-1")
    assert (task["state"], task["line_count"], task["stored_lines"]) == ("success", 3000, 3000), task
    assert [(file["name"], file["state"], file["encoding"], file["line_count"], file["reason"]) for file in task["files"]] == [
        ("logs/android.log", "stored", "utf-8", 2000, ""),
        ("pc.tar.gz/win/cbs.log", "stored", "gb18030", 500, ""),
        ("pc.tar.gz/win/utf16.log", "stored", "utf-16-le", 500, ""),
        ("shot.png", "skipped", "", 0, "it is no text"),
        ("empty.log", "skipped", "", 0, "it is empty"),
    ]
    (row,) = found(fleet, task, 'fields.file:"logs/android.log" AND fields.line_number:1235')
    assert row["log"] == ANDROID.splitlines()[1234]
    assert (row["host"], row["path"], row["stream"]) == ("Pixel 9", "logs/android.log", "t-1")
    assert row["fields"] == {
        "task_id": "t-1", "file": "logs/android.log", "line_number": 1235, "user_id": "u-1", "device": "Pixel 9",
        "platform": "android", "metadata": {"version": "8.1", "beta": True},
    }  # fmt: skip
    for name in ("pc.tar.gz/win/cbs.log", "pc.tar.gz/win/utf16.log"):
        (row,) = found(fleet, task, f'path:"{name}" AND fields.line_number:42')
        assert row["log"] == WINDOWS.splitlines()[41]
    assert numbers(fleet, task, "logs/android.log") == list(range(1, 2001))


def test_the_same_task_again_is_the_same_task_and_another_is_refused(fleet: RunningFleet, files: FileServer) -> None:
    url = files.put("/same.log", b"one\ntwo")
    submit(fleet, "t-same", url=url)
    task = ended(fleet, "t-same")
    assert submit(fleet, "t-same", url=url)["attempts"] == task["attempts"] == 1
    with pytest.raises(RuntimeError, match=r"409.*exists with another user_id"):
        submit(fleet, "t-same", url=url, user_id="other")
    assert files.asked.count("/same.log") == 1
    assert [row["log"] for row in found(fleet, task)] == ["two", "one"]


def test_what_passes_is_tried_again_and_what_stays_is_not(fleet: RunningFleet, files: FileServer) -> None:
    url = files.put("/later.log", b"one\n")
    files.failures["/later.log"] = [503]
    submit(fleet, "t-later", url=url)
    submit(fleet, "t-gone", url=files.url + "/gone.zip")
    gone = ended(fleet, "t-gone")
    assert (gone["state"], gone["code"], gone["attempts"]) == ("failed", "file_gone", 1)
    until = time.monotonic() + 60
    while not (waiting := fleet.api("GET", f"{TASKS}t-later/"))["next_try_at"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert (waiting["state"], waiting["code"]) == ("pending", "fetch_failed")
    assert 0 < (datetime.fromisoformat(waiting["next_try_at"]) - datetime.now(UTC)).total_seconds() <= FIRST_PAUSE_SECONDS
    run_now(fleet, "clientlog.sweep", before=PAUSE_IS_OVER.format(task_id="t-later"))
    assert ended(fleet, "t-later")["attempts"] == 2


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("bomb.zip", archives.zip_bomb(200), "archive_bomb"),
        ("escape.zip", archives.zipped({"ok.log": b"ok\n", "../../etc/cron.d/x": b"x"}), "path_escape"),
        ("broken.zip", archives.zipped({"a.log": ANDROID.encode()})[:-100], "broken_archive"),
        ("locked.zip", archives.encrypted_zip(), "encrypted"),
        ("many.zip", archives.zipped({f"{n}.log": b"x\n" for n in range(600)}), "too_many_files"),
    ],
)
def test_a_bad_archive_fails_with_its_reason_and_leaves_no_line(
    fleet: RunningFleet, objects: ObjectStore, name: str, body: bytes, code: str
) -> None:
    objects.put(name, [body])
    submit(fleet, name, object_key=name)
    task = ended(fleet, name)
    assert (task["state"], task["code"], task["attempts"]) == ("failed", code, 1)
    assert task["reason"]
    assert found(fleet, task) == []
    assert not list((fleet.home / "tmp").iterdir())


def test_a_vanished_object_and_a_private_address(fleet: RunningFleet, objects: ObjectStore) -> None:
    objects.put("there/already", [b"x"])
    submit(fleet, "t-vanished", object_key="there/no-more")
    assert ended(fleet, "t-vanished")["code"] == "no_object"
    submit(fleet, "t-private", url=f"{fleet.url}/api/v1/fleet/")
    task = ended(fleet, "t-private")
    assert (task["code"], task["attempts"]) == ("address_denied", 1)


def test_the_outside_service_is_asked_and_told(fleet: RunningFleet, files: FileServer) -> None:
    good = files.put("/pulled.log", b"pulled one\npulled two\n")
    files.pages = [
        [{"task_id": "p-1", "url": good, "user_id": "u-7"}, {"task_id": "bad id", "url": good}, "nothing"],
        [{"task_id": "p-2", "url": files.url + "/missing"}, {"task_id": "p-1", "url": good, "user_id": "u-7"}],
    ]
    until = time.monotonic() + 200
    while len(files.reports) < 2:
        assert time.monotonic() < until, files.asked
        run_now(fleet, "clientlog.pull")
        time.sleep(1)
    assert files.tokens == {"Bearer pull-token"}
    told = {report["task_id"]: (report["state"], report["code"], report["line_count"]) for report in files.reports}
    assert told == {"p-1": ("success", "", 2), "p-2": ("failed", "file_gone", 0)}
    assert "pulled two" in {row["log"] for row in found(fleet, ended(fleet, "p-1"))}


def test_the_command_submits_waits_shows_and_lists(fleet: RunningFleet, files: FileServer) -> None:
    url = files.put("/cli.log.gz", archives.gz(b"hello\n"))
    done = fleet.try_bklog("clientlog", "submit", url, "--task-id", "c-1", "--user", "u", "--meta", "a=b", "--wait", "60")
    assert (done.returncode, "c-1: success, 1 of 1 lines stored" in done.stdout) == (0, True), done
    assert "cli.log" in done.stdout
    failed = fleet.try_bklog("clientlog", "submit", "none/such", "--task-id", "c-2", "--wait", "60", "--json")
    assert (failed.returncode, json.loads(failed.stdout)["code"]) == (1, "no_object")
    assert "c-2" in fleet.bklog("clientlog", "list", "--state", "failed")
    assert fleet.try_bklog("clientlog", "retry", "c-1").returncode == 5
    again = fleet.try_bklog("clientlog", "retry", "c-2", "--wait", "60")
    assert "reason: the object none/such" in again.stdout
    assert json.loads(fleet.bklog("clientlog", "show", "c-1", "--json"))["metadata"] == {"a": "b"}
    assert Path(fleet.home / "tmp").is_dir()
