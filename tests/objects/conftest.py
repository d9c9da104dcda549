"""One real S3-compatible server for the tests of objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bklog.objects import ObjectStore
from bklog.records import BucketAddress
from tests.object_server import object_server


@pytest.fixture(scope="package")
def bucket() -> Iterator[BucketAddress]:
    with object_server() as address:
        yield address


@pytest.fixture
def objects(bucket: BucketAddress) -> ObjectStore:
    return ObjectStore(bucket)
