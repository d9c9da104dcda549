"""Objects against a real S3-compatible server: what goes in comes out, and every failure is told."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import urllib3

from bklog.errors import BadRequest, ConfigError, Forbidden, NotFound, TooLarge, Unavailable
from bklog.objects import ObjectStore
from bklog.records import BucketAddress
from tests.servers import free_port

MANY_CHUNKS = 40  # of a MiB: more than three parts of 8 MiB at a time


def chunks(number: int) -> Iterator[bytes]:
    for place in range(number):
        yield hashlib.sha256(str(place).encode()).digest() * 32768


def test_an_object_of_several_parts_comes_back_as_it_was(objects: ObjectStore) -> None:
    info = objects.put("big/日志.bin", chunks(MANY_CHUNKS))
    assert info.size_bytes == MANY_CHUNKS << 20
    digest, largest = hashlib.sha256(), 0
    for chunk in objects.get("big/日志.bin", limit_bytes=1 << 30):
        digest.update(chunk)
        largest = max(largest, len(chunk))
    assert digest.digest() == hashlib.sha256(b"".join(chunks(MANY_CHUNKS))).digest()
    assert largest < 16 << 20
    assert objects.head("big/日志.bin") == info


def test_an_empty_object_is_an_object(objects: ObjectStore) -> None:
    assert objects.put("empty", []).size_bytes == 0
    assert list(objects.get("empty", limit_bytes=0)) == []


def test_what_the_chunks_raise_passes_through_and_leaves_no_object(objects: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield from chunks(20)
        raise BadRequest("the query ended early")

    with pytest.raises(BadRequest, match="ended early"):
        objects.put("half", broken())
    with pytest.raises(NotFound):
        objects.head("half")


def test_a_deleted_object_is_gone_and_may_be_deleted_again(objects: ObjectStore) -> None:
    objects.put("old", [b"x"])
    objects.delete("old")
    objects.delete("old")
    with pytest.raises(NotFound, match="the object old cannot be read: it is not there") as caught:
        objects.get("old", limit_bytes=10)
    assert caught.value.stable_code == "no_object"


def test_more_than_the_limit_is_not_read(objects: ObjectStore) -> None:
    objects.put("large", [b"x" * 101])
    with pytest.raises(TooLarge, match="more than 100 bytes"):
        objects.get("large", limit_bytes=100)
    assert b"".join(objects.get("large", limit_bytes=101)) == b"x" * 101


def test_a_signed_link_works_without_a_key_names_the_file_and_expires(objects: ObjectStore) -> None:
    objects.put("e/1", [b"a,b\n"], file_name="导出.csv", content_type="text/csv")
    link, short = (objects.presigned_url("e/1", seconds=seconds) for seconds in (60, 1))
    answer = urllib3.request("GET", link)
    assert (answer.status, answer.data, answer.headers["Content-Type"]) == (200, b"a,b\n", "text/csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E5%AF%BC%E5%87%BA.csv"
    assert urllib3.request("GET", link.partition("?")[0]).status == 403
    time.sleep(2.1)
    assert urllib3.request("GET", short, retries=False).status == 403


def test_a_link_is_made_for_the_address_that_users_reach(bucket: BucketAddress) -> None:
    public = replace(bucket, public_endpoint="https://files.example.com")
    assert ObjectStore(public).presigned_url("a/b", seconds=60).startswith("https://files.example.com/tests/a/b?")
    with pytest.raises(BadRequest, match="cannot be valid for 0 seconds"):
        ObjectStore(public).presigned_url("a/b", seconds=0)


def test_a_wrong_key_is_refused_and_not_shown(bucket: BucketAddress) -> None:
    with pytest.raises(Forbidden, match="refuses the access key") as caught:
        ObjectStore(replace(bucket, secret="wrong-secret")).head("x")
    with pytest.raises(Forbidden):
        ObjectStore(replace(bucket, secret="wrong-secret")).put("x", [b"x"])
    assert "wrong-secret" not in str(caught.value.as_dict()) + repr(bucket)


def test_an_impossible_key_is_the_callers_fault(objects: ObjectStore) -> None:
    for key in ("a//b", "a/../b"):
        with pytest.raises(BadRequest):
            objects.put(key, [b"x"])


def test_a_storage_that_does_not_answer_is_unavailable_in_bounded_time(bucket: BucketAddress) -> None:
    nobody = replace(bucket, endpoint=f"http://127.0.0.1:{free_port()}", answer_seconds=1, retry_seconds=1)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="the object x cannot be read: the storage does not answer"):
        ObjectStore(nobody).get("x", limit_bytes=1)
    with pytest.raises(Unavailable):
        ObjectStore(nobody).put("x", chunks(1))
    assert time.monotonic() - started < 20


def test_without_a_storage_the_settings_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        ObjectStore(BucketAddress("", "", "", ""))
    assert "BKLOG_S3_ENDPOINT" in caught.value.hint


MEMORY = """
import resource, sys
from bklog.objects import ObjectStore
from bklog.records import BucketAddress
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
store = ObjectStore(BucketAddress(sys.argv[1], "tests", "tests", "tests-secret"))
chunk = b"0123456789abcdef" * 65536
assert store.put("memory", (chunk for _ in range(200))).size_bytes == 200 << 20
assert sum(map(len, store.get("memory", limit_bytes=1 << 30))) == 200 << 20
print(peak() - before)
"""


def test_memory_stays_small_whatever_the_size(bucket: BucketAddress) -> None:
    """200 MiB there and back."""
    done = subprocess.run([sys.executable, "-c", MEMORY, bucket.endpoint], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 120, f"{done.stdout} MiB more"
