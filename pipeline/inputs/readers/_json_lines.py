"""JSON lines: the compiled reader takes what it can prove, the standard library explains the rest."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.text.arrays import frozen
from pairloom.pipeline.inputs.readers._buffers import Buffer, Buffers
from pairloom.pipeline.inputs.readers._json_line import Refused, letter_of, read_line
from pairloom.pipeline.inputs.readers._json_records import Explain, Value, json_columns, records_of, values_at
from pairloom.pipeline.inputs.readers._json_tree import scratch_for, tree_of
from pairloom.pipeline.inputs.readers._json_where import asked_of
from pairloom.pipeline.inputs.readers._text_lines import PADDING, Block, line_blocks, too_long
from pairloom.pipeline.inputs.readers.kernels.json_lines import (
    DONE,
    LEFT_OUT,
    OPEN,
    POSITION,
    SEEN,
    TAKEN,
    TOO_LONG,
    Taken,
    Wanted,
    scan_lines,
)
from pairloom.pipeline.inputs.readers.kernels.json_where import Asked
from pairloom.pipeline.inputs.shaping.kinds import NOTHING, NULL, STEPS, STRING
from pairloom.pipeline.inputs.shaping.paths import Path
from pairloom.pipeline.inputs.shaping.records import Records, wanted_paths
from pairloom.pipeline.inputs.shaping.where import condition_of
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["read_lines", "read_records"]

T = TypeVar("T")
Through: TypeAlias = Callable[[Stream], Stream] | None

_LETTERS = 1 << 14  # in a batch
_FEW = 8  # less than one part in so many of a buffer is copied out of it
_AT_ONCE = 1 << 16  # bytes that are looked through for lines, and are near then
_TOGETHER = 1 << 16  # bytes of bad lines
_ROOM = Buffers()  # of all slices that are read in this process, one after another or side by side
_SHORT, _KNOWN = 64, 1 << 10  # lines that may be met again, and how many of them are remembered


def read_lines(
    piece: Slice, fields: Fields, limits: Limits, through: Through = None
) -> Iterator[DocumentBatch]:
    """The records of the lines that start in the slice, or that `through` makes of it; blank lines are none."""
    names = sorted(set(fields.names))
    must = [_must(name, fields) for name in names]

    def explain(line: bytes) -> list[Value] | Refused:
        outcome = read_line(line, fields)
        if isinstance(outcome, Refused):
            return outcome
        given = (outcome.text, *(() if outcome.id is None else (outcome.id,)), *outcome.extra)
        found = dict(zip(fields.names, given, strict=True))
        return [(NOTHING if (value := found[name]) is None else STRING, value) for name in names]

    place = [names.index(name) for name in fields.names]

    def make(lines: _Lines, stored: int) -> DocumentBatch:
        return lines.batch(fields, place, stored)

    wanted = tree_of([(name,) for name in names], must)
    return _scanned(piece, wanted, asked_of(None, ()), explain, limits, make, through, again=False)


def read_records(piece: Slice, fields: Fields, limits: Limits, through: Through = None) -> Iterator[Records]:
    """The wanted fields of the lines that start in the slice, for shaping."""
    paths = wanted_paths(fields)
    others = set(wanted_paths(replace(fields, where=None)))
    asked = asked_of(None if fields.where is None else condition_of(fields.where), paths)

    def explain(line: bytes) -> list[Value] | Refused:
        return values_at(line, paths)

    def make(lines: _Lines, stored: int) -> Records:
        return lines.records(paths, others, fields.list_separator, stored)

    wanted = tree_of(paths, [0] * len(paths))
    return _scanned(piece, wanted, asked, explain, limits, make, through, again=True)


def _scanned(
    piece: Slice,
    wanted: Wanted,
    asked: Asked,
    explain: Explain,
    limits: Limits,
    make: "Callable[[_Lines, int], T]",
    through: Through,
    *,
    again: bool,
) -> Iterator[T]:
    """What is made of the blocks of a slice, or of parts of them, each scanned, and of the stored bytes that it took.

    The lines themselves are still there while it is used only if they are looked at `again`.
    """
    row, buffers = 0, [_ROOM] * len(wanted.must)
    for block in line_blocks(piece, limits.batch_bytes, limits.max_record_bytes, through):
        stored, start = block.consumed, -1
        while start < block.stop:
            part = block if start < 0 else block._replace(start=start)
            lines = _Lines(piece.file, part, wanted, asked, explain, buffers)
            row, start = lines.scan(row, limits.max_record_bytes)
            made = make(lines, stored)
            if start >= block.stop and not again:
                block.spent()
            del lines
            yield made
            del made
            stored = 0
        del part, block  # so that nobody looks at it any more


class _Lines:
    """One block on its way through the kernel, and the buffers that the values end up in, one for each field.

    What takes little of its buffer is copied out of it.
    """

    def __init__(
        self,
        file: InputFile,
        block: Block,
        wanted: Wanted,
        asked: Asked,
        explain: Explain,
        buffers: list[Buffers],
    ) -> None:
        self._file, self._block, self._wanted, self._explained = file, block, wanted, explain
        self._asked = asked
        each = len(wanted.must)
        count = _lines_in(_bytes(block.data)[block.start : block.stop]) + 2
        self._buffers = buffers
        self._values: list[Buffer] = [one.take(block.stop + PADDING) for one in buffers]
        self._offsets = np.zeros((each, count), np.int64)
        self._kinds = np.empty((each, count), np.uint16)
        self._rows, self._starts = np.empty(count, np.int64), np.empty(count, np.int64)
        self._taken = self._left_out = self._open = 0
        self._rejected: list[DeadLetter] = []

    def scan(self, row: int, longest: int) -> tuple[int, int]:
        """Read lines, the first being record `row` of the slice; (the number of the record after, where it begins).

        That is the block's end, unless so many lines were refused that their letters would take more memory than the text.
        """
        values = np.array([one.ctypes.data for one in self._values], np.int64)
        taken = Taken(values, self._offsets, self._kinds, self._rows, self._starts)
        stop, position = self._block.stop, self._block.position
        state = np.array([self._block.start, row, 0, 0, 0], np.int64)
        padded, scratch = frozen(_bytes(self._block.data)), scratch_for(self._wanted)
        while True:
            status = scan_lines(padded, stop, longest, self._wanted, self._asked, taken, state, scratch)
            start, row = int(state[POSITION]), int(state[SEEN])
            self._taken, self._left_out = int(state[TAKEN]), int(state[LEFT_OUT])
            self._open += int(state[OPEN])
            if status == DONE:
                return row, stop
            if status == TOO_LONG:
                raise too_long(self._file, f"byte {position + start}", longest)
            start, row = self._explain(start, row, longest)
            if start >= stop or len(self._rejected) >= _LETTERS:
                return row, start
            state[:] = (start, row, self._taken, self._left_out, 0)

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
                outcome = self._explained(line)
                if isinstance(outcome, list):
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

    def _take(self, values: list[Value], row: int, start: int) -> None:
        for k, (kind, value) in enumerate(values):
            encoded = _bytes(b"" if value is None else value.encode())
            at = int(self._offsets[k, self._taken])
            self._values[k][at : at + len(encoded)] = encoded
            self._offsets[k, self._taken + 1] = at + len(encoded)
            self._kinds[k, self._taken] = kind
        self._rows[self._taken], self._starts[self._taken] = row, start
        self._taken += 1
        self._open += 1

    def batch(self, fields: Fields, place: list[int], stored: int) -> DocumentBatch:
        """What was read, which took so many stored bytes; field `k` of `fields.names` is value `place[k]` here."""
        known = [self._column(k) for k in range(len(self._values))]
        columns = [known[k] for k in place]
        first = 1 if fields.id is None else 2
        return DocumentBatch(
            content=columns[0],
            id=None if fields.id is None else columns[1],
            row=pa.array(self._rows[: self._taken]),
            uri=self._file.uri,
            fields=dict(zip(fields.extra, columns[first:], strict=True)),
            rejected=tuple(self._rejected),
            bytes_read=stored,
        )

    def records(
        self, paths: list[Path], others: Collection[Path], separator: str | None, stored: int
    ) -> Records:
        """The same as records to be shaped; where all that was asked is known, no more than the `others` of the fields."""
        decided = len(self._asked.ops) > 0 and not self._open
        used = [k for k, path in enumerate(paths) if not decided or path in others]
        known = {k: self._column(k) for k in used}
        columns = json_columns(
            [paths[k] for k in used], list(known.values()), self._kinds[used, : self._taken], separator
        )
        for k in set(range(len(paths))).difference(used):
            self._buffers[k].give_back(self._values[k])
        return records_of(
            columns=columns,
            left_out=self._left_out,
            decided=decided,
            rows=self._rows[: self._taken],
            position=lambda i: self._block.position + int(self._starts[i]),
            line=self._line,
            rejected=tuple(self._rejected),
            stored=stored,
        )

    def _line(self, i: int) -> bytes:
        start = int(self._starts[i])
        return bytes(self._block.data[start : self._block.data.find(b"\n", start)])

    def _column(self, k: int) -> pa.LargeStringArray:
        """An Arrow array over the buffers of a field, which are valid UTF-8 already."""
        offsets = self._offsets[k, : self._taken + 1]
        kinds = self._kinds[k, : self._taken] % STEPS
        there = (kinds != NOTHING) & (kinds != NULL)
        valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
        buffer, size = self._values[k], int(offsets[-1])
        if _FEW * size < len(buffer):
            values = pa.py_buffer(buffer[:size].copy())
            self._buffers[k].give_back(buffer)
        else:
            values = self._buffers[k].lend(buffer, size)
        return pa.LargeStringArray.from_buffers(self._taken, pa.py_buffer(offsets), values, valid)


def _bytes(value: bytes | bytearray) -> npt.NDArray[np.uint8]:
    return np.frombuffer(value, dtype=np.uint8)


def _lines_in(data: Buffer) -> int:
    """How many lines end in some bytes; `bytearray.count` takes longer than reading them."""
    parts = (data[at : at + _AT_ONCE] for at in range(0, len(data), _AT_ONCE))
    return sum(int(np.count_nonzero(part == ord("\n"))) for part in parts)


def _must(name: str, fields: Fields) -> int:
    """What a field must be for the compiled reader to take a record."""
    if name == fields.text:
        return 1
    return 2 if name == fields.id else 0
