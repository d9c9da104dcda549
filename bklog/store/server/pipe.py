"""Pipe: the engine writes an answer at one end, the event loop reads at the other, no faster than its client takes it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import suppress
from typing import Final

SIZE_BYTES: Final = 1024 * 1024
READ_BYTES: Final = 512 * 1024


class Pipe:
    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        # Fewer changes between threads; where the system's limit for pipes is used up, the usual size works too.
        with suppress(PermissionError):
            fcntl.fcntl(self._reading, fcntl.F_SETPIPE_SZ, SIZE_BYTES)

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self._writing}"

    async def read(self) -> bytes:
        """Empty at the end: when the engine and `close_writing` have closed their ends."""
        while True:
            try:
                return os.read(self._reading, READ_BYTES)
            except BlockingIOError:
                await self._readable()

    async def drain(self) -> None:
        """Throw away what still comes. Without a reader the engine would wait forever to open its end."""
        while await self.read():  # noqa: ASYNC110 - it waits for the pipe, not for time
            # A quick writer would hold the loop, and with it what is to stop the writer.
            await asyncio.sleep(0)

    def close_writing(self) -> None:
        os.close(self._writing)

    def close_reading(self) -> None:
        os.close(self._reading)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._reading, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._reading)
