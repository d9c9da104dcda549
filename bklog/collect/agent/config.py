"""agent.json -> AgentConfig: checked whole before anything is followed; a key that is not known is refused.

OPTIONS and INPUT_OPTIONS are the tables that `docs/agent.md` prints; the classes below hold the values.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bklog.collect.sender import COMPRESSIONS, FORMATS, parse_endpoint
from bklog.collect.tokens import token_path
from bklog.errors import ConfigError

FLEET: Final = "fleet"
MIB: Final = 1024 * 1024
LARGEST_BATCH_BYTES: Final = 8 * MIB  # the server's limit for one body, uncompressed, is at least this
START_PLACES: Final = ("beginning", "end")


@dataclass(frozen=True, slots=True)
class Option:
    """One key: its type, its default (None: it must be given), its bounds or valid words, and its meaning."""

    name: str
    kind: type
    default: Any
    meaning: str
    lowest: float = 0
    highest: float = float("inf")
    words: tuple[str, ...] = ()


OPTIONS: Final = (
    Option("endpoint", str, None, "base URL of the ingest service, or `fleet` for the one of this machine's fleet"),
    Option("inputs", list, None, "what to follow, see below"),
    Option("host", str, "", "the host that the lines carry; empty: this machine's name"),
    Option("state_folder", str, "state", "where the checkpoints are kept; relative to the configuration file"),
    Option("batch_bytes", int, 4 * MIB, "most bytes of one request, uncompressed", 1024, LARGEST_BATCH_BYTES),
    Option("linger_seconds", float, 1.0, "how long less than a full batch waits for more lines", 0, 60),
    Option("poll_seconds", float, 0.5, "time between two looks at the files", 0.05, 60),
    Option("parallel", int, 4, "requests in flight; memory is about `parallel` × `batch_bytes`", 1, 32),
    Option("compression", str, "auto", "of request bodies; `auto`: none to this machine, else zstd", words=COMPRESSIONS),
    Option("ignore_older_seconds", float, 0.0, "a file first seen when its last change is older is left out; 0: none is"),
    Option("partial_seconds", float, 5.0, "quiet time after which a rotated file's last line counts as whole", 0.1),
)
INPUT_OPTIONS: Final = (
    Option("name", str, None, "names the input in the checkpoints and in messages; unique"),
    Option("paths", list, None, "globs, `**` reaches into folders; relative to the configuration file"),
    Option("exclude", list, [], "globs of paths or of file names that are left out; compressed files always are"),
    Option("collector", str, "", "the collector; its token is read from `secrets/tokens/NAME` in `BKLOG_HOME`"),
    Option("token_file", str, "", "a file that holds the ingest token, instead of `collector`"),
    Option("format", str, "lines", "`jsonl` when each line is a JSON object", words=FORMATS),
    Option("from", str, "beginning", "where to start in files that are there at the very first start", words=START_PLACES),
    Option("stream", str, "", "kept with the lines, to tell apart inputs of one file"),
)


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    token_file: Path
    format: str
    from_end: bool
    stream: str


@dataclass(frozen=True, slots=True)
class AgentConfig:
    endpoint: str
    inputs: tuple[Input, ...]
    host: str
    state_folder: Path
    batch_bytes: int
    linger_seconds: float
    poll_seconds: float
    parallel: int
    compression: str
    ignore_older_seconds: float
    partial_seconds: float


class ConfigWatch:
    """Whether the file is another than when it was asked for last: replaced, or written to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._mark()

    def has_changed(self) -> bool:
        """A file that is missing at the moment is about to come back, or the agent goes on without."""
        mark = self._mark()
        if mark is None or mark == self._seen:
            return False
        self._seen = mark
        return True

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def load_config(path: Path, *, home: Path, fleet_endpoint: Callable[[], str]) -> AgentConfig:
    """Raises ConfigError (`agent_config`) that names the file, the key and what would be right."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "write it (docs/agent.md has an example), or name another one with --config"
        raise _refuse(path, f"cannot be read: {error.strerror}", hint) from error
    except ValueError as error:
        raise _refuse(path, f"is not JSON: {error}", "docs/agent.md has an example") from error
    try:
        return parse_config(raw, folder=path.resolve().parent, home=home, fleet_endpoint=fleet_endpoint)
    except ConfigError as error:
        raise _refuse(path, error.message, error.hint) from error


def parse_config(raw: object, *, folder: Path, home: Path, fleet_endpoint: Callable[[], str]) -> AgentConfig:
    values = _read_options(raw, OPTIONS, "the configuration")
    inputs = tuple(_read_input(item, folder=folder, home=home) for item in values["inputs"])
    _require_unique_names(inputs)
    endpoint = fleet_endpoint() if values["endpoint"] == FLEET else values["endpoint"]
    parse_endpoint(endpoint)
    return AgentConfig(
        **{
            **values,
            "endpoint": endpoint,
            "inputs": inputs,
            "host": values["host"] or socket.gethostname(),
            "state_folder": folder / values["state_folder"],
        }
    )


def _read_input(raw: object, *, folder: Path, home: Path) -> Input:
    values = _read_options(raw, INPUT_OPTIONS, "an input")
    where = f"input {values['name']!r}"
    paths = _texts(values["paths"], f"{where}: paths")
    if not values["name"] or not paths:
        raise ConfigError("an input needs a name and at least one path")
    if bool(values["collector"]) == bool(values["token_file"]):
        raise ConfigError(f"{where} needs either collector or token_file", hint="they are two ways to name the token")
    token_file = folder / values["token_file"] if values["token_file"] else token_path(home, values["collector"])
    return Input(
        name=values["name"],
        paths=tuple(str(folder / pattern) for pattern in paths),
        exclude=_texts(values["exclude"], f"{where}: exclude"),
        token_file=token_file,
        format=values["format"],
        from_end=values["from"] == "end",
        stream=values["stream"],
    )


def _read_options(raw: object, options: tuple[Option, ...], what: str) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{what} is not an object")
    known = [option.name for option in options]
    unknown = sorted(set(raw) - set(known))
    if unknown:
        raise ConfigError(f"{what} has the unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(known)}")
    return {option.name: _read_value(raw, option, what) for option in options}


def _read_value(raw: Mapping[str, Any], option: Option, what: str) -> Any:
    value = raw.get(option.name, option.default)
    if value is None:
        raise ConfigError(f"{what} lacks the key {option.name!r}", hint=option.meaning)
    if option.kind is float and type(value) is int:
        value = float(value)
    if type(value) is not option.kind:
        raise ConfigError(f"{option.name} is {json.dumps(value)}", hint=f"it takes a {NAMES[option.kind]}: {option.meaning}")
    if option.words and value not in option.words:
        raise ConfigError(f"{option.name} is {value!r}", hint=f"one of: {', '.join(option.words)}")
    if isinstance(value, int | float) and not option.lowest <= value <= option.highest:
        raise ConfigError(f"{option.name} is {value}", hint=f"at least {option.lowest:g}, at most {option.highest:g}")
    return value


NAMES: Final = {str: "text", int: "whole number", float: "number", list: "list"}


def _texts(items: list[Any], what: str) -> tuple[str, ...]:
    if not all(isinstance(item, str) and item for item in items):
        raise ConfigError(f"{what} is a list of texts")
    return tuple(items)


def _require_unique_names(inputs: tuple[Input, ...]) -> None:
    names = [item.name for item in inputs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two inputs are called {twice[0]!r}", hint="checkpoints are kept by name: give each its own")


def _refuse(path: Path, message: str, hint: str) -> ConfigError:
    return ConfigError(f"{path}: {message}", hint=hint, code="agent_config")
