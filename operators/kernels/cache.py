"""Where compiled kernels are kept on disk, and when they are still good.

Numba's own cache looks at the file that a kernel is defined in and no further: a change in a helper that was compiled into
the kernel goes unnoticed, and so does a copied installation whose files have other times. It also gives up on a folder that
it can read and not write, so that an image warmed by root compiles everything again under another user. Here a kernel is
kept under a hash of what it was compiled from (`stamp`): its file, the files of all kernels that it calls and of the named
tuples that these take, the constants that it takes from elsewhere, and whether numba was told to check bounds. It is
looked for in

1. `NUMBA_CACHE_DIR`, where it is set, else `PAIRLOOM_CACHE_DIR`,
2. `__pycache__` beside the sources,
3. `pairloom` in the user's cache folder (`XDG_CACHE_HOME`, or `~/.cache`).

Kernels are read from any of them. They are written to 1 alone where that is named and takes them, else to 2 and 3: an image
that root has warmed serves every user, and environments of one user serve each other. Where no folder takes them, each
process compiles its own. A file that is not what was written is as good as absent (`kept.py`).
"""

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba.core import config

from pairloom.operators.kernels.kept import KernelFolder

__all__ = ["KernelCache", "cache_folders", "stamp", "takes_kernels"]


def cache_folders() -> Iterator[Path]:
    """The folders in which kernels are looked for, best first; none of them need exist."""
    if named := _named():
        yield Path(named) / "kernels"
    yield Path(__file__).parent / "__pycache__" / "kernels"
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield home / "pairloom" / "kernels"
    except RuntimeError:  # a user without a home
        pass


def takes_kernels() -> bool:
    """Whether any folder takes a file; makes it where it is not there."""
    for folder in cache_folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                return True
    return False


def _named() -> str | None:
    return os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("PAIRLOOM_CACHE_DIR")


def stamp(function: Callable[..., Any]) -> str:
    """A hash of everything that a kernel is compiled from: 16 hexadecimal digits.

    That is its source file, those of the kernels and intrinsics that it calls, directly or not, and of the named tuples that
    these take or make, the constants that it names, and the value of NUMBA_BOUNDSCHECK.
    """
    files: set[str] = set()
    constants: dict[str, str] = {}
    seen: set[int] = set()
    todo: list[Any] = [function]
    while todo:
        one = todo.pop()
        one = getattr(one, "py_func", None) or getattr(one, "_defn", None) or one
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ModuleType):
            files.add(_source_of(one.__name__))
        elif isinstance(one, type):
            files.add(_source_of(one.__module__))
            constants[f"{one.__module__}.{one.__qualname__}"] = repr(one._fields)  # type: ignore[attr-defined]
        elif isinstance(one, FunctionType):
            files.add(one.__code__.co_filename)
            todo += [kind for kind in one.__annotations__.values() if _is_named_tuple(kind)]
            cells = zip(one.__code__.co_freevars, one.__closure__ or (), strict=True)
            known = one.__globals__ | {name: cell.cell_contents for name, cell in cells}
            names = list(_names(one.__code__))
            for name in names:
                value = known.get(name)
                if isinstance(value, _CONSTANTS):
                    constants[f"{one.__module__}.{name}"] = repr(value)
                elif _is_ours(value):
                    todo.append(value)
                    if isinstance(value, ModuleType):  # of which any of the names may be asked
                        todo += filter(_is_ours, (getattr(value, other, None) for other in names))
    constants["NUMBA_BOUNDSCHECK"] = repr(bool(config.BOUNDSCHECK))
    digest = hashlib.sha256()
    for file in sorted(files, key=_relative):
        digest.update(_relative(file).encode() + b"\0" + _hash_of(file))
    digest.update(repr(sorted(constants.items())).encode())
    return digest.hexdigest()[:16]


_CONSTANTS = (bool, int, float, str, bytes, tuple, np.generic)
_PACKAGE = Path(__file__).parents[2]


def _is_ours(value: Any) -> bool:
    """Whether a name in a kernel leads to code of this package, or of whoever wrote a kernel of their own."""
    if isinstance(value, ModuleType):
        return value.__name__.startswith("pairloom.")
    if isinstance(value, type):
        return _is_named_tuple(value)
    return hasattr(value, "py_func") or hasattr(value, "_defn")


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")


def _names(code: CodeType) -> Iterator[str]:
    """Every name that a function and those within it look up."""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _source_of(module: str) -> str:
    return str(sys.modules[module].__file__)


def _relative(file: str) -> str:
    """A path that two installations of the package share."""
    return str(Path(file).relative_to(_PACKAGE)) if Path(file).is_relative_to(_PACKAGE) else file


@functools.cache
def _hash_of(file: str) -> bytes:
    return hashlib.sha256(Path(file).read_bytes()).digest()


class KernelCache:
    """The compiled forms of one kernel, over all folders; takes the place of numba's `FunctionCache`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._enabled = True

    @functools.cached_property
    def _folders(self) -> list[KernelFolder]:
        code = stamp(self._function)
        return [KernelFolder(self._function, code, folder) for folder in cache_folders()]

    @property
    def cache_path(self) -> str:
        """The first folder."""
        return str(next(cache_folders()))

    @property
    def file_stem(self) -> str:
        """What the names of the kernel's files begin with."""
        return self._folders[0].stem

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel compiled for `sig` on this processor before, or None."""
        if not self._enabled:
            return None
        target_context.refresh()
        for folder in self._folders:
            with suppress(OSError):  # not readable: as good as absent
                found = folder.load(sig, target_context)
                if found is not None:
                    return found
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel in every folder that takes it, or where one is named, in that alone if it does."""
        if not self._enabled:
            return
        for number, folder in enumerate(self._folders):
            with suppress(OSError):  # not writable, or full: the next one may do
                folder.save(sig, data)
                if number == 0 and _named():
                    return

    def enable(self) -> None:
        """Read and write again."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write."""
        self._enabled = False

    def flush(self) -> None:
        """Forget the compiled forms on disk where that is allowed."""
        for folder in self._folders:
            with suppress(OSError):
                folder.forget()
