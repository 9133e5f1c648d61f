"""JSON lines: the compiled reader takes what it can prove, the standard library explains the rest."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pairloom.pipeline.inputs.readers.batch import Batch, DeadLetter, excerpt_of, large_strings
from pairloom.pipeline.inputs.readers.json_kernel import DONE, TOO_LONG, scan_lines
from pairloom.pipeline.inputs.readers.json_line import Accepted, read_line
from pairloom.pipeline.inputs.readers.text_lines import PADDING, Block, line_blocks, too_long
from pairloom.pipeline.inputs.slices import InputFile, Slice

__all__ = ["read_jsonl"]


def read_jsonl(
    piece: Slice,
    text: str,
    id_field: str | None,
    batch_bytes: int,
    max_record_bytes: int,
) -> Iterator[Batch]:
    """The records of the lines that start in the slice; blank lines are none."""
    row = 0
    for block in line_blocks(piece, batch_bytes, max_record_bytes):
        lines = _Lines(piece.file, block, text, id_field)
        row = lines.scan(row, max_record_bytes)
        yield lines.batch()


class _Lines:
    """One block on its way through the kernel, and the buffers that the texts end up in."""

    def __init__(self, file: InputFile, block: Block, text: str, id_field: str | None) -> None:
        self._file, self._block = file, block
        self._text, self._id = text, id_field
        count = block.data.count(b"\n", block.start, block.stop) + 2
        size = block.stop + PADDING
        self._texts = np.empty(size, np.uint8)
        self._ids = np.empty(size if id_field else 0, np.uint8)  # most of it is never touched
        self._text_offsets = np.zeros(count, np.int64)
        self._id_offsets = np.zeros(count if id_field else 1, np.int64)
        self._rows = np.empty(count, np.int64)
        self._taken = 0
        self._rejected: list[DeadLetter] = []

    def scan(self, row: int, longest: int) -> int:
        """Read every line, the first being record `row` of the slice; returns the number of the record after."""
        text_key, id_key = _bytes(self._text.encode()), _bytes((self._id or "").encode())
        data, stop, position = self._block.data, self._block.stop, self._block.position
        state = np.array([self._block.start, row, 0], np.int64)
        padded = _bytes(data)
        stack = np.empty(512, np.uint8)
        while True:
            status = scan_lines(
                padded, stop, longest, text_key, id_key, self._texts, self._text_offsets,
                self._ids, self._id_offsets, self._rows, state, stack,
            )  # fmt: skip
            start = int(state[0])
            self._taken = int(state[2])
            if status == DONE:
                return int(state[1])
            end = data.find(b"\n", start)
            if status == TOO_LONG or end - start > longest:
                raise too_long(self._file, f"byte {position + start}", longest)
            self._explain(start, end, int(state[1]))
            state[:] = (end + 1, state[1] + 1, self._taken)

    def _explain(self, start: int, end: int, row: int) -> None:
        line = bytes(self._block.data[start:end])
        outcome = read_line(line, self._text, self._id)
        if isinstance(outcome, Accepted):
            i = self._taken
            _append(self._texts, self._text_offsets, i, outcome.text)
            if outcome.id is not None:
                _append(self._ids, self._id_offsets, i, outcome.id)
            self._rows[i] = row
            self._taken = i + 1
            return
        self._rejected.append(
            DeadLetter(
                uri=self._file.uri,
                position=f"byte {self._block.position + start}",
                row=row,
                reason=outcome.reason,
                detail=outcome.detail,
                excerpt=excerpt_of(line),
            )
        )

    def batch(self) -> Batch:
        """What was read so far."""
        offsets = self._text_offsets[: self._taken + 1]
        ids = None
        if self._id:
            id_offsets = self._id_offsets[: self._taken + 1]
            ids = large_strings(self._ids[: id_offsets[-1]], id_offsets)
        return Batch(
            texts=large_strings(self._texts[: offsets[-1]], offsets),
            ids=ids,
            rows=self._rows[: self._taken],
            rejected=tuple(self._rejected),
            bytes_read=self._block.consumed,
        )


def _bytes(value: bytes | bytearray) -> npt.NDArray[np.uint8]:
    return np.frombuffer(value, dtype=np.uint8)


def _append(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], i: int, value: str) -> None:
    encoded = _bytes(value.encode())
    start = int(offsets[i])
    data[start : start + len(encoded)] = encoded
    offsets[i + 1] = start + len(encoded)
