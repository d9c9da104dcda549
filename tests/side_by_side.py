"""Tests side by side: with `-n … --dist loadgroup`, tests that share a server or a fleet stay in one process.

A group is a module, unless its tests say otherwise with `xdist_group`: the modules of a folder that share one fleet, or the
server that a parameter stands for. What is `alone` has no neighbour: it promises a time.
"""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    if not item.get_closest_marker("xdist_group"):
        item.add_marker(pytest.mark.xdist_group(item.location[0]))
