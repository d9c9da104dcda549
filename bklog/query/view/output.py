"""View: a checked statement as an output of a Plan."""

from __future__ import annotations

from dataclasses import dataclass

from bklog.query.view.check import Checked


@dataclass(frozen=True, slots=True)
class View:
    checked: Checked
    limit: int
