"""A revoked ingest token on a real fleet: refused by ingest soon, while the others of the collector go on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet


def test_a_revoked_token_is_refused_and_the_other_goes_on(fleet: RunningFleet) -> None:
    made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "tokens", "token": {"name": "first"}})
    path = f"/api/v1/databus/collectors/{made['id']}/tokens/"
    second = fleet.api("POST", path, {"name": "second"})

    def send(secret: str) -> tuple[int, dict[str, Any]]:
        return fleet.post("/ingest/v1/lines", b"a line", {"Authorization": f"Bearer {secret}"})

    for secret in (made["ingest_token"], second["ingest_token"]):
        assert send(secret)[0] == 200
    wait_until(lambda: all(one["last_used_at"] for one in fleet.api("GET", path)["items"]))
    assert "token" in fleet.bklog("collector", "token", "revoke", "tokens", second["beginning"], "--yes")
    wait_until(lambda: send(second["ingest_token"])[0] == 401)
    status, refusal = send(second["ingest_token"])
    assert (status, refusal["error"]["code"]) == (401, "token_wrong")
    assert "revoked" in refusal["error"]["hint"]
    assert send(made["ingest_token"])[0] == 200
    stored = fleet.api("GET", f"/api/v1/databus/collectors/{made['id']}/ledger/")["stored"]
    assert stored == fleet.count("*", "tokens")
