"""Sums of a file's parts: whoever reads a part of a file compares just that, at the cost of one hash of what is read anyway.

    | schema, record batch 0 | record batch 1 | ... | record batch n - 1 | footer |
    0                      end 0            end 1                    end n - 1   end n

Every byte of an Arrow file is in one part, and so is the footer, which says what its columns are. The sum is XXH3 of 64 bits
(Yann Collet, https://github.com/Cyan4973/xxHash), which is there to find damage; the SHA-256 of the whole file stays what a file
is known by.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

__all__ = ["PART", "Parts", "Summing"]

PART = np.dtype([("end", "<u8"), ("sum", "<u8")])


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Where the parts of a file end, and their sums, PART[parts].

    >>> summing = Summing()
    >>> for part in (b"batch", b"footer"):
    ...     summing.update(part)
    ...     summing.cut()
    >>> parts = Parts.parse(summing.text())
    >>> len(parts), parts.bounds(1), parts.holds(1, b"footer"), parts.holds(1, b"Footer")
    (2, (5, 11), True, False)
    """

    table: npt.NDArray[np.void]

    @staticmethod
    def parse(text: str) -> "Parts":
        """What `Summing.text` wrote; raises ValueError for anything else."""
        try:
            return Parts(np.frombuffer(base64.b64decode(text, validate=True), PART))
        except binascii.Error as error:
            raise ValueError(f"no sums: {error}") from error

    def __len__(self) -> int:
        return len(self.table)

    def bounds(self, number: int) -> tuple[int, int]:
        """Where a part begins and ends; negative numbers count from the end."""
        number %= len(self.table)
        return int(self.table["end"][number - 1]) if number else 0, int(self.table["end"][number])

    def holds(self, number: int, data: Any) -> bool:
        """Whether bytes, or what has a buffer, are those of a part."""
        summed: Any = xxhash.xxh3_64()
        summed.update(data)  # which lets other threads go on, as `xxh3_64_intdigest` does not
        return int(summed.intdigest()) == int(self.table["sum"][number])


@dataclass(slots=True)
class Summing:
    """The sums of a file that is being written."""

    _hash: Any = field(default_factory=xxhash.xxh3_64)
    _parts: list[tuple[int, int]] = field(default_factory=list)
    _bytes: int = 0

    def update(self, data: Any) -> None:
        """More bytes of the present part."""
        view = memoryview(data)
        self._hash.update(view)
        self._bytes += view.nbytes

    def cut(self) -> None:
        """The present part ends here."""
        self._parts.append((self._bytes, self._hash.intdigest()))
        self._hash.reset()

    def text(self) -> str:
        """The parts so far, in base64."""
        return base64.b64encode(np.array(self._parts, PART).tobytes()).decode()
