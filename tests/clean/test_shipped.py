"""The rules that come with the product read every line of their format: one of each, and thousands of loghub's."""

from __future__ import annotations

import csv
from typing import Any, Final

import pytest

from bklog.clean import CleanRule
from bklog.clean.shipped import SHIPPED, Shipped
from tests.clean.test_compile import ARRIVED, clean
from tests.search.lines import LOGHUB

BY_NAME: Final = {one.name: one for one in SHIPPED}
AT: Final = "2026-11-26 10:00:01"
ARRIVAL: Final = "2026-11-26 12:00:00.000000"
# What of each sample is to be found: time as UTC, level, some fields.
FOUND: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "access-log": (
        "2026-11-26 02:00:01.000000000",
        "",
        {"client": "203.0.113.9", "user": "alice", "method": "GET", "url": "/pay?id=7", "status": 502, "bytes": 157}
        | {"protocol": "HTTP/2.0", "referer": "https://shop.example/", "agent": "curl/8.5"},
    ),
    "nginx-error": (f"{AT}.000000000", "error", {"pid": 31, "thread": "7", "connection": 9}),
    "apache-error": (f"{AT}.123456000", "error", {"module": "core", "pid": 31, "client": "203.0.113.9:4711"}),
    "syslog": (f"{AT}.000000000", "error", {"hostname": "web-1", "program": "sshd", "pid": 24200}),
    "syslog-5424": (
        f"{AT}.003000000",
        "error",
        {"priority": "165", "program": "pay", "data": '[origin@32473 ip="203.0.113.9"]', "message": "error: 支付超时"},
    ),
    "json-lines": (f"{AT}.000000000", "error", {"attempt": 3}),
    "json-ecs": (f"{AT}.003000000", "warn", {"service": {"name": "pay"}}),
    "logfmt": (f"{AT}.000000000", "warn", {"msg": "slow answer", "duration": "1.2s", "path": "/pay"}),
    "java": (f"{AT}.123000000", "error", {"thread": "http-nio-8080-exec-1", "logger": "com.shop.pay.Gateway"}),
    "spring-boot": ("2026-11-26 02:00:01.123000000", "warn", {"app": "shop", "pid": 31, "message": "slow answer"}),
    "python": (f"{AT}.123000000", "warn", {"logger": "shop.pay", "message": "slow answer"}),
    "spark": (ARRIVED, "info", {"logger": "executor.Executor"}),
}


def words(value: object) -> str:
    return " ".join(("" if value is None else str(value)).removesuffix(".0").split())


def test_each_has_its_line_here() -> None:
    assert list(BY_NAME) == list(FOUND)


@pytest.mark.parametrize("one", SHIPPED, ids=list(BY_NAME))
def test_it_reads_its_own_line(one: Shipped) -> None:
    time, level, fields = FOUND[one.name]
    (row,) = clean(one.rule, one.sample.encode(), arrival=ARRIVAL if time != ARRIVED else "")
    assert (row["time"], row["level"], row["parse_error"]) == (time, level, "")
    assert {name: row["fields"].get(name) for name in fields} == fields


@pytest.mark.parametrize("name", [name for name in BY_NAME if not name.startswith("json")])
def test_it_marks_a_line_of_another_format(name: str) -> None:
    rows = clean(BY_NAME[name].rule, b"", b"{}", b"Traceback (most recent call last):", b"\xff\xfe \x00", "支付超时".encode())
    assert {row["parse_error"] for row in rows} == {"no_pairs" if name == "logfmt" else "pattern_unmatched"}


