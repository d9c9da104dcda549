"""Steps of a start and of a stop: the supervisor, each program bottom-up until it is ready; backwards to the last process.

chosen ports → run/fleet.json → migrations → store → what follows it (`then`) → ingest, web, agent
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import urllib3

from bklog.errors import BklogError, ConfigError, Unavailable
from bklog.supervise import processes, status
from bklog.supervise.home import Home
from bklog.supervise.programs import Fleet, Program
from bklog.supervise.rpc import ProgramInfo, Supervisor
from bklog.supervise.tail import last_lines

Say = Callable[[str], None]

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 120.0  # more than the longest `stopwaitsecs` of all programs together
_POLL_SECONDS: Final = 0.1
_SAY_EVERY_SECONDS: Final = 5.0
_CRASHES: Final = 3  # a program that ended so often while it was waited for will not come up
_SHOWN_LINES: Final = 15
_PROBES: Final = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1.0, read=2.0))


class StartFailed(BklogError):
    code = "start_failed"


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait for a program: since when, until when, and how often it had crashed before."""

    began: float
    ends: float
    crashed_before: int


Waiting = tuple[Program, Wait]


def start_supervisor(fleet: Fleet, *, foreground: bool) -> subprocess.Popen[bytes] | None:
    """Returns when it answers; with `foreground` it is a child of this process, else a daemon."""
    daemon = _run_supervisor(fleet, foreground=foreground)
    supervisor = Supervisor(fleet.home.socket)
    end = time.monotonic() + 15
    while not supervisor.answers():
        if time.monotonic() > end or (daemon is not None and daemon.poll() is not None):
            raise StartFailed("the supervisor does not start", hint=_tail(fleet.home.supervisor_log))
        time.sleep(_POLL_SECONDS)
    return daemon


