"""The variables of a process → Loaded: the environment and each setting with its origin. Knows no Django: it is quick.

    config/default.py < config/<environment>.py < $BKLOG_HOME (secrets, run/fleet.json of `bklog up`) < BKLOG_*

Each value is cast to the type of the default. What is unknown, ill-typed or missing stops the start here.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bklog.errors import ConfigError
from config.cast import cast, check
from config.table import DEFINITIONS, Value

ROOT: Final = Path(__file__).resolve().parent.parent
PREFIX: Final = "BKLOG_"
# The names of the PaaS, and those of the version before it.
_PAAS_NAMES: Final = {"dev": "dev", "stag": "stag", "prod": "prod"}
_OLD_NAMES: Final = {"development": "dev", "testing": "stag", "production": "prod"}
_REQUIRED: Final = (
    ("BKLOG_SECRET_KEY",),
    ("BKLOG_DATABASE_URL", "BKLOG_DATABASE_HOST"),
    ("BKLOG_MQ_URL", "BKLOG_MQ_HOST"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from: `default`, `config/prod.py`, `fleet`, or the name of the variable."""

    value: Value
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """`loaded["BKLOG_PORT"]` and `loaded.BKLOG_PORT` are the value; its type is that of the default, `cast` saw to it."""

    environment: str
    values: Mapping[str, Setting]

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def __getattr__(self, name: str) -> Any:
        if name not in self.values:
            raise AttributeError(name)
        return self.values[name].value

    @property
    def home(self) -> Path:
        home: Path = self["BKLOG_HOME"]
        return home


def load(environ: Mapping[str, str] = os.environ, *, with_fleet: bool = True) -> Loaded:
    """`with_fleet=False` leaves out what a former `bklog up` chose."""
    environment = choose_environment(environ)
    values = {name: Setting(definition.default, "default") for name, definition in DEFINITIONS.items()}
    values |= _file_layer(environment)
    variables = _variable_layer(environ)
    home = _home({**values, **variables})
    values["BKLOG_HOME"] = home
    values |= _secret_layer(home.value, environment)
    if with_fleet:
        values |= _fleet_layer(home.value)
    values |= variables | {"BKLOG_HOME": home}
    _require(environment, values)
    return Loaded(environment, MappingProxyType(values))


def choose_environment(environ: Mapping[str, str]) -> str:
    for variable, names in (("BKPAAS_ENVIRONMENT", _PAAS_NAMES), ("BK_ENV", _OLD_NAMES)):
        name = environ.get(variable, "")
        if name in names:
            return names[name]
        if name:
            raise ConfigError(
                f"{variable}={name} names no environment",
                hint=f"{variable} is one of {', '.join(names)}; without it the environment is dev",
                code="unknown_environment",
            )
    return "dev"


def _file_layer(environment: str) -> dict[str, Setting]:
    module = importlib.import_module(f"config.{environment}")
    origin = f"config/{environment}.py"
    given = {name: value for name, value in vars(module).items() if name.isupper()}
    _refuse_unknown(given, origin=f" in {origin}")
    return {name: Setting(check(DEFINITIONS[name], value, origin=origin), origin) for name, value in given.items()}


def _variable_layer(environ: Mapping[str, str]) -> dict[str, Setting]:
    given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    _refuse_unknown(given, origin="")
    return {name: Setting(cast(DEFINITIONS[name], text, origin=name), name) for name, text in given.items()}


def _secret_layer(home: Value, environment: str) -> dict[str, Setting]:
    """Only dev reads a key from the home: elsewhere a deployment gives its own, the same to all instances."""
    key = Path(str(home)) / "secrets" / "secret-key"
    if environment != "dev" or not key.is_file():
        return {}
    return {"BKLOG_SECRET_KEY": Setting(key.read_text().strip(), "fleet")}


def _fleet_layer(home: Value) -> dict[str, Setting]:
    file = Path(str(home)) / "run" / "fleet.json"
    if not file.is_file():
        return {}
    try:
        given = json.loads(file.read_text())
        return {name: Setting(check(DEFINITIONS[name], value, origin=str(file)), "fleet") for name, value in given.items()}
    except (ValueError, KeyError, AttributeError) as problem:
        raise ConfigError(f"{file} is damaged: {problem!r}", hint="delete it; `bklog up` writes it anew") from problem


def _home(values: Mapping[str, Setting]) -> Setting:
    """The default stands beside the code, so that `bklog` finds the fleet of its own checkout from every folder."""
    home = values["BKLOG_HOME"]
    return Setting((ROOT / str(home.value)).resolve(), home.origin)


def _refuse_unknown(given: Mapping[str, object], *, origin: str) -> None:
    unknown = [name for name in given if name not in DEFINITIONS]
    if unknown:
        raise ConfigError(
            f"there is no setting {', '.join(unknown)}{origin}",
            hint="; ".join(_nearest(unknown)) or "docs/settings.md lists all settings",
            code="unknown_setting",
        )


def _nearest(unknown: list[str]) -> Iterator[str]:
    for name in unknown:
        for near in difflib.get_close_matches(name, DEFINITIONS, n=1):
            yield f"did you mean {near}?"


def _require(environment: str, values: Mapping[str, Setting]) -> None:
    if environment == "dev":
        return
    missing = [" or ".join(names) for names in _REQUIRED if not any(values[name].value for name in names)]
    if missing:
        raise ConfigError(
            f"the environment {environment} needs {', '.join(missing)}",
            hint="set them as variables; only dev has defaults for them",
            code="missing_setting",
        )
