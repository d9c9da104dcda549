"""BucketAddress: what the settings `BKLOG_S3_*` say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """One bucket of an S3-compatible storage. `public_endpoint` is where users reach it; empty: where we do."""

    endpoint: str
    bucket: str
    key_id: str
    secret: str = field(repr=False)
    region: str = "us-east-1"
    public_endpoint: str = ""
    path_style: bool = True
    answer_seconds: float = 30.0
    retry_seconds: float = 30.0

    @property
    def is_set(self) -> bool:
        return bool(self.endpoint and self.bucket)

    def of_bucket(self, bucket: str) -> BucketAddress:
        """The same storage, another bucket; an empty name is this one."""
        return replace(self, bucket=bucket) if bucket else self