def test_what_an_access_log_leaves_out_is_no_field() -> None:
    lines = (
        b'203.0.113.9 - - [26/Nov/2026:10:00:01 +0000] "GET / HTTP/1.1" 304 -',
        b'203.0.113.9 - - [26/Nov/2026:10:00:01 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"',
        b'203.0.113.9 - - [26/Nov/2026:10:00:01 +0000] "GET /a\\"b c HTTP/1.1" 200 5 "-" "Mozilla/5.0 (\\"x\\")"',
    )
    rows = clean(BY_NAME["access-log"].rule, *lines, arrival=ARRIVAL)
    assert [row["parse_error"] for row in rows] == [""] * 3
    given = [{name: value for name, value in row["fields"].items() if value is not None} for row in rows]
    common = {"client": "203.0.113.9", "time": "26/Nov/2026:10:00:01 +0000"}
    assert given == [
        common | {"method": "GET", "url": "/", "protocol": "HTTP/1.1", "status": 304},
        common | {"status": 400, "bytes": 0},
        common
        | {"method": "GET", "url": '/a\\"b c', "protocol": "HTTP/1.1", "status": 200, "bytes": 5}
        | {"agent": 'Mozilla/5.0 (\\"x\\")'},
    ]


@pytest.mark.skipif(not LOGHUB.is_dir(), reason="the lines of loghub are not here")
@pytest.mark.parametrize(
    ("name", "source", "same"),
    [
        pytest.param("apache-error", "Apache", {"message": "Content", "level": "Level", "time": "Time"}, id="Apache"),
        pytest.param("syslog", "OpenSSH", {"message": "Content", "pid": "Pid"}, id="OpenSSH"),
        pytest.param("syslog", "Linux", {"message": "Content", "pid": "PID"}, id="Linux"),
        pytest.param("syslog", "Mac", {"hostname": "User", "pid": "PID"}, id="Mac"),
        pytest.param("java", "Zookeeper", {"message": "Content", "level": "Level"}, id="Zookeeper"),
        pytest.param("spark", "Spark", {"message": "Content", "level": "Level", "logger": "Component"}, id="Spark"),
    ],
)
def test_it_reads_real_lines_as_loghub_says(name: str, source: str, same: dict[str, str]) -> None:
    """Two thousand lines of each; loghub's own reading of them stands beside."""
    lines = (LOGHUB / f"{source}_2k.log").read_bytes().splitlines()
    with (LOGHUB / f"{source}_2k.log_structured_corrected.csv").open(encoding="utf-8") as file:
        said = list(csv.DictReader(file))
    rows = clean(BY_NAME[name].rule, *lines, arrival=ARRIVAL)
    assert len(rows) == len(said) == 2_000
    assert [row for row in rows if row["parse_error"]] == []
    for ours, theirs in same.items():
        pairs = [(words(one["fields"].get(ours)), words(other[theirs])) for one, other in zip(rows, said, strict=True)]
        # loghub leaves a client in Apache's message, and takes two programs off some lines of the Mac.
        assert [(one, other) for one, other in pairs if not other.endswith(one)] == []
        assert sum(one == other for one, other in pairs) > 0.9 * len(pairs)


def test_values_that_no_format_has_lose_no_line() -> None:
    """Control characters, more pairs than the engine reads, quotes that never close."""
    lines = (
        b'a="never closed b=2',
        b"a=\x01\x02 b=2",
        b" ".join(b"k%d=1" % number for number in range(1_001)),
        b'path=C:\\new\\table msg="a \\"quoted\\" word"',
        b"path=C:\\new\\table b=2",
        b"a=1 a.b=2 a=3",
    )
    rows = clean(CleanRule("logfmt"), *lines)
    assert [row["parse_error"] for row in rows] == ["no_pairs", "", "no_pairs", "", "", ""]
    assert rows[3]["fields"]["msg"] == 'a "quoted" word'
    assert rows[4]["fields"] == {"path": "C:\\new\\table", "b": "2"}
    (row,) = clean(CleanRule("regexp", pattern="^(?P<a>.*?) (b)(?P<c>.)"), b"x\x01'\"\\ b\xe6\x94\xaf")
    assert row["fields"] == {"a": "x\x01'\"\\", "c": "支"}
