"""A fleet that takes client logs from a real object storage and from an HTTP server of ours on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bklog.objects import ObjectStore
from bklog.records import BucketAddress
from tests.clientlog.files import FileServer
from tests.object_server import KEY_ID, SECRET, object_server
from tests.running_fleet import RunningFleet


@pytest.fixture(scope="package")
def bucket() -> Iterator[BucketAddress]:
    with object_server() as address:
        yield address


@pytest.fixture(scope="package")
def objects(bucket: BucketAddress) -> ObjectStore:
    return ObjectStore(bucket)


@pytest.fixture(scope="package")
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory, bucket: BucketAddress, files: FileServer) -> Iterator[RunningFleet]:
    settings = {
        "BKLOG_PROFILE": "small",
        "BKLOG_S3_ENDPOINT": bucket.endpoint,
        "BKLOG_S3_BUCKET": bucket.bucket,
        "BKLOG_S3_KEY_ID": KEY_ID,
        "BKLOG_S3_SECRET": SECRET,
        "BKLOG_CLIENTLOG_ALLOWED_HOSTS": files.host,
        "BKLOG_CLIENTLOG_PULL_URL": f"{files.url}/tasks",
        "BKLOG_CLIENTLOG_PULL_TOKEN": "pull-token",
        "BKLOG_CLIENTLOG_REPORT_URL": f"{files.url}/reports",
        "BKLOG_CLIENTLOG_UNPACK_FILES": "500",
    }
    with RunningFleet(tmp_path_factory.mktemp("fleet"), **settings) as running:
        yield running
