from __future__ import annotations

import json
from typing import Any

import pytest

from bklog.collect.sender import (
    Batch,
    BodyTooLarge,
    Receipt,
    Source,
    open_sender,
    parse_endpoint,
    percent_encode,
    read_answer,
)
from bklog.errors import BadRequest, BklogError, ConfigError, Forbidden, NotFound, Overloaded, Unauthorised, Unavailable
from tests.endpoint import TOKEN, receipt, serve


def refusal(**fields: Any) -> bytes:
    return json.dumps({"error": {"code": "some_code", "message": "some words", "hint": "some hint", **fields}}).encode()


def test_a_receipt_is_read() -> None:
    assert read_answer(200, "", json.dumps(receipt(5, duplicate=1, rejected=2)).encode()) == Receipt(
        received=5, stored=2, duplicate=1, rejected=2, rejected_by_reason={"line_too_long": 2}, marked={}
    )


@pytest.mark.parametrize(
    ("status", "retry_after", "kind", "seconds"),
    [
        pytest.param(400, "", BadRequest, None, id="bad request"),
        pytest.param(401, "", Unauthorised, None, id="wrong token"),
        pytest.param(403, "", Forbidden, None, id="forbidden"),
        pytest.param(404, "", NotFound, None, id="not there"),
        pytest.param(408, "", Unavailable, 1, id="slow request"),
        pytest.param(429, "7", Overloaded, 7, id="overloaded"),
        pytest.param(429, "soon", Overloaded, 1, id="overloaded, no number"),
        pytest.param(500, "", Unavailable, 1, id="broken"),
        pytest.param(502, "", Unavailable, 1, id="gateway without server"),
        pytest.param(503, "3", Unavailable, 3, id="unavailable"),
        pytest.param(302, "", BadRequest, None, id="redirect"),
    ],
)
def test_a_refusal_says_whether_it_passes(status: int, retry_after: str, kind: type[BklogError], seconds: int | None) -> None:
    with pytest.raises(kind, match=f"answered {status}: some words") as caught:
        read_answer(status, retry_after, refusal())
    assert caught.value.stable_code == "some_code"
    assert caught.value.hint == "some hint"
    assert getattr(caught.value, "retry_after_seconds", None) == seconds


def test_a_body_over_the_limit_says_the_limit() -> None:
    with pytest.raises(BodyTooLarge) as caught:
        read_answer(413, "", refusal(limit_bytes=1000))
    assert caught.value.limit_bytes == 1000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>welcome to the hotel", id="captive portal"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no counts"),
        pytest.param(json.dumps({**receipt(5), "stored": 4}).encode(), id="does not add up"),
    ],
)
def test_what_is_no_receipt_does_not_count_as_stored(body: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        read_answer(200, "", body)
    assert caught.value.stable_code == "no_receipt"


@pytest.mark.parametrize("endpoint", ["", "localhost:80", "ftp://host", "http://", "http://host?x=1", "http://ho st"])
def test_an_endpoint_is_a_web_address(endpoint: str) -> None:
    with pytest.raises(ConfigError):
        parse_endpoint(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "compression", "compresses"),
    [
        ("http://127.0.0.1:1", "auto", False),
        ("http://[::1]:1", "auto", False),
        ("http://localhost:1", "auto", False),
        ("https://logs.example.com", "auto", True),
        ("http://127.0.0.1:1", "zstd", True),
        ("https://logs.example.com", "none", False),
    ],
)
def test_compression_is_for_what_leaves_the_machine(endpoint: str, compression: str, *, compresses: bool) -> None:
    assert open_sender(endpoint, parallel=1, compression=compression).compress is compresses


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("/var/log/app.log", "/var/log/app.log"),
        ("/日志/a b.log", "/%E6%97%A5%E5%BF%97/a%20b.log"),
        ("/bad\udcff", "/bad%EF%BF%BD"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
    ],
)
def test_a_source_is_percent_encoded(text: str, encoded: str) -> None:
    assert percent_encode(text) == encoded


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_batch_arrives_as_it_was_and_again_as_a_duplicate(compression: str) -> None:
    with serve() as endpoint:
        sender = open_sender(endpoint.url, parallel=1, compression=compression)
        batch = Batch(b"one\ntwo", "a-key", "lines", TOKEN, Source("ho st", "/日志/app.log", "stdout"))
        assert sender.send(batch).stored == 2
        assert sender.send(batch).duplicate == 2
        kept = endpoint.kept["a-key"]
    assert (kept.body, kept.host, kept.path, kept.stream) == (b"one\ntwo", "ho st", "/日志/app.log", "stdout")


def test_nobody_there_is_unavailable() -> None:
    with serve() as endpoint:
        sender = open_sender(endpoint.url, parallel=1)
    with pytest.raises(Unavailable, match="does not answer"):
        sender.send(Batch(b"one\n", "a-key", "lines", TOKEN, Source("host", "path")))
