"""Every pipeline that the workers know, by name: the one place where a new one is entered."""

from __future__ import annotations

from functools import cache

from bklog.pipeline.definition import Pipelines
from bklog.tasks.wiring import collectors, replacements


@cache
def all_pipelines() -> Pipelines:
    """Made when a step is first done, in the process that does it."""
    known = (collectors.onboarding(), collectors.deletion(), replacements.reclean(), replacements.move())
    return {pipeline.name: pipeline for pipeline in known}
