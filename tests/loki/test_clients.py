"""The requests of logcli and of Grafana's Loki data source, as they send them, over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from pytest_django import DjangoDbBlocker

from bklog.accounts.models import ApiToken
from bklog.accounts.tokens import replace_api_token
from bklog.api import loki as loki_api
from bklog.collect.models import Collector, IndexSet
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from bklog.store.clickhouse import ClickHouseStore
from tests.loki.site import table_rows
from tests.search.engine_store import LIMITS
from tests.search.lines import LOGHUB, TYPES
from tests.served import served
from tests.store.conftest import StoreServer, own_database
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

START, END = 1_767_225_600_000_000_000, 1_767_398_400_000_000_000  # two days in nanoseconds
SECONDS = {"start": str(START // 10**9), "end": str(END // 10**9)}
NANOSECONDS = {"start": str(START), "end": str(END)}
GRAFANA = {
    "User-Agent": "Grafana/11.4.0",
    "X-Query-Tags": "Source=grafana",
    "X-Loki-Response-Encoding-Flags": "categorize-labels",
    "Accept-Encoding": "gzip",
}
LOGCLI = {"User-Agent": "loki-logcli/3.3.2"}
pytestmark = pytest.mark.django_db  # the rows that the requests meet are committed before


@dataclass
class Server:
    address: str
    tokens: dict[str, str]


@dataclass
class Reply:
    status: int
    body: bytes
    kind: str

    @property
    def json(self) -> Any:
        assert self.status == 200, self.body
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert self.json["status"] == "success"
        return self.json["data"]


@dataclass
class Client:
    """`headers` are those of the program that asks; the token comes as its data source is told to send it."""

    url: str
    token: str
    headers: dict[str, str]
    basic: bool = False

    def get(self, path: str, *, method: str = "GET", **given: str | list[str]) -> Reply:
        query = urlencode(given, doseq=True, quote_via=quote)
        credentials = base64.b64encode(f"any:{self.token}".encode()).decode()
        headers = {**self.headers, "Authorization": f"Basic {credentials}" if self.basic else f"Bearer {self.token}"}
        if method == "POST":
            return self._send("POST", path, query, {**headers, "Content-Type": "application/x-www-form-urlencoded"})
        return self._send("GET", f"{path}?{query}", None, headers)

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Reply:
        opened = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            opened.request(method, path, body, headers)
            response = opened.getresponse()
            return Reply(response.status, response.read(), response.headers["Content-Type"])
        finally:
            opened.close()


@pytest.fixture(scope="module")
def server(store_server: StoreServer, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """The web program's application, over a store of its own; its thread has its own connections."""
    if not LOGHUB.is_dir():
        pytest.skip(f"{LOGHUB} is not there: these tests need real log lines")
    with own_database(store_server) as store, pytest.MonkeyPatch.context() as patched, django_db_blocker.unblock():
        patched.setattr(loki_api, "the_store", lambda: store)
        catalogue = FieldCatalogue(store, LIMITS)
        patched.setattr(loki_api, "the_catalogue", lambda: catalogue)
        fill(store_server, store)
        tokens = {name: replace_api_token(name) for name in ("grafana", "logcli")}
        with served() as address:
            yield Server(address, tokens)
        for model in (IndexSet, Collector, ApiToken):
            model.objects.all().delete()


def fill(server: StoreServer, store: ClickHouseStore) -> None:
    made = {}
    for name, lines in (("front", table_rows(2)), ("back", table_rows(3)[::2]), ("mysql", table_rows(5)[::3])):
        table = LogTable(f"loki_{name}", 3650, types=TYPES)
        store.create_table(table)
        server.run(f"INSERT INTO {store.table(table.name)} FORMAT JSONEachRow {chr(10).join(map(json.dumps, lines))}")
        rule = {"kind": "json", "types": TYPES}
        made[name] = Collector.objects.create(name=name, table=table.name, retention_days=3650, clean_rule=rule)
    for name, collectors, space in (("web", ("front", "back"), "default"), ("db", ("mysql",), "data")):
        IndexSet.objects.create(name=name, space=space).collectors.set([made[one] for one in collectors])