def _run_supervisor(fleet: Fleet, *, foreground: bool) -> subprocess.Popen[bytes] | None:
    command = [fleet.environ["FLEET_PYTHON"], "-m", "supervisor.supervisord", "-c", str(fleet.conf)]
    if foreground:
        # In a session of its own: ^C is for `up`, which then stops the programs in order.
        return subprocess.Popen([*command, "-n"], env=dict(fleet.environ), stdout=subprocess.DEVNULL, start_new_session=True)
    done = subprocess.run(command, env=dict(fleet.environ), capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise StartFailed("the supervisor does not start", hint=(done.stderr or done.stdout).strip()[-2000:])
    return None


def run_step(fleet: Fleet, arguments: Sequence[str]) -> None:
    """A step of the start, such as the migrations, in a process of its own. What it prints is for the user."""
    done = subprocess.run(
        [fleet.environ["FLEET_PYTHON"], *arguments],
        env=dict(fleet.environ),
        cwd=fleet.environ["FLEET_ROOT"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StartFailed(f"`python {' '.join(arguments)}` failed", hint="\n".join(done.stderr.splitlines()[-_SHOWN_LINES:]))


def start_programs(fleet: Fleet, *, say: Say, ready_seconds: float = READY_SECONDS) -> None:
    """Bottom-up. Those after a step start together, each is waited for. One that runs already is left alone."""
    supervisor = Supervisor(fleet.home.socket)
    _start(fleet, status.WATCH, supervisor, ready_seconds)
    waiting: list[Waiting] = []
    for program in fleet.programs:
        runs = supervisor.program(program.name).state == "RUNNING"
        waiting.append((program, _start(fleet, program, supervisor, ready_seconds)))
        if program.then and not runs:
            _wait_until(_answers, fleet, waiting[-1], supervisor, say)
            run_step(fleet, program.then)
    _wait_for_all(fleet, waiting, supervisor, say)


def _start(fleet: Fleet, program: Program, supervisor: Supervisor, ready_seconds: float) -> Wait:
    crashed = _crashed(fleet, program, supervisor)
    if supervisor.program(program.name).state not in ("RUNNING", "STARTING", "BACKOFF"):
        supervisor.start(program.name)
    now = time.monotonic()
    return Wait(now, now + ready_seconds, crashed)


def _crashed(fleet: Fleet, program: Program, supervisor: Supervisor) -> int:
    return status.read_record(fleet, supervisor.pid()).of(program.name).crashed


def _wait_for_all(fleet: Fleet, waiting: list[Waiting], supervisor: Supervisor, say: Say) -> None:
    for program, wait in waiting:
        _wait_until(_is_ready, fleet, (program, wait), supervisor, say)
        say(f"{program.name} is ready ({time.monotonic() - wait.began:.1f} s)")


def _wait_until(
    holds: Callable[[Program, ProgramInfo], bool], fleet: Fleet, waiting: Waiting, supervisor: Supervisor, say: Say
) -> None:
    (program, wait), next_word = waiting, time.monotonic() + _SAY_EVERY_SECONDS
    while not holds(program, info := supervisor.program(program.name)):
        now = time.monotonic()
        crashes = _crashed(fleet, program, supervisor) - wait.crashed_before
        if info.state == "FATAL" or crashes >= _CRASHES or now > wait.ends:
            raise _not_ready(fleet, program, info, crashes=crashes, seconds=now - wait.began)
        if now > next_word:
            say(f"waiting for {program.name}, which is {_words(program, info)}")
            next_word = now + _SAY_EVERY_SECONDS
        time.sleep(_POLL_SECONDS)


def _is_ready(program: Program, info: ProgramInfo) -> bool:
    return info.state == "RUNNING" and _answers(program, info)


def _answers(program: Program, info: ProgramInfo) -> bool:
    """It does its work already, though the supervisor may still wait whether it stays up."""
    if info.state not in ("STARTING", "RUNNING"):
        return False
    try:
        return not program.ready_url or _PROBES.request("GET", program.ready_url).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _words(program: Program, info: ProgramInfo) -> str:
    if info.state == "RUNNING":
        return f"running, but {program.ready_url} does not answer 200 yet"
    return f"{info.state.lower()} {info.description}".strip()


def _not_ready(fleet: Fleet, program: Program, info: ProgramInfo, *, crashes: int, seconds: float) -> StartFailed:
    ended = f"ended {crashes} times" if crashes > 1 else f"is {_words(program, info)}"
    return StartFailed(
        f"{program.name} did not become ready within {seconds:.0f} seconds: it {ended}",
        hint=_tail(fleet.home.log / f"{program.name}.log"),
        code="program_not_ready",
        fields={"program": program.name},
    )


def _tail(file: Path) -> str:
    return "\n".join([f"the end of {file}:", *last_lines(file, _SHOWN_LINES)])


def require_same_port(fleet: Fleet, *, wanted: int, running: int) -> None:
    if wanted != running:
        raise ConfigError(
            f"the fleet of {fleet.home.root} runs already, on port {running}, not {wanted}",
            hint="`bklog down` first, or set BKLOG_HOME to run a second fleet",
            code="fleet_runs",
        )


def is_up(home: Home) -> bool:
    return Supervisor(home.socket).answers()


def stop(home: Home, *, say: Say) -> bool:
    """False where nothing ran. Programs stop top-down, those of one tier at the same time: a worker may need its minute.

    What is left after that, or without a supervisor, is ended here.
    """
    found = processes.of_fleet(home.root)
    if not found:
        return False
    supervisor = Supervisor(home.socket)
    if supervisor.answers():
        _stop_tiers(supervisor)
        supervisor.shut_down()
        processes.wait_until_gone(home.root, seconds=STOP_SECONDS)
    left = processes.of_fleet(home.root)
    if left:
        say(f"ending {len(left)} processes that the supervisor left: {', '.join(str(one.pid) for one in left)}")
        processes.end(left, seconds=STOP_SECONDS / 4)
    _require_gone(home)
    return True


def _stop_tiers(supervisor: Supervisor) -> None:
    """The supervisor by itself would stop one program after the other."""
    end = time.monotonic() + STOP_SECONDS
    for tier in supervisor.tiers():
        for name in tier:
            supervisor.ask_to_stop(name)
        while (running := {one.name for one in supervisor.programs() if one.pid}) & {*tier} and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        for name in {*tier} - running:
            supervisor.forget(name)


def _require_gone(home: Home) -> None:
    left = processes.of_fleet(home.root)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise Unavailable(f"processes {pids} of the fleet do not end", hint="they wait for the kernel; see `ps` for why")
    home.pid_file.unlink(missing_ok=True)
