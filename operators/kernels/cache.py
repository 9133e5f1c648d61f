"""Where compiled kernels are kept on disk, and when they are still good.

Numba's own cache looks at the file that a kernel is defined in and no further: a change in a helper that was
compiled into the kernel goes unnoticed, and so does a copied installation whose files have other times. It also
gives up on a folder that it can read and not write, so that an image warmed by root compiles everything again under
another user. Here the kernels of one state of the package (a hash of its sources) share a folder, which is looked
for in

1. `NUMBA_CACHE_DIR`, where it is set, else `PAIRLOOM_CACHE_DIR`,
2. `__pycache__` beside the sources,
3. `pairloom` in the user's cache folder (`XDG_CACHE_HOME`, or `~/.cache`).

Kernels are read from any of them and written to the first that takes them. Where none does, each process compiles
its own.
"""

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache

__all__ = ["KernelCache", "cache_folders"]


def cache_folders() -> Iterator[Path]:
    """The folders in which kernels are looked for, best first; none of them need exist."""
    named = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("PAIRLOOM_CACHE_DIR")
    if named:
        yield Path(named) / _package_stamp()
    yield Path(__file__).parents[1] / "__pycache__" / _package_stamp()
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield home / "pairloom" / _package_stamp()
    except RuntimeError:  # a user without a home
        pass


@functools.cache
def _package_stamp(root: Path = Path(__file__).parents[1]) -> str:
    """A hash of a package's sources: what any kernel in it may have been compiled from."""
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}"


class _Locator:
    """What numba asks about a folder of kernels; see `numba.core.caching`."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._function = function
        self._folder = folder

    def ensure_cache_path(self) -> None:
        """Make the folder; raises OSError where that is not allowed."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """The same for as long as no source beside the kernel's own changes."""
        return _package_stamp(Path(self._function.__code__.co_filename).parent)

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._function.__code__.co_firstlineno)


def _folder_cache(function: Callable[..., Any], folder: Path) -> Any:
    """Numba's cache of one function, in one folder."""

    class Implementation(CompileResultCacheImpl):  # type: ignore[misc]
        def __init__(self, py_func: Callable[..., Any]) -> None:
            self._lineno = py_func.__code__.co_firstlineno
            self._locator = _Locator(py_func, folder)
            name = f"{py_func.__module__}.{py_func.__qualname__}"
            self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))

    class Cache(FunctionCache):  # type: ignore[misc]
        _impl_class = Implementation

    return Cache(function)


class KernelCache:
    """The compiled forms of one kernel, over all folders; takes the place of numba's `FunctionCache`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._enabled = True

    @functools.cached_property
    def _caches(self) -> list[Any]:
        return [_folder_cache(self._function, folder) for folder in cache_folders()]

    @property
    def cache_path(self) -> str:
        """The first folder."""
        return str(next(cache_folders()))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel compiled for `sig` on this processor before, or None."""
        if not self._enabled:
            return None
        for cache in self._caches:
            try:
                found = cache.load_overload(sig, target_context)
            except OSError:  # not readable: as good as absent
                continue
            if found is not None:
                return found
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel in the first folder that takes it."""
        if not self._enabled:
            return
        for cache, folder in zip(self._caches, cache_folders(), strict=True):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                cache.save_overload(sig, data)
            except OSError:  # not writable, or full: the next one may do
                continue
            return

    def enable(self) -> None:
        """Read and write again."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write."""
        self._enabled = False

    def flush(self) -> None:
        """Forget the compiled forms on disk where that is allowed."""
        for cache in self._caches:
            try:
                cache.flush()
            except OSError:
                continue
