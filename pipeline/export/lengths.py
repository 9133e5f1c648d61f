"""The lengths of what was exported, on disk: an index of any size is written with little memory."""

import tempfile
from collections.abc import Iterator
from types import TracebackType

import numpy as np
import numpy.typing as npt

__all__ = ["Lengths"]

BLOCK = 1 << 17  # lengths read at a time


class Lengths:
    """Lengths in a temporary file of this machine, 8 bytes each; a context manager that removes it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self.count = 0
        self.total = 0

    def __enter__(self) -> "Lengths":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, lengths: npt.NDArray[np.int64]) -> None:
        """Add lengths at the end."""
        self._file.write(np.ascontiguousarray(lengths, np.int64).data)
        self.count += len(lengths)
        self.total += int(lengths.sum())

    def blocks(self) -> Iterator[npt.NDArray[np.int64]]:
        """All lengths, int64, in blocks."""
        self._file.seek(0)
        while data := self._file.read(8 * BLOCK):
            yield np.frombuffer(data, np.int64)

    def starts(self) -> Iterator[npt.NDArray[np.int64]]:
        """Where each begins when all are laid end to end, int64, in blocks.

        >>> with Lengths() as lengths:
        ...     lengths.append(np.array([3, 2]))
        ...     [block.tolist() for block in lengths.starts()]
        [[0, 3]]
        """
        at = 0
        for block in self.blocks():
            ends = at + np.cumsum(block)
            yield ends - block
            at = int(ends[-1])
