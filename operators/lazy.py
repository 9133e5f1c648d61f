"""Packages whose names are imported when they are first used, so that naming a package costs nothing (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(
    package: str, modules: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package, from the names that each of its modules brings.

    `dir` shows these names and those that every module has.

    No name may be that of a submodule: the import of the submodule would put the module in its place.

    >>> found, names = lazily("pairloom.operators", {"pairloom.operators.errors": ("DataError",)})
    >>> found("DataError").__name__
    'DataError'
    """
    homes = {name: module for module, brought in modules.items() for name in brought}

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*homes, *(name for name in vars(sys.modules[package]) if name.startswith("__"))})

    return found, names