@pytest.fixture
def grafana(server: Server) -> Client:
    return Client(server.address, server.tokens["grafana"], GRAFANA)


@pytest.fixture
def logcli(server: Server) -> Client:
    return Client(server.address, server.tokens["logcli"], LOGCLI, basic=True)


def test_grafana_tests_its_data_source(grafana: Client) -> None:
    found = grafana.get("/loki/api/v1/query", direction="backward", query="vector(1)+vector(1)", time=f"{START}").data
    assert (found["resultType"], found["result"]) == ("vector", [{"metric": {}, "value": [START // 10**9, "2"]}])
    assert grafana.get("/loki/api/v1/status/buildinfo").data["version"]
    assert grafana.get("/ready").body == b"ready\n"


def test_grafana_explores_lines_and_their_volume(grafana: Client) -> None:
    query = '{index_set="web", level="error"} |= "error"'
    found = grafana.get(
        "/loki/api/v1/query_range", **NANOSECONDS, direction="backward", limit="1000", query=query, step="86400000ms"
    ).data
    assert found["resultType"] == "streams"
    lines = [line for stream in found["result"] for _, line in stream["values"]]
    assert lines
    assert all("error" in line for line in lines)
    assert all(stream["stream"]["level"] == "error" for stream in found["result"])
    assert all(moment.isdigit() and len(moment) == 19 for stream in found["result"] for moment, _ in stream["values"])
    assert found["stats"]["summary"]["totalLinesProcessed"] > 0
    volume = f"sum by (level) (count_over_time({query} | drop __error__ [1h]))"
    counted = grafana.get("/loki/api/v1/query_range", **NANOSECONDS, query=volume, step="3600000ms", limit="1000").data
    assert counted["resultType"] == "matrix"
    assert sum(float(value) for series in counted["result"] for _, value in series["values"]) == len(lines)


def test_grafana_fills_its_menus(grafana: Client) -> None:
    names = ["collector", "host", "index_set", "level", "path", "service", "stream"]
    assert grafana.get("/loki/api/v1/labels", **NANOSECONDS).data == names
    assert grafana.get("/loki/api/v1/label/index_set/values", **NANOSECONDS).data == ["db", "web"]
    levels = grafana.get("/loki/api/v1/label/level/values", **NANOSECONDS, query='{index_set="web"}').data
    assert levels == ["debug", "error", "info", "warn"]
    series = grafana.get("/loki/api/v1/series", **NANOSECONDS, **{"match[]": '{collector="mysql"}'}).data
    assert {one["index_set"] for one in series} == {"db"}
    stats = grafana.get("/loki/api/v1/index/stats", **NANOSECONDS, query='{index_set="web"}').json
    assert set(stats) == {"streams", "chunks", "bytes", "entries"}
    assert stats["entries"] > 0
    detected = grafana.get("/loki/api/v1/detected_labels", **NANOSECONDS, query='{index_set="web"}').json["detectedLabels"]
    assert {"label": "collector", "cardinality": 2} in detected


def test_grafana_asks_for_volumes(grafana: Client) -> None:
    asked = {**NANOSECONDS, "query": '{index_set=~".+"}', "limit": "100", "targetLabels": "collector"}
    found = grafana.get("/loki/api/v1/index/volume", **asked).data
    sizes = {one["metric"]["collector"]: float(one["value"][1]) for one in found["result"]}
    assert list(sizes) == sorted(sizes, key=lambda name: -sizes[name])
    assert set(sizes) == {"front", "back", "mysql"}
    spread = grafana.get("/loki/api/v1/index/volume_range", **asked, step="1h").data
    assert spread["resultType"] == "matrix"
    summed = sum(float(value) for one in spread["result"] for _, value in one["values"])
    assert summed == pytest.approx(sum(sizes.values()))


def test_grafana_drills_down_into_stored_fields(grafana: Client) -> None:
    asked = {**NANOSECONDS, "query": '{index_set="web", level="error"}'}
    found = grafana.get("/loki/api/v1/detected_fields", **asked, line_limit="2000", limit="500").json
    fields = {one["label"]: one for one in found["fields"]}
    assert (found["approximate"], found["limit"], found["lineLimit"]) == (True, 500, 2000)
    assert not {"index_set", "collector", "host", "path", "stream", "level", "service"} & set(fields)
    assert {name: fields[name]["type"] for name in ("status", "latency", "ok")} == {
        "status": "int", "latency": "float", "ok": "boolean",
    }  # fmt: skip
    assert fields["status"]["parsers"] is None
    values = grafana.get("/loki/api/v1/detected_field/status/values", **asked, line_limit="2000").json["values"]
    counted = 'sum by (status) (count_over_time({index_set="web", level="error"} | status!="" [2d]))'
    series = grafana.get("/loki/api/v1/query", query=counted, time=SECONDS["end"]).data["result"]
    counts = {one["metric"]["status"]: float(one["value"][1]) for one in series}
    assert values == sorted(counts, key=lambda value: (-counts[value], value))
    assert fields["status"]["cardinality"] == len(values)
    (first,) = grafana.get("/loki/api/v1/detected_field/status/values", **asked, line_limit="2000", limit="1").json["values"]
    filtered = f'{{index_set="web", level="error"}} | status="{first}"'
    lines = grafana.get("/loki/api/v1/query_range", **NANOSECONDS, query=filtered, limit="5000").data["result"]
    assert sum(len(stream["values"]) for stream in lines) == counts[first]


def test_grafana_drills_down_into_what_parsers_find(grafana: Client) -> None:
    asked = {**NANOSECONDS, "query": '{index_set="web"} | json | __error__=""', "line_limit": "5000"}
    fields = {one["label"]: one for one in grafana.get("/loki/api/v1/detected_fields", **asked).json["fields"]}
    assert fields["took"] == {"label": "took", "type": "string", "cardinality": 3, "parsers": ["json"]}
    assert fields["b_c"]["type"] == "string"
    assert fields["b_e_f"]["type"] == "float"
    assert "host_extracted" in fields
    assert "host" not in fields
    few = grafana.get("/loki/api/v1/detected_fields", **asked, field_limit="1").json["fields"]
    assert len(few) == 1
    everything = grafana.get("/loki/api/v1/detected_fields", **NANOSECONDS, query="{}").json["fields"]
    assert "status" in {one["label"] for one in everything}
    assert grafana.get("/loki/api/v1/detected_fields", **NANOSECONDS, query='{index_set="none"}').json["fields"] == []


def test_logcli_reads_page_after_page(logcli: Client) -> None:
    """`logcli query --batch`: each page ends where the one before began; a time that stands at the end is asked for again."""
    seen: set[tuple[str, str, str]] = set()
    start = START
    for _ in range(100):
        found = logcli.get(
            "/loki/api/v1/query_range",
            direction="FORWARD",
            start=str(start),
            end=str(END),
            limit="50",
            query='{index_set="db"}',
        ).data
        page = [(moment, line, json.dumps(stream["stream"])) for stream in found["result"] for moment, line in stream["values"]]
        new = set(page) - seen
        if not new:
            break
        seen |= new
        start = max(int(moment) for moment, _, _ in page)
    counted = logcli.get("/loki/api/v1/query", query='sum(count_over_time({index_set="db"}[2d]))', time=SECONDS["end"]).data
    assert len(seen) > 100
    assert counted["result"][0]["value"] == [END // 10**9, str(len(seen))]


def test_logcli_asks_for_labels_and_series(logcli: Client) -> None:
    assert "host" in logcli.get("/loki/api/v1/labels", **NANOSECONDS).data
    assert logcli.get("/loki/api/v1/label/collector/values", **NANOSECONDS).data == ["back", "front", "mysql"]
    assert logcli.get("/loki/api/v1/series", **NANOSECONDS, match='{host="web-1-b"}').data
    rate = logcli.get("/loki/api/v1/query_range", **SECONDS, query='sum(rate({index_set="db"}[1h]))', step="3600.000000").data
    assert rate["result"][0]["metric"] == {}


def test_a_form_is_as_good_as_a_query_string(grafana: Client) -> None:
    asked = {"query": 'sum by (level) (count_over_time({index_set="web"}[2d]))', "time": SECONDS["end"]}
    sent, posted = (grafana.get("/loki/api/v1/query", method=method, **asked).data["result"] for method in ("GET", "POST"))
    assert sent == posted


def test_a_space_is_a_tenant(grafana: Client) -> None:
    grafana.headers = {**GRAFANA, "X-Scope-OrgID": "data"}
    assert grafana.get("/loki/api/v1/label/index_set/values", **NANOSECONDS).data == ["db"]
    found = grafana.get("/loki/api/v1/query_range", **NANOSECONDS, query='{index_set=~".+"}').data["result"]
    assert {stream["stream"]["index_set"] for stream in found} == {"db"}
    grafana.headers = {**GRAFANA, "X-Scope-OrgID": "data|default"}
    assert grafana.get("/loki/api/v1/label/index_set/values", **NANOSECONDS).data == ["db", "web"]


@pytest.mark.parametrize(
    ("path", "given", "status", "said"),
    [
        ("query_range", {"query": '{app="a"'}, 400, "parse error at line 1, col 9: syntax error"),
        ("query_range", {"query": '{index_set="web"}', "limit": "5001"}, 400, "max entries limit per query exceeded"),
        ("query_range", {"query": '{index_set="web"}', "direction": "up"}, 400, "invalid direction"),
        ("query_range", {"query": '{index_set="web"}', "interval": "5s"}, 400, "interval is not supported"),
        ("query_range", {"query": '{index_set="web"}', "start": "yesterday"}, 400, "could not parse 'yesterday'"),
        ("query_range", {"query": '{index_set="web"}', "start": "5", "end": "4"}, 400, "end timestamp must not be before"),
        ("query_range", {"query": 'rate({a="b"}[5m])', "step": "0"}, 400, "zero or negative query resolution"),
        ("query_range", {"query": 'rate({a="b"}[5m])', "step": "1ms"}, 400, "exceeded maximum resolution"),
        ("query", {"query": '{index_set="web"}'}, 400, "log queries are not supported as an instant query type"),
        ("query", {"query": 'rate({index_set="web"} | json [2d])', "time": SECONDS["end"]}, 400, "pipeline error: 'JSON"),
        ("query", {"query": 'rate({index_set="web"}[1m]) + vector(1)'}, 400, "not supported"),
        ("query_range", {"query": '{index_set="web"} |~ `(?<=a)b`', **NANOSECONDS}, 400, "regular expression cannot be read"),
        ("series", {}, 400, "no match[] parameter"),
        ("index/volume", {"query": '{index_set="web"}', "aggregateBy": "labels"}, 400, "aggregateBy"),
        ("patterns", {"query": '{index_set="web"}'}, 404, "patterns of lines are not found here"),
        ("detected_fields", {"query": 'rate({index_set="web"}[5m])'}, 400, "not in a metric"),
        ("detected_fields", {"query": '{index_set="web"}', "line_limit": "0"}, 400, "line_limit must be a positive value"),
        ("drilldown-limits", {}, 404, "there is nothing at"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence(grafana: Client, path: str, given: dict[str, str], status: int, said: str) -> None:
    refused = grafana.get(f"/loki/api/v1/{path}", **given)
    assert refused.status == status
    assert said in refused.body.decode()
    assert path == "drilldown-limits" or refused.kind.startswith("text/plain")


def test_without_a_token_nothing_is_answered(grafana: Client) -> None:
    for basic in (False, True):
        stranger = Client(grafana.url, "nobody", GRAFANA, basic=basic)
        assert stranger.get("/loki/api/v1/labels").status == 401


def test_a_query_is_formatted(grafana: Client) -> None:
    assert grafana.get("/loki/api/v1/format_query", query='{a="b"}|="x"').data == '{a="b"} |= "x"'
