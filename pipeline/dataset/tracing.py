"""What a training run has seen: which stored row stands at each place of a stream, and at which places a row stands.

    place of the stream ── epoch, position ──▶ slot, row within its block ──▶ stored row
    stored row ──▶ block, row within it ── inverse orders ──▶ position of an epoch

Both follow from the seed, the epoch and the sizes of the blocks, so nothing of a run has to have been kept but its state.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.joined import ADDED
from pairloom.operators.schema import DOCUMENT, JOINED, OFFSET, SEGMENT_LENGTHS
from pairloom.operators.selection.epochs import epoch_order
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.dataset.loader import Loader
from pairloom.pipeline.dataset.stream import block_sizes

__all__ = ["places_of", "rows_at", "rows_with"]

Rows = npt.NDArray[np.int64]


def rows_at(loader: Loader, start: int, stop: int) -> Rows:
    """The stored rows at places `start` to `stop` of a loader's stream, int64[stop - start].

    A place counts rows over all ranks from the start of epoch 0; a stored row counts those of the split, as
    `pairloom inspect` does.
    """
    sizes, first = _blocks(loader)
    found = np.empty(stop - start, np.int64)
    at = start
    while at < stop:
        epoch, position = divmod(at, loader.rows)
        order = epoch_order(sizes, seed=loader.stream.seed, epoch=epoch)
        slot = order.slot(position)
        begin = position - int(order.starts[slot])
        count = min(stop - at, int(order.starts[slot + 1]) - position)
        within = order.within(slot)[begin : begin + count]
        found[at - start : at - start + count] = first[order.blocks[slot]] + within
        at += count
    return found


def places_of(loader: Loader, rows: Sequence[int], epoch: int) -> Rows:
    """At which place of a loader's stream each stored row stands in an epoch, int64[rows]; the inverse of `rows_at`."""
    sizes, first = _blocks(loader)
    order = epoch_order(sizes, seed=loader.stream.seed, epoch=epoch)
    slot_of = np.empty(len(sizes), np.int64)
    slot_of[order.blocks] = np.arange(len(sizes))
    found = np.empty(len(rows), np.int64)
    for i, row in enumerate(rows):
        block = int(np.searchsorted(first, row, side="right")) - 1
        slot = int(slot_of[block])
        within = int(np.flatnonzero(order.within(slot) == row - first[block])[0])
        found[i] = epoch * loader.rows + int(order.starts[slot]) + within
    return found


def rows_with(
    dataset: Dataset, document: int, split: str, seq_len: int | None = None
) -> list[tuple[int, int, int]]:
    """Every segment of a document (its number) in the rows of a split: (stored row, token of the document, tokens)."""
    found, at = [], 0
    for batch in dataset.batches(split, seq_len=seq_len):
        lists = batch.column(DOCUMENT)
        flat, edges = lists.flatten().to_numpy(), lists.offsets.to_numpy() - lists.offsets[0].as_py()
        offsets, lengths = (batch.column(name).flatten().to_numpy() for name in (OFFSET, SEGMENT_LENGTHS))
        own = flat == document
        if JOINED in batch.schema.names:  # what joining has added is of no document
            own &= batch.column(JOINED).flatten().to_numpy() & ADDED == 0
        for segment in np.flatnonzero(own).tolist():
            row = int(np.searchsorted(edges, segment, side="right")) - 1
            found.append((at + row, int(offsets[segment]), int(lengths[segment])))
        at += batch.num_rows
    return found


def _blocks(loader: Loader) -> tuple[Rows, Rows]:
    """The rows of each block, and the stored row that each begins with."""
    sizes = np.concatenate([block_sizes(file) for file in loader.stream.files])
    return sizes, np.cumsum(sizes) - sizes
