"""One platform and one browser for all that is tried on the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.page.desk import CHROMIUM, FAR, FLAGS, WAIT_MS, Operator, Platform
from tests.running_fleet import RunningFleet
from tests.store.conftest import end, start

expect.set_options(timeout=WAIT_MS)  # the machine is shared: what is waited for is waited for


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """With a second store, to which collectors can be moved; a rule is taken back once the table of before is gone."""
    far = start(tmp_path_factory.mktemp("far") / "data")
    more = {"BKLOG_STORES": f"{FAR}=clickhouse://127.0.0.1:{far.port}/bklog", "BKLOG_REPLACED_KEEP_SECONDS": "60"}
    try:
        with RunningFleet(tmp_path_factory.mktemp("page"), BKLOG_PROFILE="small", **more) as fleet:
            yield Platform(fleet)
    finally:
        end(far)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="package")
def ann(browser: Browser, platform: Platform) -> Iterator[Operator]:
    with Operator.signed_in(browser, platform) as operator:
        yield operator
