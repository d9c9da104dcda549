"""Objects: files in an S3-compatible storage, written and read as streams of bytes."""

from bklog.objects.store import ObjectInfo, ObjectStore

__all__ = ["ObjectInfo", "ObjectStore"]
