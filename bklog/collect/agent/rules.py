"""The inputs of a fleet's own agent that the platform adds and removes: agent.json → agent.json, whole at every moment.

AgentRule + collector ─▶ input under the name of the collector's table, which is never used twice: the agent's checkpoints
go by it, so that a collector that is made anew under an old name begins anew with its files. The rest of the file is the
operator's and stays as it is. The agent sees the change by itself (see `config.ConfigWatch`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bklog.collect.agent.config import START_PLACES, parse_config
from bklog.collect.files import write_whole
from bklog.collect.sender import FORMATS
from bklog.errors import BadRequest, ConfigError

KNOWN: Final = ("paths", "exclude", "format", "from")
MOST_PATTERNS: Final = 50
MOST_CHARACTERS: Final = 500
_SOME_ENDPOINT: Final = "http://127.0.0.1"  # for the check of a configuration that goes to the fleet
Inputs = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AgentRule:
    """Which files the agent is to follow for a collector. Raises BadRequest (`agent_rule`)."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    format: str = "lines"
    start: str = "beginning"

    def __post_init__(self) -> None:
        for name, patterns in (("paths", self.paths), ("exclude", self.exclude)):
            if len(patterns) > MOST_PATTERNS or not all(map(_is_pattern, patterns)):
                raise _refuse(name, f"a list of at most {MOST_PATTERNS} globs of at most {MOST_CHARACTERS} characters")
        if not self.paths or not all(pattern.startswith("/") and ".." not in Path(pattern).parts for pattern in self.paths):
            raise _refuse("paths", "a list of globs that begin with / and have no ..")
        if self.format not in FORMATS:
            raise _refuse("format", f"one of: {', '.join(FORMATS)}")
        if self.start not in START_PLACES:
            raise _refuse("from", f"one of: {', '.join(START_PLACES)}")

    @classmethod
    def from_dict(cls, raw: object) -> AgentRule:
        if not isinstance(raw, Mapping):
            raise _refuse("agent", "an object with paths")
        if unknown := sorted(set(raw) - set(KNOWN)):
            raise BadRequest(
                f"agent has the unknown field {unknown[0]!r}", hint=f"known: {', '.join(KNOWN)}", code="agent_rule"
            )
        paths, exclude = _patterns(raw, "paths"), _patterns(raw, "exclude")
        return cls(paths, exclude, raw.get("format", "lines"), raw.get("from", "beginning"))

    def require_below(self, folders: Sequence[str]) -> None:
        """Raises BadRequest where a path leads elsewhere: what the agent reads, whoever may search can read."""
        for pattern in self.paths:
            if not any(Path(pattern).is_relative_to(folder) and Path(pattern) != Path(folder) for folder in folders):
                hint = f"possible: below {', '.join(folders) or 'nothing'}; BKLOG_AGENT_FOLDERS says so"
                raise BadRequest(f"the agent may not follow {pattern}", hint=hint, code="agent_path")

    def as_dict(self) -> dict[str, Any]:
        """What `from_dict` takes, and what an input says beside its name and collector."""
        return {"paths": list(self.paths), "exclude": list(self.exclude), "format": self.format, "from": self.start}


def add_input(file: Path, item: Mapping[str, Any], *, home: Path) -> None:
    """Also replaces the one of the same name. Raises ConfigError for a file that is missing, or wrong already."""
    _rewrite(file, lambda inputs: [*_others(inputs, item["name"]), dict(item)], home=home)


def remove_input(file: Path, name: str, *, home: Path) -> bool:
    """Whether it was there."""
    return file.exists() and _rewrite(file, lambda inputs: _others(inputs, name), home=home)


def _others(inputs: Inputs, name: str) -> Inputs:
    return [item for item in inputs if item["name"] != name]


def _rewrite(file: Path, turn: Callable[[Inputs], Inputs], *, home: Path) -> bool:
    if not file.is_file():
        hint = "`bklog up` writes it; or leave `agent` out, and send the lines from elsewhere"
        raise ConfigError(f"there is no agent here: {file} is missing", hint=hint, code="agent_config")
    real = file.resolve()  # a link of the operator's stays one
    with _alone_in(real.parent):
        before = _read(real, home)
        after = {**before, "inputs": turn(before["inputs"])}
        if after == before:
            return False
        _check(after, real, home)
        _write(real, json.dumps(after, indent=2, ensure_ascii=False) + "\n")
        return True


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text, mode=file.stat().st_mode & 0o777)
    except OSError as error:
        hint = "let the workers write there, or leave `agent` out and configure the agent by hand"
        raise ConfigError(f"{file} cannot be written: {error.strerror}", hint=hint, code="agent_config") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Other workers of this machine wait; an operator's editor does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(file: Path, home: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}", hint="mend it, then retry", code="agent_config") from error
    _check(found, file, home)
    return dict(found)


def _check(found: object, file: Path, home: Path) -> None:
    try:
        parse_config(found, folder=file.parent, home=home, fleet_endpoint=lambda: _SOME_ENDPOINT)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error.message}", hint=error.hint, code="agent_config") from error


def _is_pattern(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= MOST_CHARACTERS and text.isprintable()


def _patterns(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = raw.get(name, [])
    if not isinstance(given, list):
        raise _refuse(name, "a list of globs")
    return tuple(given)


def _refuse(name: str, valid: str) -> BadRequest:
    return BadRequest(f"{name} of the agent's rule cannot be used", hint=f"{name} is {valid}", code="agent_rule")
