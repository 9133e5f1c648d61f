"""What is written, hashed and summed on its way to a file."""

import hashlib
from typing import Any, BinaryIO

from pairloom.pipeline.store.sums import Summing

__all__ = ["HashedSink"]


class HashedSink:
    """A binary file that hashes what passes through it. pyarrow closes its sinks; this one ignores that.

    Of `scratch` there are sums alone, and no SHA-256.
    """

    closed = False

    def __init__(self, file: BinaryIO, *, scratch: bool = False) -> None:
        self._file = file
        self._hash = None if scratch else hashlib.sha256()
        self.sums = Summing()
        self.bytes = 0
        self._abandoned = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of what has passed, "" of scratch."""
        return "" if self._hash is None else self._hash.hexdigest()

    def write(self, data: Any) -> int:
        """Append bytes, or what has a buffer."""
        view = memoryview(data)
        if not view.nbytes:  # which no view can be made of
            return 0
        if self._abandoned:
            return view.nbytes
        self._file.write(view)
        if self._hash is not None:
            self._hash.update(view)
        self.sums.update(view)
        self.bytes += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        """Nothing: what was handed on is hashed and counted, and the file is complete when it is closed."""

    def abandon(self) -> None:
        """Ignore whatever is written from now on: Arrow writes what it holds yet when it is forgotten."""
        self._abandoned = True

    def close(self) -> None:
        """Nothing: whoever opened the file closes it."""
