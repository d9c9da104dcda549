"""A Valkey for the lines and marks of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bklog.queues import cell
from tests.brokers import Broker, valkey


@contextmanager
def at_broker() -> Iterator[Broker]:
    with valkey() as broker, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELERY_BROKER_WRITE_URL", broker.url)
        cell._client.cache_clear()
        assert cell.Cell("probe").read()[0] == ""
        yield broker
    cell._client.cache_clear()
