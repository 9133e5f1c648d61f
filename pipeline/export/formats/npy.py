"""Flat files of ids, for OLMo-core and what reads dolma's files.

Parts of up to 2^29 tokens, and beside each a `.csv.gz` with a line `start,end,id` for each document in it. The name
notwithstanding, such an `.npy` file has no header. Documents stand end to end, each with the tokens that the recipe puts around
it; rows with their padding, so that a trainer that cuts the file every `seq_len` tokens gets the rows. Where they have a loss mask,
`label_mask-00000.npy` is that of the part with its number, a byte for each token, as OLMo-core's `label_mask_paths` are.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents import LOSS_MASK
from pairloom.operators.schema import DOCUMENT, ID, SEGMENT_LENGTHS, is_packed
from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.source import Batch, Source
from pairloom.pipeline.export.target import Target
from pairloom.pipeline.store.sinks import HashedSink

__all__ = ["Npy", "write_npy"]

PART_TOKENS = 1 << 29  # as dolma: a GiB of uint16


class Npy(Exporter):
    """Flat files of ids as dolma has them."""

    name = "npy"
    unit = "documents"
    owned = r"part-\d{5,}\.(npy|csv\.gz)|label_mask-\d{5,}\.npy"
    holds = (LOSS_MASK,)

    def write(self, source: Source, target: Target) -> str:
        """The parts, each with the places of its documents."""
        return write_npy(source, target)


class _Part:
    """One `.npy` file and its `.csv.gz`."""

    def __init__(self, target: Target, number: int, *, masked: bool) -> None:
        self._stack = ExitStack()
        self._tokens: HashedSink = self._stack.enter_context(target.data(f"part-{number:05d}.npy"))
        sink = self._stack.enter_context(target.data(f"part-{number:05d}.csv.gz"))
        zipped = gzip.GzipFile(filename="", fileobj=sink, mode="wb", mtime=0, compresslevel=6)
        text = io.TextIOWrapper(self._stack.enter_context(zipped), encoding="utf-8", newline="")
        self._lines = csv.writer(self._stack.enter_context(text), lineterminator="\n")
        self._mask: HashedSink | None = None
        if masked:
            self._mask = self._stack.enter_context(target.data(f"label_mask-{number:05d}.npy"))
        self.size = 0

    def __enter__(self) -> "_Part":
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    def write(self, batch: Batch, first: int, stop: int) -> None:
        """Append the rows or documents from `first` to `stop` of a batch."""
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(batch.lengths)])
        tokens = batch.tokens[ends[first] : ends[stop]]
        self._tokens.write(tokens.data)
        if self._mask is not None:
            mask = batch.beside(LOSS_MASK)[ends[first] : ends[stop]]
            self._mask.write(np.ascontiguousarray(mask != 0).data)
        for start, length, name in _segments(batch, first, stop, self.size + ends - ends[first]):
            self._lines.writerow((start, start + length, name))
        self.size += len(tokens)


def write_npy(source: Source, target: Target, part_tokens: int = PART_TOKENS) -> str:
    """Write parts of about `part_tokens` tokens, no row or document in two of them; returns the dtype."""
    number = 0
    masked = any(column.name == LOSS_MASK for column in source.columns)
    with ExitStack() as stack:
        part: _Part | None = None
        for batches in source.parts():
            for batch in batches:
                ends = np.cumsum(batch.lengths)
                first = 0
                while first < len(batch):
                    room = part_tokens - part.size if part is not None else 0
                    before = ends[first] - batch.lengths[first]
                    stop = int(np.searchsorted(ends, before + room, side="right"))
                    if stop <= first:
                        if part is None or part.size:  # the part is full
                            stack.close()
                            part = stack.enter_context(_Part(target, number, masked=masked))
                            number += 1
                            continue
                        stop = first + 1  # longer than a part
                    assert part is not None
                    part.write(batch, first, stop)
                    first = stop
    return str(source.dtype)


def _segments(
    batch: Batch, first: int, stop: int, starts: npt.NDArray[np.int64]
) -> Iterator[tuple[int, int, str]]:
    """Where each document, or each segment of a row, begins, how many tokens it has, and which document it is of."""
    part = batch.table.slice(first, stop - first)
    if not is_packed(part.schema):
        for i, name in enumerate(part.column(ID).to_pylist(), first):
            yield int(starts[i]), int(batch.lengths[i]), name.replace("\r", "\\r").replace("\n", "\\n")
        return
    rows = zip(part.column(SEGMENT_LENGTHS).to_pylist(), part.column(DOCUMENT).to_pylist(), strict=True)
    for i, (lengths, numbers) in enumerate(rows, first):
        at = int(starts[i])
        for length, number in zip(lengths, numbers, strict=True):
            yield at, length, str(number)
            at += length
