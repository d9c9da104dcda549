"""Questions that may hang → answers that are waited for as long as one likes.

A question runs in a daemon thread, which holds up neither the answer nor the end of the process. One that still waits is
not asked again: whoever asks meanwhile waits for the same answer, so that a hanging part does not gather threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

Answer = TypeVar("Answer")
_lock: Final = threading.Lock()
_running: Final[dict[Hashable, Future[Any]]] = {}


def start(key: Hashable, question: Callable[[], Answer]) -> Future[Answer]:
    """The same key is the same question. `result(seconds)` raises TimeoutError, or what the question raised."""
    with _lock:
        running = _running.get(key)
        if running is not None:
            return running
        answer: Future[Answer] = Future()
        _running[key] = answer
    threading.Thread(target=_ask, args=(key, question, answer), name=f"asking {key}", daemon=True).start()
    return answer


def _ask(key: Hashable, question: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        found = question()
    except BaseException as problem:  # noqa: BLE001 - whoever waits for the answer raises it
        _finish(key)
        answer.set_exception(problem)
    else:
        _finish(key)
        answer.set_result(found)


def _finish(key: Hashable) -> None:
    with _lock:
        del _running[key]
