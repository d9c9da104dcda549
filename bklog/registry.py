"""Registry(package, "PROTOCOL", Protocol): the modules of a folder, each ending in one constant, are the plug-ins."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Generic, TypeVar

Plugin = TypeVar("Plugin")


class Registry(Generic[Plugin]):
    """Imports every module of `package` once and keeps its constant under the module's name.

    Raises:
        TypeError: a module of the folder lacks the constant, or it has another type. The start stops there.
    """

    def __init__(self, package: str, constant: str, kind: type[Plugin]) -> None:
        folder = importlib.import_module(package)
        self._plugins: dict[str, Plugin] = {}
        for found in pkgutil.iter_modules(folder.__path__):
            module = importlib.import_module(f"{package}.{found.name}")
            plugin = getattr(module, constant, None)
            if not isinstance(plugin, kind):
                raise TypeError(f"{module.__name__} must end with {constant} = {kind.__name__}(…)")
            self._plugins[found.name] = plugin

    def __getitem__(self, name: str) -> Plugin:
        return self._plugins[name]

    def items(self) -> list[tuple[str, Plugin]]:
        return sorted(self._plugins.items())
