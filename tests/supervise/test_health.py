"""The parts of the platform, asked: each names itself, what is wrong and the remedy, and none holds up the others."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.test import Client

from bklog.errors import BadRequest, Unavailable
from bklog.supervise import fleet_probes, health, probes
from config.environ import Loaded, load
from tests import servers


def loaded(home: Path, **variables: object) -> Loaded:
    return load({"BKLOG_HOME": str(home), **{name: str(value) for name, value in variables.items()}})


@pytest.mark.django_db(transaction=True)
def test_all_parts_are_asked_and_name_what_is_wrong(tmp_path: Path) -> None:
    with servers.redis() as queue:
        parts = health.check_all(loaded(tmp_path, BKLOG_MQ_URL=queue), exclude=["queues"])
    assert [(part.name, part.ok) for part in parts] == [
        ("service_module", True),
        ("database", True),
        ("mq", True),
        ("store", False),
        ("ingest", False),
        ("disk", True),
        ("clock", True),
    ]
    assert not health.is_healthy(parts)
    assert "[+]disk " in health.as_text(parts)
    assert "[-]ingest ingest does not run" in health.as_text(parts)


def test_parts_are_chosen_by_name(tmp_path: Path) -> None:
    assert [part.name for part in health.check_all(loaded(tmp_path), include=["disk", "ingest"], exclude=["ingest"])] == [
        "disk"
    ]
    for include, exclude in (["dsk"], []), ([], ["dsk"]), (["disk"], ["disk"]):
        with pytest.raises(BadRequest):
            health.check_all(loaded(tmp_path), include=include, exclude=exclude)


def test_a_part_that_hangs_is_not_waited_for_and_not_asked_twice(tmp_path: Path) -> None:
    asked, released = [], threading.Event()

    def hang(_: Loaded) -> str:
        asked.append(1)
        released.wait(30)
        return "late"

    for _ in range(3):
        began = time.monotonic()
        (part,) = health.check({"hanging": hang}, loaded(tmp_path), seconds=0.2)
        assert time.monotonic() - began < 20
        assert (part.ok, part.message) == (False, "no answer within 0.2 seconds")
    released.set()
    assert len(asked) == 1
    (part,) = health.check({"hanging": hang}, loaded(tmp_path))
    assert (part.ok, part.message) == (True, "late")


@pytest.mark.parametrize("name", ["mq", "queues", "store"])
def test_a_part_that_hangs_is_named_with_its_address_and_without_its_password(tmp_path: Path, name: str) -> None:
    released = threading.Event()
    given = loaded(
        tmp_path,
        BKLOG_MQ_URL="redis://u:hidden@mq.example:6379/0",
        BKLOG_STORE_URL="clickhouse://u:hidden@store.example:8123/logs",
    )
    (part,) = health.check({name: lambda _: str(released.wait(30))}, given, seconds=0.1)
    released.set()
    address = "http://store.example:8123" if name == "store" else "mq.example:6379"
    assert address in part.message
    assert part.message.endswith(": no answer within 0.1 seconds")
    assert "hidden" not in part.message


def test_a_fleet_that_was_started_here_and_does_not_run_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "fleet.json").write_text("{}")
    with pytest.raises(Unavailable, match="supervisor is STOPPED, the fleet does not run; watch is STOPPED"):
        fleet_probes.service_module(loaded(tmp_path))


@pytest.mark.parametrize(("offset", "ok"), [(0, True), (-4, True), (60, False), (-60, False)])
def test_a_store_whose_clock_is_off_is_a_failure(tmp_path: Path, offset: int, ok: bool) -> None:
    """A server that answers as the store does, with another time."""

    class Clock(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(int((time.time() + offset) * 1000)).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Clock) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        given = loaded(tmp_path, BKLOG_STORE_URL=f"clickhouse://127.0.0.1:{server.server_port}/logs")
        (part,) = health.check({"clock": fleet_probes.clock}, given)
        server.shutdown()
    assert part.ok is ok, part.message
    assert f"{abs(offset)}" in part.message


def test_parts_are_asked_at_the_same_time(tmp_path: Path) -> None:
    all_are_asked = threading.Barrier(4, timeout=30)

    def slow(_: Loaded) -> str:
        all_are_asked.wait()
        time.sleep(0.3)
        return "fine"

    parts = health.check(dict.fromkeys("abcd", slow), loaded(tmp_path), seconds=60)
    assert [(part.name, part.ok, part.message) for part in parts] == [(name, True, "fine") for name in "abcd"]
    assert all(part.milliseconds >= 300 for part in parts)


@pytest.mark.parametrize("probe", [probes.store, probes.ingest])
def test_what_listens_but_does_not_speak_is_not_waited_for_long(tmp_path: Path, probe: health.Probe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer"):
            probe(loaded(tmp_path, BKLOG_STORE_PORT=port, BKLOG_INGEST_PORT=port))
        assert time.monotonic() - began < 20


def test_a_disk_that_is_nearly_full_fails_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_LEAST_FREE_BYTES", 2**62)
    with pytest.raises(Unavailable, match=r"only .* free under") as caught:
        probes.disk(loaded(tmp_path / "not" / "there"))
    assert "BKLOG_RETENTION_DAYS" in caught.value.hint


def test_a_page_is_told_what_is_down_without_a_failure(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: Loaded) -> str:
        raise Unavailable("the disk is full", hint="make room")

    monkeypatch.setattr(health, "PARTS", {"disk": down})
    asked, shown = Client().get("/healthz/"), Client().get("/api/v1/health/")
    assert (asked.status_code, shown.status_code) == (503, 200)
    (part,) = shown.json()["parts"]
    assert (shown.json()["healthy"], part["name"], part["ok"]) == (False, "disk", False)
    assert part["message"] == asked.json()["parts"][0]["message"]
