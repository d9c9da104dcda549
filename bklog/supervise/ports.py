"""Settings and what the last start chose → the ports of this start, which `run/fleet.json` keeps for the commands.

A port that is set is taken or refused; one that is 0 keeps its former number where that is still free, so that senders
find a restarted fleet where it was.
"""

from __future__ import annotations

import errno
import json
import socket
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from bklog.errors import ConfigError, Conflict
from bklog.supervise import processes
from config.environ import Loaded

# Below the range from which the kernel gives ports to outgoing connections (32768 on), which could take ours in a restart.
_LOWEST: Final = 20000
_HIGHEST: Final = 32000
_CHOSEN: Final = (("BKLOG_STORE_PORT", "BKLOG_STORE_HOST"), ("BKLOG_INGEST_PORT", "BKLOG_INGEST_HOST"))


def choose(loaded: Loaded, former: Mapping[str, int]) -> dict[str, int]:
    """`loaded` without what a former start chose. Raises Conflict where a port that is set is in use."""
    require_free(loaded.BKLOG_BIND_HOST, loaded.BKLOG_PORT, setting="BKLOG_PORT")
    ports: dict[str, int] = {"BKLOG_PORT": loaded.BKLOG_PORT}
    for name, host in _CHOSEN:
        wanted: int = loaded[name]
        if wanted:
            require_free(loaded[host], wanted, setting=name)
        ports[name] = wanted or _free_port(loaded[host], former.get(name, 0), taken=ports.values(), home=loaded.home)
    return ports


def read(file: Path) -> dict[str, int]:
    """What the last start chose; nothing before the first."""
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def write(file: Path, ports: Mapping[str, int]) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(ports, indent=2) + "\n")
    draft.replace(file)


def require_free(host: str, port: int, *, setting: str) -> None:
    number = _bind_error(host, port)
    if number == errno.EADDRINUSE:
        raise Conflict(
            f"port {port} is in use by {processes.holder_of(port)}",
            hint=f"stop it, or set {setting} to another port",
            code="port_in_use",
        )
    if number:
        raise ConfigError(
            f"port {port} on {host or 'every address'} cannot be listened on: {errno.errorcode[number]}",
            hint=f"set {setting} to another port, above 1023 if you are not root",
            code="port_refused",
        )


def _free_port(host: str, former: int, *, taken: Collection[int], home: Path) -> int:
    # Fleets begin to look at different places, so that two that start at once do not meet.
    start = zlib.crc32(str(home).encode()) % (_HIGHEST - _LOWEST)
    around = (_LOWEST + (start + step) % (_HIGHEST - _LOWEST) for step in range(_HIGHEST - _LOWEST))
    for port in [former, *around] if former else around:
        if port not in taken and not _bind_error(host, port):
            return port
    raise Conflict(f"no port from {_LOWEST} to {_HIGHEST} is free", hint="set BKLOG_STORE_PORT and BKLOG_INGEST_PORT")


def _bind_error(host: str, port: int) -> int:
    """0 where one could listen. As servers do, a port of which only ended connections are left counts as free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem.errno or errno.EINVAL
    return 0
