"""Compiled kernels in a folder: a file each, sealed, and as good as absent when it is not what was written.

A file holds the SHA-256 of what follows, then a pickle of the key and of what numba needs to load the kernel. There is no
index: the file's name is made from the key, so that processes that compile at once do not undo each other's work, and
whoever reads finds a whole file or none.
"""

import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import llvmlite
import numba
from numba.core import serialize
from numba.core.compiler import CompileResult

__all__ = ["KernelFolder"]

_SEAL = 32  # bytes of a SHA-256


class KernelFolder:
    """The compiled forms of one kernel in one folder; `stamp` is a hash of what it is compiled from."""

    def __init__(self, function: Callable[..., Any], stamp: str, folder: Path) -> None:
        self._folder = folder
        name = f"{function.__module__}.{function.__qualname__}-{stamp}"
        self.stem = name.replace("<", "").replace(">", "")
        closure = tuple(cell.cell_contents for cell in function.__closure__ or ())
        self._code = (function.__code__.co_code, serialize.dumps(closure) if closure else b"")

    def load(self, signature: Any, context: Any) -> Any:
        """The kernel compiled for a signature on this processor, or None; raises OSError where that cannot be read."""
        key = self._key(signature, context.codegen())
        try:
            content = self._file(key).read_bytes()
        except FileNotFoundError:
            return None
        seal, packed = content[:_SEAL], content[_SEAL:]
        if hashlib.sha256(packed).digest() != seal:
            return None  # cut, empty or overwritten
        kept, payload = pickle.loads(packed)  # noqa: S301  (whoever can write here can write code beside it)
        return CompileResult._rebuild(context, *payload) if kept == key else None

    def save(self, signature: Any, made: Any) -> None:
        """Keep a compiled kernel; raises OSError where that is not possible."""
        if made.library.has_dynamic_globals or any(not one.can_cache for one in made.lifted):
            return  # it holds addresses of this process
        self._folder.mkdir(parents=True, exist_ok=True)
        key = self._key(signature, made.codegen)
        packed = serialize.dumps((key, made._reduce()))
        place = self._file(key)
        temporary = place.with_name(f"{place.name}.{uuid4().hex[:8]}.tmp")
        try:
            temporary.write_bytes(hashlib.sha256(packed).digest() + packed)
            temporary.replace(place)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise

    def forget(self) -> None:
        """Remove the compiled forms; raises OSError where that is not allowed."""
        for place in self._folder.glob(f"{self.stem}.*.kernel"):
            place.unlink(missing_ok=True)

    def _key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        """Everything beside the source that decides what is compiled: types, processor, code, versions."""
        return (signature, codegen.magic_tuple(), self._code, _VERSIONS)

    def _file(self, key: tuple[Any, ...]) -> Path:
        return self._folder / f"{self.stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.kernel"


_VERSIONS = (
    sys.implementation.cache_tag,
    getattr(sys, "abiflags", ""),
    os.name,
    numba.__version__,
    llvmlite.__version__,
)
