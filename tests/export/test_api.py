"""The paths of the API, on a real store: asking, watching, stopping, links, downloads, and who is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api import wiring
from bklog.export.models import Export
from bklog.objects import ObjectStore
from bklog.records import MAIN_STORE, Permission, StoreAddress
from tests.export.site import BEGIN, END, ExportSite, in_order, json_lines, log_rows, unpack
from tests.object_server import object_server
from tests.store.conftest import StoreServer

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 600
ROWS = in_order(log_rows(COUNT))
RANGE = {"start": BEGIN.isoformat(), "end": END.isoformat()}


@pytest.fixture
def site(site: ExportSite, store_server: StoreServer, settings: Any) -> Iterator[ExportSite]:
    """The API's own parts, on this test's store and folder; no broker runs, so that messages wait for the sweep."""
    address = StoreAddress("127.0.0.1", store_server.port, database=site.store.table("x").split("`")[1])
    settings.STORES = {MAIN_STORE: address}
    settings.EXPORT_FOLDER = site.folder
    settings.BKLOG_EXPORT_MAX_ROWS = 500
    cached = (wiring.the_store, wiring.the_catalogue, wiring.the_places)
    for one in cached:
        one.cache_clear()
    yield site
    for one in cached:
        one.cache_clear()


@pytest.fixture
def shop(site: ExportSite) -> Any:
    return site.index_set("shop", site.collector("shop", log_rows(COUNT)))


class Asker:
    def __init__(self, name: str, *permissions: Permission) -> None:
        self.name = name
        self.client = Client(headers={"Authorization": f"Bearer {replace_api_token(name, frozenset(permissions))}"})

    def ask(self, shop: Any, **asked: Any) -> Any:
        path = f"/api/v1/search/index_set/{shop.pk}/export/"
        return self.client.post(path, {**RANGE, **asked}, content_type="application/json")

    def get(self, path: str, **given: Any) -> Any:
        return self.client.get(f"/api/v1/search/export/{path}", given)

    def post(self, path: str) -> Any:
        return self.client.post(f"/api/v1/search/export/{path}")


def body_of(response: Any) -> bytes:
    try:
        return b"".join(response)
    finally:
        response.close()


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def run(site: ExportSite, asked: Any) -> dict[str, Any]:
    assert asked.status_code == 202, asked.content
    site.run(Export.objects.get(pk=asked.json()["id"]))
    shown: dict[str, Any] = asked.json()
    return shown


def test_from_asking_to_the_file(site: ExportSite, shop: Any) -> None:
    ann = Asker("ann", Permission.LARGE_EXPORT)
    asked = ann.ask(shop, format="jsonl", compression="gzip", order="oldest", limit=COUNT, fields=["log"])
    assert asked.json()["state"] == "pending"
    assert code(ann.get(f"{asked.json()['id']}/link/")) == (409, "export_state")
    pk = run(site, asked)["id"]
    shown = ann.get(f"{pk}/").json()
    assert (shown["state"], shown["rows"], shown["complete"]) == ("success", COUNT, True)
    assert shown["progress"]["percent"] == 100
    assert [one["id"] for one in ann.get("", owner="me").json()["items"]] == [pk]
    assert ann.get("", state="failed").json()["items"] == []
    link = ann.get(f"{pk}/link/").json()
    answer = Client().get(link["url"])
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="shop-{pk}.jsonl.gz"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    body = body_of(answer)
    assert len(body) == int(answer["Content-Length"]) == link["size_bytes"] == shown["size_bytes"]
    assert [row["log"] for row in json_lines(unpack(body, "gzip"))] == [row["log"] for row in ROWS]
    assert body_of(ann.get(f"{pk}/file/")) == body


def test_a_link_that_is_not_ours_opens_nothing(site: ExportSite, shop: Any) -> None:
    ann = Asker("ann")
    pk = run(site, ann.ask(shop))["id"]
    url = ann.get(f"{pk}/link/").json()["url"]
    path, query = urlsplit(url).path, urlsplit(url).query
    nobody = Client()
    assert code(nobody.get(path)) == (401, "token_missing")
    assert code(nobody.get(f"{path}?signature=")) == (403, "link_wrong")
    assert code(nobody.get(f"{path}?{query[:-1]}{'0' if query[-1] != '0' else '1'}")) == (403, "link_wrong")
    assert code(nobody.get(f"{path.replace('file', 'link')}?{query}")) == (401, "token_missing")
    assert code(nobody.get(f"/api/v1/search/export/?{query}")) == (401, "token_missing")
    assert nobody.post(f"{path}?{query}").status_code == 405
    Export.objects.filter(pk=pk).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert code(nobody.get(url)) == (410, "export_expired")
    assert code(ann.get(f"{pk}/link/")) == (410, "export_expired")


def test_what_cannot_be_done_is_told_at_once(site: ExportSite, shop: Any) -> None:
    bob = Asker("bob")
    assert code(bob.ask(shop, limit=501)) == (403, "permission_missing")
    assert code(bob.ask(shop, query="level:(")) == (400, "query_syntax")
    assert code(bob.ask(shop, query="/(/")) == (400, "bad_regex")
    assert code(bob.ask(shop, query="nowhere:1")) == (400, "unknown_field")
    assert code(bob.ask(shop, fields=["nowhere"])) == (400, "unknown_field")
    assert code(bob.ask(shop, start="now-1h", end="now-2h")) == (400, "time_range")
    assert code(bob.ask(shop, mail_to=["a@b.c"])) == (400, "no_mail_server")
    assert code(bob.get("4711/")) == (404, "no_export")
    assert not Export.objects.exists()


def test_cancel_retry_delete(site: ExportSite, shop: Any) -> None:
    ann = Asker("ann")
    made = [ann.ask(shop).json()["id"] for _ in range(4)]
    assert [ann.get(f"{pk}/").json()["state"] for pk in made] == ["pending"] * 3 + ["waiting"]
    assert ann.post(f"{made[0]}/cancel/").json()["state"] == "cancelled"
    assert ann.get(f"{made[3]}/").json()["state"] == "pending", "its place in line came"
    assert code(ann.post(f"{made[0]}/cancel/")) == (409, "export_state")
    assert ann.post(f"{made[0]}/retry/").json()["state"] == "waiting"
    assert code(ann.client.delete(f"/api/v1/search/export/{made[1]}/")) == (409, "export_state")
    site.run(Export.objects.get(pk=made[1]))
    assert ann.client.delete(f"/api/v1/search/export/{made[1]}/").status_code == 204
    assert code(ann.get(f"{made[1]}/")) == (404, "no_export")
    assert list(site.folder.iterdir()) == []


def test_unmasked_values_are_not_for_everybody(site: ExportSite, shop: Any) -> None:
    carl, bob = Asker("carl", Permission.RAW_VALUES), Asker("bob")
    pk = run(site, carl.ask(shop, masking=False))["id"]
    assert code(bob.get(f"{pk}/link/")) == (403, "permission_missing")
    assert code(bob.get(f"{pk}/file/")) == (403, "permission_missing")
    assert carl.get(f"{pk}/link/").status_code == 200
    assert Asker("dora", Permission.RAW_VALUES).get(f"{pk}/link/").status_code == 200


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_few_rows_are_downloaded_at_once(site: ExportSite, shop: Any, compression: str) -> None:
    bob, path = Asker("bob"), f"/api/v1/search/index_set/{shop.pk}/download/"
    asked = {**RANGE, "query": "level:error", "compression": compression}
    answer = bob.client.get(path, {**asked, "fields": "time,log", "order": "oldest"})
    body = body_of(answer)
    head, *found = csv.reader(io.StringIO(unpack(body, compression).decode(), newline=""))
    wanted = [row["log"] for row in ROWS if row["level"] == "error"]
    assert (head, [row[1] for row in found]) == (["time", "log"], wanted)
    assert (answer["X-Bklog-Rows"], answer["X-Bklog-Matched-Rows"]) == (str(len(wanted)), str(len(wanted)))
    assert int(answer["Content-Length"]) == len(body)
    posted = bob.client.post(path, {**asked, "format": "jsonl", "limit": 7}, content_type="application/json")
    found_lines = json_lines(unpack(body_of(posted), compression))
    assert [row["log"] for row in found_lines] == wanted[::-1][:7]
    assert (posted["X-Bklog-Rows"], posted["X-Bklog-Matched-Rows"]) == ("7", str(len(wanted)))


def test_a_download_is_limited(site: ExportSite, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bob, path = Asker("bob", Permission.LARGE_EXPORT), f"/api/v1/search/index_set/{shop.pk}/download/"
    assert code(bob.client.get(path, {**RANGE, "limit": "10001"})) == (400, "limit")
    assert code(bob.client.get(path, {**RANGE, "format": "xml"})) == (400, "export_request")
    monkeypatch.setattr("bklog.export.download.MOST_BYTES", 1000)
    assert code(bob.client.get(path, RANGE)) == (413, "download_too_large")


def test_files_in_an_object_storage(site: ExportSite, shop: Any, settings: Any) -> None:
    with object_server() as address:
        settings.BUCKET, settings.BKLOG_EXPORT_TARGET = address, "s3"
        site.objects = ObjectStore(address)
        ann = Asker("ann")
        pk = run(site, ann.ask(shop, format="raw", order="oldest"))["id"]
        export = Export.objects.get(pk=pk)
        assert (export.state, export.reason) == ("success", "")
        assert not site.path(export).parent.exists(), "nothing stays in the folder"
        link = ann.get(f"{pk}/link/").json()["url"]
        assert link.startswith(address.endpoint)
        answer = urllib3.request("GET", link)
        assert "attachment" in answer.headers["Content-Disposition"]
        assert answer.data.decode() == "".join(f"{row['log']}\n" for row in ROWS[:500])
        assert len(answer.data) == export.size_bytes
        assert ann.get(f"{pk}/file/").status_code == 302
        assert ann.client.delete(f"/api/v1/search/export/{pk}/").status_code == 204
        assert urllib3.request("GET", link).status == 404
        failing = site.create(shop, target="s3", format="raw")
        site.objects = ObjectStore(replace(address, endpoint="http://127.0.0.1:9", retry_seconds=0))
        after = site.run(failing)
        assert (after.state, after.code, len(after.ends)) == ("pending", "objects_unavailable", len(after.slices))
        site.objects = ObjectStore(address)
        assert site.run(failing).state == "success"


def test_without_an_object_storage_none_is_promised(site: ExportSite, shop: Any, settings: Any) -> None:
    settings.BKLOG_EXPORT_TARGET = "s3"
    assert code(Asker("ann").ask(shop)) == (500, "objects_not_set")
