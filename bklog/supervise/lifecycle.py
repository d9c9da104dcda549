"""`bklog up` and `bklog down`: variables → settings → a fleet that runs, or one sentence why not and nothing left of it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from bklog.supervise import fleet as steps
from bklog.supervise import ports, processes
from bklog.supervise.fleet import Say
from bklog.supervise.home import Home, home_of, locked, prepare
from bklog.supervise.programs import Fleet, fleet_of
from bklog.supervise.rpc import Supervisor
from config.environ import Loaded, load
from config.secrets import ensure_secret_key

Describe = Callable[[Loaded], Fleet]


def up(environ: Mapping[str, str], *, say: Say, describe: Describe = fleet_of) -> Fleet:
    """Returns when every program is ready. A fleet that runs already is left as it is, and what it lacks is started."""
    home = home_of(load(environ, with_fleet=False))
    prepare(home)
    with locked(home):
        return _up(environ, home, say=say, describe=describe)[0]


def up_in_foreground(environ: Mapping[str, str], *, say: Say, describe: Describe = fleet_of) -> int:
    """Stays until the supervisor ends or a signal asks for it; the exit code is the supervisor's."""
    home = home_of(load(environ, with_fleet=False))
    prepare(home)
    with locked(home):
        fleet, supervisor = _up(environ, home, say=say, describe=describe, foreground=True)
    if supervisor is None:
        return 0
    with _shut_down_on_signal(home):
        say(f"the fleet runs at {fleet.url}; ^C stops it")  # who reads this may stop it from now on
        code = supervisor.wait()
    steps.stop(home, say=say)
    say("the fleet is stopped")
    return code


def down(environ: Mapping[str, str], *, say: Say) -> bool:
    """False where nothing ran."""
    home = home_of(load(environ))
    if not home.run.is_dir():
        return False
    with locked(home):
        return steps.stop(home, say=say)


def _up(
    environ: Mapping[str, str], home: Home, *, say: Say, describe: Describe, foreground: bool = False
) -> tuple[Fleet, subprocess.Popen[bytes] | None]:
    if steps.is_up(home):
        return _complete(environ, say=say, describe=describe), None
    _sweep(home, say=say)
    shutil.rmtree(home.metrics, ignore_errors=True)  # of the last life: a counter starts at zero with its fleet
    fleet = describe(_settle(environ, home))
    for step in fleet.before:
        steps.run_step(fleet, step)
    with _all_or_nothing(home, say=say):
        supervisor = steps.start_supervisor(fleet, foreground=foreground)
        steps.start_programs(fleet, say=say)
    return fleet, supervisor


def _complete(environ: Mapping[str, str], *, say: Say, describe: Describe) -> Fleet:
    running = load(environ)
    fleet = describe(running)
    former = ports.read(fleet.home.fleet_file).get("BKLOG_PORT", running.BKLOG_PORT)
    steps.require_same_port(fleet, wanted=running.BKLOG_PORT, running=former)
    say(f"the fleet runs already at {fleet.url}")
    steps.start_programs(fleet, say=lambda _: None)
    return fleet


def _settle(environ: Mapping[str, str], home: Home) -> Loaded:
    """The secrets and ports of this start, kept where every program and command of this home finds them."""
    wanted = load(environ, with_fleet=False)
    if not wanted.BKLOG_SECRET_KEY:
        ensure_secret_key(home.root)
    ports.write(home.fleet_file, ports.choose(wanted, ports.read(home.fleet_file)))
    return load(environ)


def _sweep(home: Home, *, say: Say) -> None:
    """A supervisor that was killed took its programs along; the last of them may still be saving what they hold."""
    if processes.of_fleet(home.root):
        say("waiting for the programs of a fleet that was killed")
        processes.end(processes.of_fleet(home.root), seconds=steps.STOP_SECONDS / 4)


@contextmanager
def _all_or_nothing(home: Home, *, say: Say) -> Iterator[None]:
    try:
        yield
    except BaseException:  # also ^C: half a fleet must not stay behind
        say("stopping what was started")
        steps.stop(home, say=say)
        raise


@contextmanager
def _shut_down_on_signal(home: Home) -> Iterator[None]:
    def ask(_number: int, _frame: FrameType | None) -> None:
        Supervisor(home.socket).shut_down()

    former = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
