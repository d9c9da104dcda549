"""The parts of the platform, asked: each names itself, what is wrong and the remedy, and none holds up the others."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from bklog.errors import Unavailable
from bklog.supervise import health, probes
from config.environ import Loaded, load
from tests import servers


def loaded(home: Path, **variables: object) -> Loaded:
    return load({"BKLOG_HOME": str(home), **{name: str(value) for name, value in variables.items()}})


@pytest.mark.django_db(transaction=True)
def test_all_parts_are_asked_and_the_queue_only_where_there_is_one(tmp_path: Path) -> None:
    assert [part.name for part in health.check_all(loaded(tmp_path))] == ["database", "store", "ingest", "disk"]
    with servers.redis() as queue:
        parts = health.check_all(loaded(tmp_path, BKLOG_MQ_URL=queue))
    assert [(part.name, part.ok) for part in parts] == [
        ("database", True),
        ("store", False),
        ("ingest", False),
        ("disk", True),
        ("mq", True),
    ]
    assert not health.is_healthy(parts)


def test_parts_are_asked_at_the_same_time(tmp_path: Path) -> None:
    def slow(_: Loaded) -> str:
        time.sleep(0.3)
        return "fine"

    began = time.monotonic()
    parts = health.check(dict.fromkeys("abcd", slow), loaded(tmp_path))
    assert time.monotonic() - began < 0.8
    assert [(part.name, part.ok, part.message) for part in parts] == [(name, True, "fine") for name in "abcd"]
    assert all(part.milliseconds >= 300 for part in parts)


@pytest.mark.parametrize("probe", [probes.store, probes.ingest])
def test_what_listens_but_does_not_speak_is_not_waited_for_long(tmp_path: Path, probe: health.Probe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer"):
            probe(loaded(tmp_path, BKLOG_STORE_PORT=port, BKLOG_INGEST_PORT=port))
        assert time.monotonic() - began < 5


def test_a_disk_that_is_nearly_full_fails_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_LEAST_FREE_BYTES", 2**62)
    with pytest.raises(Unavailable, match=r"only .* free under") as caught:
        probes.disk(loaded(tmp_path / "not" / "there"))
    assert "BKLOG_RETENTION_DAYS" in caught.value.hint
