"""Loaded → BucketAddress: the S3-compatible storage, if there is one."""

from __future__ import annotations

from urllib.parse import urlsplit

from bklog.errors import ConfigError
from bklog.records import BucketAddress
from config.environ import Loaded


def bucket_address(loaded: Loaded) -> BucketAddress:
    for name in ("BKLOG_S3_ENDPOINT", "BKLOG_S3_PUBLIC_ENDPOINT"):
        _require_endpoint(name, getattr(loaded, name))
    return BucketAddress(
        endpoint=loaded.BKLOG_S3_ENDPOINT.rstrip("/"),
        bucket=loaded.BKLOG_S3_BUCKET,
        key_id=loaded.BKLOG_S3_KEY_ID,
        secret=loaded.BKLOG_S3_SECRET,
        region=loaded.BKLOG_S3_REGION,
        public_endpoint=loaded.BKLOG_S3_PUBLIC_ENDPOINT.rstrip("/"),
        path_style=loaded.BKLOG_S3_PATH_STYLE,
        answer_seconds=loaded.BKLOG_S3_ANSWER_SECONDS,
        retry_seconds=loaded.BKLOG_S3_RETRY_SECONDS,
    )


def _require_endpoint(name: str, url: str) -> None:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query):
        raise ConfigError(f"{name} is no address", hint="for example https://s3.example.com or http://10.0.0.5:9000")
    if parts.password:
        raise ConfigError(f"{name} holds a password", hint="give it as BKLOG_S3_KEY_ID and BKLOG_S3_SECRET")
