"""Compiling every kernel before it is needed: in an image as it is built, or in a worker as it starts.

Each folder `kernels` (or file `kernels.py`) has a function `warm_up(schemes)` that runs the kernels in it once, on next to
nothing and with arrays of the types that they get in earnest. `warm_up` here finds these functions and calls them, so that
whoever adds a kernel adds nothing elsewhere. Where few have a use for all kernels of a place, it also has `PARTS`, a `Part` by
name, and "place:name" stands for one of them.
"""

import gc
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from numba.core.event import Event, Listener, install_listener

from pairloom.operators.kernels.cache import KernelCache, cache_folders

__all__ = ["SAMPLE", "Part", "find_kernels", "kernel_places", "missing_kernels", "on_compiled", "warm_up"]

SAMPLE = (
    "it's 12345 of a<|x|>word",
    "",
    "caf\u00e9 \u65e5\u672c " + "ab" * 400,
    "a\n\n b",
)
"""Documents that take every path: words of all lengths, numbers, several scripts, an empty document."""

_SHARED = "pairloom.operators.kernels"


class Part(NamedTuple):
    """Some kernels of a place: `run` is like `warm_up`, and `files` are the modules that they are in."""

    run: Callable[[tuple[str, ...]], None]
    files: tuple[str, ...]


def kernel_places(package: str = "pairloom.operators") -> Iterator[str]:
    """The names of the folders and files `kernels` below a package, ascending.

    That of what all kernels share is left out: it is compiled with those that call it.
    """
    for root in map(Path, import_module(package).__path__):
        for path in sorted((*root.rglob("kernels"), *root.rglob("kernels.py"))):
            name = ".".join((package, *path.relative_to(root).with_suffix("").parts))
            if "__pycache__" not in path.parts and name != _SHARED:
                yield name


def warm_up(schemes: tuple[str, ...], places: tuple[str, ...] | None = None) -> None:
    """Run every kernel of some places once, so that all are on disk; `schemes` are the pretokenizers that are wanted.

    `cache.py` says where that is. All places of the operators take a minute on a machine that has none of them, else a second.
    """
    with _collecting_late():
        for place in tuple(kernel_places()) if places is None else places:
            module, _, part = place.partition(":")
            (import_module(module).PARTS[part].run if part else import_module(module).warm_up)(schemes)


@contextmanager
def _collecting_late() -> Iterator[None]:
    """Leave garbage alone for a while: a compiler makes so much that lasts that looking for it takes a tenth of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def missing_kernels(places: Iterable[str]) -> set[str]:
    """The kernels of some places, by "module:name", of which no folder on disk has any compiled form."""
    kept: set[str] = set()
    for folder in cache_folders():
        with suppress(OSError):
            kept.update(file.name.rsplit(".", 2)[0] for file in folder.iterdir())
    found = ((name, _cache_of(one)) for place in places for name, one in _kernels_of(place))
    return {name for name, cache in found if cache is not None and cache.file_stem not in kept}


@contextmanager
def on_compiled(tell: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, `tell` the "module:name" of each kernel that this process has compiled."""
    with install_listener("numba:compile", _Compiled(tell)):
        yield


class _Compiled(Listener):  # type: ignore[misc]
    """Hears of what numba compiles, and passes on what is a kernel: not the helpers that are compiled into one."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def on_start(self, event: Event) -> None:
        """Nothing is compiled yet."""

    def on_end(self, event: Event) -> None:
        """One is compiled."""
        dispatcher = event.data["dispatcher"]
        if _cache_of(dispatcher) is not None:
            self._tell(f"{dispatcher.__module__}:{dispatcher.__name__}")


def find_kernels(package: str = "pairloom.operators") -> dict[str, object]:
    """Every kernel below a package, by "module:name"; imports them all.

    >>> "pairloom.operators.counts.kernels.table:count_pieces" in find_kernels()
    True
    """
    found: dict[str, object] = {}
    for place in (*kernel_places(package), *([_SHARED] if _SHARED.startswith(package) else [])):
        found.update(_kernels_of(place))
    return dict(sorted(found.items()))


def _kernels_of(place: str) -> Iterator[tuple[str, Any]]:
    """The kernels of one place or part, each with its name; imports them."""
    name, _, part = place.partition(":")
    whole = import_module(name)
    files = [import_module(f"{name}.{file}") for file in whole.PARTS[part].files] if part else _modules(whole)
    for module in files:
        for name, value in vars(module).items():
            if (
                isinstance(getattr(value, "_cache", None), KernelCache)
                and value.__module__ == module.__name__
            ):
                yield f"{module.__name__}:{name}", value


def _cache_of(value: Any) -> KernelCache | None:
    """Where the compiled forms of a kernel are; None for what is no kernel."""
    found = getattr(value, "_cache", None)
    return found if isinstance(found, KernelCache) else None


def _modules(place: ModuleType) -> Iterator[ModuleType]:
    yield place
    for info in pkgutil.iter_modules(getattr(place, "__path__", [])):
        yield import_module(f"{place.__name__}.{info.name}")
