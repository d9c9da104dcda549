"""Bodies: what is whole is given back as it was, what is damaged, cut short or too large is refused."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import lz4.frame
import pytest
from backports import zstd

from bklog.errors import BadRequest, TooLarge
from bklog.ingest.body import decompress, read_limited, require_known_encoding

TEXT = b"".join(b"line %d of a log that repeats itself\n" % number for number in range(5000))
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_compressed_body_comes_back_whole(encoding: str) -> None:
    assert decompress(COMPRESSORS[encoding](TEXT), encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4"])
def test_frames_behind_each_other_are_one_body(encoding: str) -> None:
    compress = COMPRESSORS[encoding]
    assert decompress(compress(TEXT[:1000]) + compress(TEXT[1000:]), encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", COMPRESSORS)
@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_body_that_is_cut_short_is_refused(encoding: str, cut: int) -> None:
    with pytest.raises(BadRequest) as refused:
        decompress(COMPRESSORS[encoding](TEXT)[:-cut], encoding, 2 * len(TEXT))
    assert refused.value.stable_code == "broken_body"


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_bytes_of_another_format_are_refused(encoding: str) -> None:
    with pytest.raises(BadRequest) as refused:
        decompress(TEXT, encoding, 2 * len(TEXT))
    assert refused.value.stable_code == "broken_body"


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_bomb_is_refused_at_the_limit(encoding: str) -> None:
    bomb = COMPRESSORS[encoding](b"\0" * 50_000_000)
    with pytest.raises(TooLarge) as refused:
        decompress(bomb, encoding, 1_000_000)
    assert refused.value.as_dict()["error"]["limit_bytes"] == 1_000_000


@pytest.mark.parametrize(
    ("given", "name"), [("", ""), ("identity", ""), ("GZIP", "gzip"), ("x-gzip", "gzip"), (" zstd ", "zstd")]
)
def test_encodings_are_named_in_any_case(given: str, name: str) -> None:
    assert require_known_encoding(given) == name


def test_an_unknown_encoding_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadRequest, match="'br'") as refused:
        require_known_encoding("br")
    assert "zstd" in refused.value.hint


def test_reading_stops_as_soon_as_the_body_is_over_the_limit() -> None:
    given: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(100):
            given.append(number)
            yield b"x" * 10

    with pytest.raises(TooLarge):
        asyncio.run(read_limited(chunks(), 45))
    assert given == [0, 1, 2, 3, 4]
