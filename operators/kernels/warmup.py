"""Compiling every kernel before it is needed: in an image as it is built, or in a worker as it starts.

Each folder `kernels` (or file `kernels.py`) has a function `warm_up(schemes)` that runs the kernels in it once, on next to
nothing and with arrays of the types that they get in earnest. `warm_up` here finds these functions and calls them, so that
whoever adds a kernel adds nothing elsewhere.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pairloom.operators.kernels.cache import KernelCache

__all__ = ["SAMPLE", "find_kernels", "kernel_places", "warm_up"]

SAMPLE = (
    "it's 12345 of a<|x|>word",
    "",
    "caf\u00e9 \u65e5\u672c " + "ab" * 400,
    "a\n\n b",
)
"""Documents that take every path: words of all lengths, numbers, several scripts, an empty document."""

_SHARED = "pairloom.operators.kernels"


def kernel_places(package: str = "pairloom.operators") -> Iterator[str]:
    """The names of the folders and files `kernels` below a package, ascending.

    That of what all kernels share is left out: it is compiled with those that call it.
    """
    for root in map(Path, import_module(package).__path__):
        for path in sorted((*root.rglob("kernels"), *root.rglob("kernels.py"))):
            name = ".".join((package, *path.relative_to(root).with_suffix("").parts))
            if "__pycache__" not in path.parts and name != _SHARED:
                yield name


def warm_up(schemes: tuple[str, ...], packages: tuple[str, ...] = ("pairloom.operators",)) -> None:
    """Run every kernel of some packages once, so that all are on disk; `schemes` are the pretokenizers that are wanted.

    `cache.py` says where that is. Takes a minute or two on a machine that has none of them, else a second.
    """
    for package in packages:
        for place in kernel_places(package):
            import_module(place).warm_up(schemes)


def find_kernels(package: str = "pairloom.operators") -> dict[str, object]:
    """Every kernel below a package, by "module:name"; imports them all.

    >>> "pairloom.operators.counts.kernels.table:count_pieces" in find_kernels()
    True
    """
    found: dict[str, object] = {}
    for place in (*kernel_places(package), *([_SHARED] if _SHARED.startswith(package) else [])):
        for module in _modules(import_module(place)):
            for name, value in vars(module).items():
                if (
                    isinstance(getattr(value, "_cache", None), KernelCache)
                    and value.__module__ == module.__name__
                ):
                    found[f"{module.__name__}:{name}"] = value
    return dict(sorted(found.items()))


def _modules(place: ModuleType) -> Iterator[ModuleType]:
    yield place
    for info in pkgutil.iter_modules(getattr(place, "__path__", [])):
        yield import_module(f"{place.__name__}.{info.name}")
