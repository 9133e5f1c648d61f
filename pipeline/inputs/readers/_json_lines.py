"""JSON lines: the compiled reader takes what it can prove, the standard library explains the rest."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.text.arrays import frozen
from pairloom.pipeline.inputs.readers._json_line import Accepted, Refused, letter_of, read_line
from pairloom.pipeline.inputs.readers._json_tree import scratch_for, tree_of
from pairloom.pipeline.inputs.readers._text_lines import PADDING, Block, line_blocks, too_long
from pairloom.pipeline.inputs.readers.kernels.json_lines import (
    DONE,
    NOTHING,
    NULL,
    POSITION,
    SEEN,
    STEPS,
    STRING,
    TAKEN,
    TOO_LONG,
    Taken,
    scan_lines,
)
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

__all__ = ["read_lines"]

_LETTERS = 1 << 14  # in a batch
_TOGETHER = 1 << 16  # bytes of bad lines
_SHORT, _KNOWN = 64, 1 << 10  # lines that may be met again, and how many of them are remembered


def read_lines(piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
    """The records of the lines that start in the slice; blank lines are none."""
    row = 0
    for block in line_blocks(piece, limits.batch_bytes, limits.max_record_bytes):
        stored, start = block.consumed, -1
        while start < block.stop:
            lines = _Lines(piece.file, block if start < 0 else block._replace(start=start), fields)
            row, start = lines.scan(row, limits.max_record_bytes)
            batch = lines.batch(stored)
            if start >= block.stop:
                block.spent()
            del lines
            yield batch
            del batch
            stored = 0


class _Lines:
    """One block on its way through the kernel, and the buffers that the values end up in, one for each field."""

    def __init__(self, file: InputFile, block: Block, fields: Fields) -> None:
        self._file, self._block, self._fields = file, block, fields
        names = sorted(set(fields.names))
        self._place = [names.index(name) for name in fields.names]
        self._wanted = tree_of([(name,) for name in names], [_must(name, fields) for name in names])
        count = block.data.count(b"\n", block.start, block.stop) + 2
        # Most of this is never touched.
        self._values = [np.empty(block.stop + PADDING, np.uint8) for _ in names]
        self._offsets = np.zeros((len(names), count), np.int64)
        self._kinds = np.empty((len(names), count), np.uint16)
        self._rows, self._starts = np.empty(count, np.int64), np.empty(count, np.int64)
        self._taken = 0
        self._rejected: list[DeadLetter] = []

    def scan(self, row: int, longest: int) -> tuple[int, int]:
        """Read lines, the first being record `row` of the slice; (the number of the record after, where it begins).

        That is the block's end, unless so many lines were refused that their letters would take more memory than the text.
        """
        values = np.array([one.ctypes.data for one in self._values], np.int64)
        taken = Taken(values, self._offsets, self._kinds, self._rows, self._starts)
        stop, position = self._block.stop, self._block.position
        state = np.array([self._block.start, row, 0], np.int64)
        padded, scratch = frozen(_bytes(self._block.data)), scratch_for(self._wanted)
        while True:
            status = scan_lines(padded, stop, longest, self._wanted, taken, state, scratch)
            start, row = int(state[POSITION]), int(state[SEEN])
            self._taken = int(state[TAKEN])
            if status == DONE:
                return row, stop
            if status == TOO_LONG:
                raise too_long(self._file, f"byte {position + start}", longest)
            start, row = self._explain(start, row, longest)
            if start >= stop or len(self._rejected) >= _LETTERS:
                return row, start
            state[:] = (start, row, self._taken)

    def _explain(self, start: int, row: int, longest: int) -> tuple[int, int]:
        """Read lines from record `row` on, up to and with the first that is good; (where the next begins, its number).

        Bad lines come together, and going back to compiled code takes longer than reading a short line.
        """
        known: dict[bytes, tuple[Refused, str]] = {}
        rejected, file, position = self._rejected, self._file, self._block.position
        for line in self._lines(start):
            place, start = start, start + len(line) + 1
            if len(line) > longest:
                raise too_long(file, f"byte {position + place}", longest)
            refused = known.get(line)
            if refused is None:
                if not line.strip(b" \t\r"):
                    continue
                outcome = read_line(line, self._fields)
                if isinstance(outcome, Accepted):
                    self._take(outcome, row, place)
                    return start, row + 1
                refused = outcome, excerpt_of(line)
                if len(line) <= _SHORT and len(known) < _KNOWN:
                    known[line] = refused
            rejected.append(letter_of(file, position + place, row, *refused))
            row += 1
            if len(rejected) >= _LETTERS:
                break
        return start, row

    def _lines(self, start: int) -> Iterator[bytes]:
        """The lines from `start` on: one, and then as many at a time as there may be bad ones."""
        data, stop, size = self._block.data, self._block.stop, 0
        while start < stop:
            end = data.find(b"\n", min(start + size, stop))
            yield from bytes(memoryview(data)[start:end]).split(b"\n")
            start, size = end + 1, min(4 * size + 1024, _TOGETHER)

    def _take(self, accepted: Accepted, row: int, start: int) -> None:
        given = (accepted.text, *(() if accepted.id is None else (accepted.id,)), *accepted.extra)
        for k, value in zip(self._place, given, strict=True):
            encoded = _bytes(b"" if value is None else value.encode())
            start = int(self._offsets[k, self._taken])
            self._values[k][start : start + len(encoded)] = encoded
            self._offsets[k, self._taken + 1] = start + len(encoded)
            self._kinds[k, self._taken] = NOTHING if value is None else STRING
        self._rows[self._taken], self._starts[self._taken] = row, start
        self._taken += 1

    def batch(self, stored: int) -> DocumentBatch:
        """What was read, which took so many stored bytes."""
        known = [self._column(k) for k in range(len(self._values))]
        columns = [known[k] for k in self._place]
        first = 1 if self._fields.id is None else 2
        return DocumentBatch(
            content=columns[0],
            id=None if self._fields.id is None else columns[1],
            row=pa.array(self._rows[: self._taken]),
            uri=self._file.uri,
            fields=dict(zip(self._fields.extra, columns[first:], strict=True)),
            rejected=tuple(self._rejected),
            bytes_read=stored,
        )

    def _column(self, k: int) -> pa.LargeStringArray:
        """An Arrow array over the buffers of a field, which are valid UTF-8 already."""
        offsets = self._offsets[k, : self._taken + 1]
        kinds = self._kinds[k, : self._taken] % STEPS
        there = (kinds != NOTHING) & (kinds != NULL)
        valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
        buffers = (pa.py_buffer(offsets), pa.py_buffer(self._values[k][: offsets[-1]]))
        return pa.LargeStringArray.from_buffers(self._taken, *buffers, valid)


def _bytes(value: bytes | bytearray) -> npt.NDArray[np.uint8]:
    return np.frombuffer(value, dtype=np.uint8)


def _must(name: str, fields: Fields) -> int:
    """What a field must be for the compiled reader to take a record."""
    if name == fields.text:
        return 1
    return 2 if name == fields.id else 0
