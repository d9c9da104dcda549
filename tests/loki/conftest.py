from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loki.site import Site
from tests.search.lines import LOGHUB


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    if not LOGHUB.is_dir():
        pytest.skip(f"{LOGHUB} is not there: these tests need real log lines")
    site = Site()
    yield site
    site.close()
