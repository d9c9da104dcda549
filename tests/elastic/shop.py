"""Known rows, and what a client's answer is compared with: plain computations over them, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
HOURS = 6
TYPES = {"status": "int", "spent": "float", "ok": "bool", "message": "string", "user": "keyword"}
LEVELS = ("error", "info", "warn", "")
MESSAGES = ("connection timeout to db", "user logged in", "付款失败：余额不足", "GET /cart HTTP/1.1")


def row_of(number: int, *, count: int, batch: int = 0) -> dict[str, Any]:
    """Every third row shares its moment with the one before; some rows have no user, no city, no level."""
    moment = BEGIN + timedelta(seconds=(number - (number % 3 == 2)) * HOURS * 3600 / count)
    message = MESSAGES[number % 4]
    fields: dict[str, Any] = {"status": (200, 200, 404, 500, 503)[number % 5], "spent": number % 97 / 8, "ok": number % 2 == 0}
    fields |= {"message": message, "nested": {"deep": number % 3}}
    fields |= {"user": f"user-{number % 7}"} if number % 4 else {}
    fields |= {"city": ("北京", "上海", "Köln")[number % 3]} if number % 6 else {}
    return {
        "time": f"{moment:%Y-%m-%d %H:%M:%S.%f}{number % 1000:03d}",
        "ingest_time": "2026-11-20 12:00:00",
        "batch": str(UUID(int=batch + number // 500)),
        "row": number,
        "host": f"web-{number % 2}",
        "path": "/var/log/shop.log",
        "stream": "",
        "level": LEVELS[number % 4],
        "log": f"{LEVELS[number % 4]} {message} number={number}",
        "fields": fields,
        "parse_error": "",
    }


def shop_rows() -> list[dict[str, Any]]:
    return [row_of(number, count=3000) for number in range(3000)]


def more_rows() -> list[dict[str, Any]]:
    return [row_of(number, count=500, batch=1000) for number in range(500)]


def nanoseconds(row: dict[str, Any]) -> int:
    whole, fraction = row["time"].split(".")
    moment = datetime.fromisoformat(f"{whole}+00:00")
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 10**9 + int(fraction)


def millis(row: dict[str, Any]) -> int:
    return nanoseconds(row) // 10**6


def identity(row: dict[str, Any]) -> str:
    return f"{row['batch']}-{row['row']}"
