"""Tests side by side (`-n`): which of them stay together, in one process and in their order, because they share a server.

A group is a module; where its tests stand for several servers, the module with one of them; where the modules of a folder
share one fleet, the folder. The `loadgroup` of pytest-xdist would take that from marks, which pytest 9.2 keeps from it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

_OF_ONE_FLEET: Final = ("tests/clientlog", "tests/main_job")
_SERVER: Final = re.compile(r"\[(?:valkey|rabbitmq|mysql|postgresql)\]$")


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    module, _, test = nodeid.partition("::")
    folder = module.rpartition("/")[0]
    server = _SERVER.search(test)
    return folder if folder in _OF_ONE_FLEET else module + (server[0] if server else "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Scheduling(config, log)
