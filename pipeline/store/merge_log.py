"""Merges on their way: what is learned so far, in segments that are created only if absent.

A segment holds the merges that came after those of the segment before it. What is learned from given words is the same
whoever learns it, so that two drivers at once, or one after another, write one sequence: whoever comes second finds its
segment there, and goes on after what that holds. Segments are numbered without gaps, so that nobody lists a directory.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.store.objects import Objects

__all__ = ["MergeLog"]

_MAGIC = b"pairloom merges 1\n"


class MergeLog:
    """The merges of one unit of learning; what is stored of them is read at once.

    A segment is a line that says what it is, the number of merges before it and the merges (int64 and int32[m, 2],
    little-endian), and the SHA-256 of all that. Raises CorruptionError where one is not what was written.
    """

    def __init__(self, objects: Objects, stage: str, unit: str) -> None:
        self._objects = objects
        self._prefix = f"data/{stage}/{unit[:2]}/{unit}.merges"
        self.segments = 0
        self._merges = np.zeros((0, 2), np.int32)
        while (found := self._read(self.segments)) is not None:
            self._take(found)

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """What is stored, int32[m, 2]."""
        return self._merges

    def extend(self, merges: npt.NDArray[np.int32]) -> None:
        """Store `merges` (int32[m, 2]), which begin with those that are stored; nothing where there are no more."""
        while len(merges) > len(self._merges):
            if not np.array_equal(merges[: len(self._merges)], self._merges):
                raise CorruptionError(
                    f"{self._place(self.segments - 1)} holds other merges than were learned now: another run learns from "
                    "other words under the same name, which is a bug"
                )
            body = _MAGIC + len(self._merges).to_bytes(8, "little")
            body += merges[len(self._merges) :].astype("<i4").tobytes()
            data = body + hashlib.sha256(body).digest()
            if self._objects.put_if_absent(self._place(self.segments), data):
                self.segments += 1
                self._merges = merges.copy()
                return
            found = self._read(self.segments)
            if found is None:
                raise CorruptionError(f"{self._place(self.segments)} was there and is gone")
            self._take(found)
        if not np.array_equal(merges, self._merges[: len(merges)]):
            raise CorruptionError(
                f"{self._place(self.segments - 1)} holds other merges than were learned now: another run learns from other "
                "words under the same name, which is a bug"
            )

    def discard(self) -> None:
        """Remove the segments, the last one first, so that what is left is a beginning."""
        for number in range(self.segments - 1, -1, -1):
            self._objects.delete(self._place(number))
        self.segments, self._merges = 0, self._merges[:0]

    def _place(self, number: int) -> str:
        return f"{self._prefix}-{number:06}"

    def _take(self, found: npt.NDArray[np.int32]) -> None:
        self._merges = np.concatenate([self._merges, found])
        self.segments += 1

    def _read(self, number: int) -> npt.NDArray[np.int32] | None:
        place = self._place(number)
        try:
            data = self._objects.read(place)
        except FileNotFoundError:
            return None
        body, digest, head = data[:-32], data[-32:], len(_MAGIC) + 8
        if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest or (len(body) - head) % 8:
            raise CorruptionError(
                f"{self._objects.uri(place)} is no segment of merges: remove it to learn anew from there"
            )
        before = int.from_bytes(body[len(_MAGIC) : head], "little")
        if before != len(self._merges):
            raise CorruptionError(
                f"{self._objects.uri(place)} goes on after {before} merges, but {len(self._merges)} come before it"
            )
        return np.frombuffer(body, "<i4", offset=head).reshape(-1, 2).astype(np.int32)
