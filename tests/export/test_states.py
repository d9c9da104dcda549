"""The line of each user, permissions, links, expiry: what the row of an export goes through, and who may do what."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from bklog.errors import BadRequest, Conflict, Forbidden, Overloaded, Unavailable
from bklog.export import actions
from bklog.export.link import Gone, link_end, require_file, require_signature, signed_path
from bklog.export.models import Export
from bklog.export.places import Places
from bklog.export.request import RowLimits, read_request
from bklog.export.selectors import present
from bklog.records import Bearer, Permission, TimeRange
from bklog.telemetry import metrics
from tests.export.site import ANN, BEGIN, END, ROW_LIMITS, ask

pytestmark = pytest.mark.django_db(transaction=True)
State = Export.State
BOB = Bearer("bob")
RANGE = TimeRange(BEGIN, END)


class Sent(list[int]):
    def __call__(self, task: str, pk: int) -> None:
        assert task == "export.run"
        self.append(pk)


def make(bearer: Bearer = BOB, **asked: Any) -> Export:
    return actions.create(ask(bearer, **asked), bearer=bearer, index_set=(7, "shop"), target="local")


def end(export: Export, state: Export.State = State.SUCCESS) -> Export:
    if state == State.SUCCESS:
        actions.succeed(export, size_bytes=3, sha256="0" * 64, keep=timedelta(days=2))
    else:
        actions.fail(export, Unavailable("the store is away"))
    return Export.objects.get(pk=export.pk)


def states(owner: str = "bob") -> list[str]:
    return list(Export.objects.filter(owner=owner).order_by("pk").values_list("state", flat=True))


def places(folder: Path) -> Places:
    def nowhere() -> Any:
        raise AssertionError("nothing is in an object storage")

    return Places(folder, nowhere)


def test_three_run_and_the_others_wait_in_line() -> None:
    sent = Sent()
    made = [make() for _ in range(5)]
    other = make(ANN)
    for _ in range(2):  # asking twice gives nobody a slot more
        actions.promote("bob", slots=3, send=sent)
    assert states() == ["pending"] * 3 + ["waiting"] * 2
    assert sent == [one.pk for one in made[:3]]
    assert states("ann") == ["waiting"]
    end(made[1])
    actions.promote("bob", slots=3, send=sent)
    assert states() == ["pending", "success", "pending", "pending", "waiting"]
    assert sent == [one.pk for one in (*made[:3], made[3])]
    actions.cancel(Export.objects.get(pk=made[0].pk))
    assert actions.send_due(slots=3, send=sent) == 0
    assert states()[-1] == "pending", "the sweep lets those who wait in, too"
    assert sent[-2:] == [made[4].pk, other.pk] or sent[-2:] == [other.pk, made[4].pk]


def test_many_at_once_get_no_more_slots_than_there_are() -> None:
    for _ in range(8):
        make()

    def promote(_: int) -> None:
        try:
            actions.promote("bob", slots=3, send=Sent())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(promote, range(12)))
    assert sorted(states()) == ["pending"] * 3 + ["waiting"] * 5
    assert list(Export.objects.exclude(slot=None).order_by("slot").values_list("slot", flat=True)) == [0, 1, 2]


def test_a_broker_that_is_away_loses_nothing() -> None:
    def away(task: str, pk: int) -> None:
        raise Unavailable("the message queue does not take it")

    made = make()
    actions.promote("bob", slots=3, send=away)
    Export.objects.filter(pk=made.pk).update(next_try_at=timezone.now())
    sent = Sent()
    assert (actions.send_due(slots=3, send=sent), sent) == (1, [made.pk])


def test_who_has_too_many_waiting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_WAITING", 3)
    for _ in range(3):
        make()
    with pytest.raises(Overloaded, match="3 exports of yours wait already"):
        make()
    assert make(ANN).state == State.WAITING


def test_more_rows_need_the_permission_which_counts_when_it_is_asked_for() -> None:
    with pytest.raises(Forbidden, match="needs the permission large_export"):
        ask(BOB, limit=2_000_001)
    assert ask(ANN, limit=2_000_001).limit == 2_000_001
    assert ask(BOB, limit=2_000_000).limit == ask(BOB).limit == 2_000_000
    for wrong in (0, -1, True, "5", 100_000_001, 1.5):
        with pytest.raises(BadRequest) as caught:
            ask(ANN, limit=wrong)
        assert caught.value.stable_code == "limit"
    raw = Bearer("carl", frozenset({Permission.RAW_VALUES}))
    asked = [(raw, {}), (BOB, {"masking": False}), (raw, {"masking": False})]
    assert [make(bearer, **body).is_unmasked for bearer, body in asked] == [False, False, True]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"format": "xlsx"}, "format is 'xlsx'"),
        ({"compression": "bzip2"}, "compression is 'bzip2'"),
        ({"order": ["newest"]}, "order is"),
        ({"fields": []}, "fields is no list of names"),
        ({"fields": "log"}, "fields is no list of names"),
        ({"fields": ["log"] * 201}, "fields is no list of names"),
        ({"format": "raw", "fields": ["host"]}, "raw writes the lines alone"),
        ({"query": 7}, "query is no text"),
        ({"mail_to": ["a@b.c\nBcc: x@y.z"]}, "is no mail address"),
        ({"mail_to": ["nobody"]}, "is no mail address"),
        ({"mail_to": [f"a{n}@b.c" for n in range(6)]}, "mail_to is no list of names"),
        ({"sort": "x"}, "unknown key 'sort'"),
    ],
)
def test_what_cannot_be_asked_for(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        read_request(asked, RANGE, RowLimits(10, 10), BOB)


def test_only_what_goes_is_cancelled_and_only_what_ended_badly_is_tried_again() -> None:
    made = make()
    assert actions.cancel(made).state == State.CANCELLED
    with pytest.raises(Conflict, match="is cancelled"):
        actions.cancel(made)
    again = actions.retry(Export.objects.get(pk=made.pk))
    assert (again.state, again.finished_at, again.attempts) == (State.WAITING, None, 0)
    assert (again.start, again.end) == (BEGIN, END)
    done = end(again)
    for act in (actions.cancel, actions.retry):
        with pytest.raises(Conflict, match="is success"):
            act(done)


def test_how_an_export_ended_is_counted() -> None:
    def counted(outcome: str) -> float:
        return float(metrics.EXPORTS.labels(outcome)._value.get())

    before = {outcome: counted(outcome) for outcome in ("succeeded", "failed", "cancelled")}
    end(make())
    end(make(), State.FAILED)
    actions.cancel(make())
    assert {outcome: counted(outcome) - before[outcome] for outcome in before} == dict.fromkeys(before, 1.0)


def test_a_link_opens_one_file_for_its_time_and_cannot_be_changed() -> None:
    now = datetime.now(UTC)
    one, other = end(make()), end(make())
    until = link_end(one, now=now, seconds=3600)
    given = dict(pair.split("=") for pair in signed_path(one, until=until).partition("?")[2].split("&"))
    require_signature(one, expires=given["expires"], signature=given["signature"], now=now)
    with pytest.raises(Gone):
        require_signature(one, expires=given["expires"], signature=given["signature"], now=now + timedelta(hours=2))
    later = str(int(given["expires"]) + 1)
    for export, expires, signature in (
        (other, given["expires"], given["signature"]),
        (one, later, given["signature"]),
        (one, given["expires"], given["signature"][:-1] + "x"),
        (one, given["expires"], ""),
        (one, "", given["signature"]),
        (one, "一", "二"),
    ):
        with pytest.raises(Forbidden):
            require_signature(export, expires=expires, signature=signature, now=now)


def test_a_link_does_not_outlive_its_file() -> None:
    done = end(make())
    assert done.expires_at is not None
    assert link_end(done, now=datetime.now(UTC), seconds=7 * 86_400) == done.expires_at
    require_file(done)
    with pytest.raises(Conflict):
        require_file(make())
    done.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(Gone):
        require_file(done)


def test_files_go_after_their_days_and_rows_later(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old, fresh = end(make()), end(make())
    for one in (old, fresh):
        file = places(tmp_path).path(one)
        file.parent.mkdir(parents=True)
        file.write_text("x")
    Export.objects.filter(pk=old.pk).update(expires_at=now - timedelta(seconds=1))
    assert actions.expire(now=now, remove=places(tmp_path).remove, history=timedelta(days=30)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [fresh.folder_name]
    assert present(Export.objects.get(pk=old.pk))["state"] == "expired"
    Export.objects.filter(pk=old.pk).update(finished_at=now - timedelta(days=31))
    Export.objects.filter(pk=fresh.pk).update(finished_at=now - timedelta(days=31))
    actions.expire(now=now, remove=places(tmp_path).remove, history=timedelta(days=30))
    assert list(Export.objects.values_list("pk", flat=True)) == [fresh.pk], "what still has a file is listed"


def test_orphans_go_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    failed, going = end(make(), State.FAILED), make()
    unknown = "export-999999-0123456789abcdef"
    names = [failed.folder_name, going.folder_name, unknown, "export-1", "backup"]
    for name in names:
        (tmp_path / name).mkdir()
    keep = timedelta(days=2)
    assert places(tmp_path).remove_orphans(keep=keep) == [], "nothing is old"
    two_hours_ago = datetime.now(UTC).timestamp() - 7200
    for name in names:
        os.utime(tmp_path / name, (two_hours_ago, two_hours_ago))
    assert places(tmp_path).remove_orphans(keep=keep) == [failed.folder_name]
    for name in names[1:]:
        os.utime(tmp_path / name, (two_hours_ago - 3 * 86_400,) * 2)
    assert places(tmp_path).remove_orphans(keep=keep) == [unknown]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([going.folder_name, "export-1", "backup"])


def test_deleting_takes_the_file_with_it(tmp_path: Path) -> None:
    going = make()
    with pytest.raises(Conflict, match="is waiting"):
        actions.delete(going, remove=places(tmp_path).remove)
    done = end(going)
    folder = places(tmp_path).path(done).parent
    folder.mkdir(parents=True)
    actions.delete(done, remove=places(tmp_path).remove)
    assert not folder.exists()
    assert not Export.objects.exists()
    assert ROW_LIMITS.usual == 2_000_000
