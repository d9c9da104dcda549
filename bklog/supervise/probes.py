"""One question to each outside part: the database, the message queue, the store, ingest, the disk. Each answers in words.

A probe returns what it found and raises Unavailable, with the remedy, where the part does not do its work.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Final

import urllib3
from django.db import connections
from django.db.utils import Error as DatabaseError
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from bklog.errors import Unavailable
from bklog.records import StoreAddress
from config.address import ingest_url
from config.environ import Loaded
from config.mask import mask_url
from config.queue import message_queue
from config.store import store_address, store_addresses

_SECONDS: Final = 3
_LEAST_FREE_BYTES: Final = 2**30
_LEAST_FREE_SHARE: Final = 0.05
_HTTP: Final = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS))


def database(loaded: Loaded) -> str:
    connection = connections["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as problem:
        raise Unavailable(
            f"{connection.vendor}: {_one_line(problem)}", hint="see BKLOG_DATABASE_… in docs/settings.md"
        ) from problem
    finally:
        connection.close()  # the thread that asks ends with its question
    return f"{connection.vendor} answers"


def queue(loaded: Loaded) -> str:
    configured, url = message_queue(loaded), queue_address(loaded)
    hint = "start the fleet with `bklog up`" if configured.socket else "see BKLOG_MQ_… in docs/settings.md"
    options = dict(configured.transport_options)
    try:
        with Connection(configured.url, transport_options=options, connect_timeout=_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=_SECONDS)
    except (OperationalError, OSError) as problem:
        raise Unavailable(f"{url}: {_one_line(problem)}", hint=hint) from problem
    return f"{url} answers"


def queue_address(loaded: Loaded) -> str:
    configured = message_queue(loaded)
    return f"the embedded broker at {configured.socket}" if configured.socket else mask_url(configured.url)


def store(loaded: Loaded) -> str:
    """Every store: the lines of some collectors stand in another one than the main one."""
    return "; ".join(_ask_store(loaded, address) for address in store_addresses(loaded).values())


def _ask_store(loaded: Loaded, address: StoreAddress) -> str:
    hint = (
        "start the fleet with `bklog up`" if address.is_embedded else "see BKLOG_STORE_URL and BKLOG_STORES in docs/settings.md"
    )
    if address.is_embedded and not loaded.BKLOG_STORE_PORT:
        raise Unavailable("the embedded store does not run", hint=hint)
    try:
        _expect(address, "/ping")
        _expect(address, "/?query=SELECT%201", headers=_credentials(address))
    except urllib3.exceptions.HTTPError as problem:
        raise Unavailable(f"the store at {address.url} does not answer: {_one_line(problem)}", hint=hint) from problem
    return f"the store at {address.url} answers"


def stores(loaded: Loaded) -> str:
    return ", ".join(f"the store at {address.url}" for address in store_addresses(loaded).values())


def store_seconds(loaded: Loaded) -> float:
    """The store's clock, in seconds since 1970."""
    address = store_address(loaded)
    try:
        query = "/?query=SELECT%20toUnixTimestamp64Milli(now64(3))"
        return int(_expect(address, query, headers=_credentials(address))) / 1000
    except urllib3.exceptions.HTTPError as problem:
        raise Unavailable(f"the store at {address.url} does not tell the time", hint="see the part `store`") from problem


def ingest(loaded: Loaded) -> str:
    url = ingest_url(loaded)
    if not loaded.BKLOG_INGEST_PORT:
        raise Unavailable("ingest does not run", hint="start the fleet with `bklog up`")
    try:
        answer = _HTTP.request("GET", f"{url}/healthz")
    except urllib3.exceptions.HTTPError as problem:
        raise Unavailable(f"ingest at {url} does not answer: {_one_line(problem)}", hint="`bklog logs ingest`") from problem
    if answer.status != 200:
        raise Unavailable(f"ingest at {url} answers {answer.status}: {_text(answer.data)}", hint="`bklog logs ingest`")
    return f"ingest at {url} answers"


def disk(loaded: Loaded) -> str:
    home = loaded.home
    folder = next(folder for folder in (home, *home.parents) if folder.exists())
    space = shutil.disk_usage(folder)
    words = f"{space.free / 2**30:.1f} GiB ({space.free / space.total:.0%}) free under {folder}"
    if space.free < max(_LEAST_FREE_BYTES, space.total * _LEAST_FREE_SHARE):
        raise Unavailable(f"only {words}", hint="free some, or lower BKLOG_RETENTION_DAYS", code="disk_full")
    return words


def _expect(address: StoreAddress, path: str, *, headers: Mapping[str, str] | None = None) -> bytes:
    answer = _HTTP.request("GET", address.url + path, headers=dict(headers or {}))
    if answer.status != 200:
        raise Unavailable(
            f"the store at {address.url} answers {answer.status}: {_text(answer.data)}",
            hint="is the password right? see BKLOG_STORE_… in docs/settings.md",
        )
    return answer.data


def _credentials(address: StoreAddress) -> dict[str, str]:
    password = {"X-ClickHouse-Key": address.password} if address.password else {}
    return {"X-ClickHouse-User": address.user, **password}


def _text(body: bytes) -> str:
    return " ".join(body[:300].decode(errors="replace").split())


def _one_line(problem: BaseException) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__
