"""JSON of any layout as JSON Lines of the same length, so that every record stays at its byte."""

from collections.abc import Callable

import numpy as np

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers.kernels.json_layout import (
    ARRAY,
    BEGAN,
    CLOSED,
    DEPTH,
    MODE,
    QUOTED,
    put_in_lines,
)
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["lines_of"]

_BOM = b"\xef\xbb\xbf"


def lines_of(file: InputFile) -> Callable[[Stream], Stream]:
    """What makes lines of the records of a file, each on one."""
    return lambda stream: _Lines(stream, file)


class _Lines:
    """The bytes of a stream with a line break between records, and none within."""

    def __init__(self, stream: Stream, file: InputFile) -> None:
        self._stream, self._file = stream, file
        self._state, self._at = np.zeros(5, np.int64), 0

    @property
    def consumed(self) -> int:
        return self._stream.consumed

    def read(self, size: int) -> bytes:
        part = self._stream.read(size)
        if not part:
            self._check_end()
            return b""
        data = np.frombuffer(part, np.uint8).copy()
        start = len(_BOM) if self._at == 0 and part.startswith(_BOM) else 0
        wrong = int(put_in_lines(data[start:], self._state, self._at + start))
        if wrong >= 0:
            place, found = self._at + start + wrong, part[start + wrong : start + wrong + 1]
            what = "the array is over" if self._state[MODE] == CLOSED else "nothing is open"
            raise DataError(
                f"{self._file.uri}: byte {place} is {found!r}, and {what}: it is neither one JSON array nor objects one after "
                "another; repair the file, or write it as JSON Lines"
            )
        self._at += len(part)
        return data.tobytes()

    def _check_end(self) -> None:
        if self._state[DEPTH] or self._state[QUOTED]:
            what = f"the record that begins at byte {self._state[BEGAN]}"
        elif self._state[MODE] == ARRAY:
            what = "the array"
        else:
            return
        raise DataError(
            f"{self._file.uri}: the JSON is cut short: it ends at byte {self._at}, and {what} is never closed; fetch or write "
            "the file again"
        )
