from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loki.site import LokiSite
from tests.search.lines import LOGHUB


@pytest.fixture(scope="session")
def site() -> Iterator[LokiSite]:
    if not LOGHUB.is_dir():
        pytest.skip(f"{LOGHUB} is not there: these tests need real log lines")
    site = LokiSite()
    yield site
    site.close()
