"""The rows that searches are tested on: real log lines of eight systems, and lines made to be hard to find."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

LOGHUB = Path(__file__).parents[2] / ".." / "shared" / "data" / "loghub"
START = datetime(2026, 1, 1, 23, 0, tzinfo=UTC)  # two hours: the rows stand in two partitions
STEP = timedelta(milliseconds=1500)
TYPES = {"status": "int", "latency": "float", "ok": "bool", "service": "keyword", "message": "string"}
BATCHES = tuple(f"{number:08x}-0000-7000-8000-00000000000{number}" for number in range(4))

NASTY = [
    "连接数据库超时 timeout 错误码=5",
    "连接timeout超时",
    "用户 登录 失败：密码错误",
    "日志平台 启动成功",
    "emoji 😀 in the 🎉 middle",
    "naïve café ÉCOLE Straße",
    "nul\0byte between words",
    "tab\tand\\backslash and 'quote' and \"double\" and `tick`",
    "percent 50% under_score per%cent",
    "two\r\nlines in one",
    "[Mon] (pid=7) {json: true} <tag/> a|b a&&b ~home ^caret",
    "a a b", "a b a b c", "a  a,a;b", "foo bar baz", "foo, bar! baz?", "foo-bar_baz", "foobarbaz",
    "FOO BAR", "bar foo", "Foo.Bar",
    "", " ", "---", "=>", "!!!", "a=>b", "x",
    "10.0.0.1:8080", "10.0.0.11:8080", "10x0x0x1",
    "/var/log/app.log", "C:\\temp\\new", "https://example.com/a?b=1&c=2#d",
    "AND OR NOT TO",
    "reset-by_peer reset by peer", "connection reset by peer",
    "key=value key=value2 keyvalue",
    "word" * 5000, "x " * 5000 + "needle", "长" * 3000 + "针",
    "needle at the start " + "y" * 20000,
]  # fmt: skip


LONG = [
    "needle " + "y" * 1_000_000 + " hay",
    "长" * 350_000 + "针 stack",
    " ".join(f"zq{number % 1000}" for number in range(200_000)) + " reset by peer",
]  # 1 MB each, of few characters: what looks for others is soon done with them
ALPHABETS = ("abc AB.", "xy z-_=\0", "连接超时服务 ，。a", "😀🎉é ÉñÑ b", "01 2.5:/", "\t\n\r\"\\'`%_ a", "\u3000\u200b\xa0 ab")


def made(count: int) -> list[str]:
    """Lines of few characters, so that many are nearly what is looked for."""
    chance = random.Random(7)
    return ["".join(chance.choices(chance.choice(ALPHABETS), k=chance.randrange(40))) for _ in range(count)]


def few_texts() -> list[str]:
    """A fair share of everything: one in 80 of the real lines, all nasty ones, made ones, and lines of 1 MB."""
    return [*texts(every=80), *made(60), *LONG]


def texts(every: int = 4) -> list[str]:
    """One in `every` of the real lines, where they are there, and the nasty ones between them."""
    real = [line for file in sorted(LOGHUB.glob("*_2k.log")) for line in file.read_text().splitlines()[::every]]
    spread = max(1, len(real) // len(NASTY))
    return [line for place, nasty in enumerate(NASTY) for line in (*real[place * spread : (place + 1) * spread], nasty)]


def rows(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """As they are inserted: three batches, and two rows to a moment."""
    for place, line in enumerate(lines):
        moment = START + STEP * (place - place % 2)
        yield {
            "time": f"{moment:%Y-%m-%d %H:%M:%S}.{(place // 2 % 7) * 111_111_111 + 123:09d}",
            "ingest_time": "2026-01-02 02:00:00.000000",
            "batch": BATCHES[place % 3],
            "row": place,
            "host": f"web-{place % 5}" if place % 11 else "",
            "path": f"/var/log/app{place % 3}.log",
            "stream": ["stdout", "stderr", ""][place % 3],
            "level": ["info", "warn", "error", "debug", ""][place % 5],
            "log": line,
            "fields": fields(place, line),
            "parse_error": "not_json_object" if place % 13 == 0 else "",
        }


def fields(place: int, line: str) -> dict[str, Any]:
    """Some of each, so that every field is missing somewhere."""
    found: dict[str, Any] = {}
    if place % 2:
        found |= {"status": [200, 404, 500, -1, 2**53 + 1][place % 5], "ok": place % 3 == 0, "message": line[:40]}
    if place % 3:
        found |= {"latency": place % 100 / 8, "service": ["api", "web-front", "Ünï"][place % 3], "size": place % 50}
    if place % 4 == 0:
        found |= {
            "http": {"method": ["GET", "POST"][place % 8 // 4], "ratio": place / 16},
            "mixed": place if place % 3 else "text",
        }
    if place % 16 == 0:
        found |= {"tags": ["a", "b"], "日志": "中文", "odd`na\\me": "x", "with space": "y", "^a": "z", "null": None}
    return found
