"""The supervisor's XML-RPC over its unix socket: state of the programs, start, shut down."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from bklog.errors import Unavailable

_ANSWER_SECONDS: Final = 15.0  # the supervisor answers in one thread, also while it starts and stops programs
_FAILURES: Final = (OSError, http.client.HTTPException, xmlrpc.client.Error)


@dataclass(frozen=True, slots=True)
class ProgramInfo:
    """As the supervisor knows a program; `description` says why one does not run."""

    name: str
    state: str
    pid: int | None
    uptime_seconds: int
    description: str


class Supervisor:
    def __init__(self, path: Path) -> None:
        self._proxy = xmlrpc.client.ServerProxy("http://supervisor", transport=_UnixTransport(path))

    def answers(self) -> bool:
        try:
            self._proxy.supervisor.getPID()
        except _FAILURES:
            return False
        return True

    def pid(self) -> int:
        return int(str(self._call("getPID")))

    def programs(self) -> list[ProgramInfo]:
        return [_info(raw) for raw in self._call("getAllProcessInfo")]

    def program(self, name: str) -> ProgramInfo:
        return _info(self._call("getProcessInfo", name))

    def start(self, name: str) -> None:
        """Returns at once; whether it then runs, `program` tells."""
        self._call("startProcess", name, False)

    def tiers(self) -> list[list[str]]:
        """Names of the programs, those of one priority together, top-down. The event listener is not among them."""
        found = sorted((-raw["group_prio"], raw["name"]) for raw in self._call("getAllConfigInfo") if raw["group_prio"] > 1)
        return [[name for _, name in tier] for _, tier in groupby(found, key=itemgetter(0))]

    def ask_to_stop(self, name: str) -> None:
        """Returns at once, also where the program does not run."""
        self._call("stopProcessGroup", name, False)

    def forget(self, name: str) -> None:
        """A stopped program: at a shutdown the supervisor spends up to a second on each that it knows."""
        self._call("removeProcessGroup", name)

    def shut_down(self) -> None:
        self._call("shutdown")

    def _call(self, method: str, *arguments: Any) -> Any:  # what XML-RPC returns has no static type
        try:
            return getattr(self._proxy.supervisor, method)(*arguments)
        except _FAILURES as problem:
            raise Unavailable(f"the supervisor did not do {method}: {problem}", hint="look with `bklog status`") from problem


def _info(raw: dict[str, Any]) -> ProgramInfo:
    runs = raw["pid"] != 0
    uptime_seconds = max(0, raw["now"] - raw["start"]) if runs else 0
    reason = raw["spawnerr"] or raw["description"]
    return ProgramInfo(raw["name"], raw["statename"], raw["pid"] or None, uptime_seconds, "" if runs else reason)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=_ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    """One connection a call: the commands ask seldom, and the supervisor may be another one by the next call."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = (host, connection)
        return connection

    def request(self, *arguments: Any, **named: Any) -> Any:  # as the class above declares it
        try:
            return super().request(*arguments, **named)
        finally:
            self.close()
