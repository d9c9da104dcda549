"""Real servers for tests, each in a temporary folder on a free loopback port, ended when the test is over.

Databases refuse to run as root: then they run as `nobody`, who owns their folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require(program: str | Path) -> str:
    found = shutil.which(str(program), path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@contextmanager
def folder() -> Iterator[Path]:
    """Short and open to `nobody` on the way down, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory(prefix="bklog-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        yield path


def unprivileged() -> dict[str, str | int | list[int]]:
    """Arguments of `subprocess` for a program that refuses root."""
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}


def run(arguments: Sequence[str | Path], *, where: Path) -> None:
    done = subprocess.run(
        [str(one) for one in arguments],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        **unprivileged(),  # type: ignore[call-overload]  # of the dictionary's values mypy sees only the union
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def server(arguments: Sequence[str | Path], port: int, *, where: Path) -> Iterator[None]:
    process = begin(arguments, port, where=where)
    try:
        yield
    finally:
        end(process)


def begin(arguments: Sequence[str | Path], port: int, *, where: Path) -> subprocess.Popen[bytes]:
    """Returns when it listens."""
    with (where / "server.log").open("ab") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(one) for one in arguments],
            cwd=where,
            stdout=log,
            stderr=log,
            **unprivileged(),  # type: ignore[call-overload]  # as above
        )
    try:
        wait_for(lambda: accepts(port), process, where / "server.log")
    except BaseException:
        end(process)
        raise
    return process


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    process.send_signal(number)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not holds():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{process.args!r} does not start: {log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


@contextmanager
def redis(*more: str) -> Iterator[str]:
    program = require("redis-server")
    with folder() as where:
        port = free_port()
        arguments: list[str | Path] = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", where, *more]
        with server(arguments, port, where=where):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def sentinel(master_port: int) -> Iterator[str]:
    program = require("redis-server")
    with folder() as where:
        port, configuration = free_port(), where / "sentinel.conf"
        configuration.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {master_port} 1\n")
        configuration.chmod(0o666)
        with server([program, configuration, "--sentinel"], port, where=where):
            yield f"sentinel://127.0.0.1:{port}/0"
