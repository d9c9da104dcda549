"""What waits in the queues of the fleet's workers. Imports Celery, so the commands that do not ask do not pay for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bklog.queues.broker import QueueState, queue_states
from bklog.supervise.programs import Program


def read_queues(programs: Iterable[Program]) -> Mapping[str, QueueState]:
    """Needs Django's settings. Raises Unavailable where the broker does not answer."""
    names = sorted({name for program in programs for name in program.queues})
    return {state.name: state for state in queue_states(names)} if names else {}
