"""A stream of packed rows: any rank's share of it, from any place on, read ahead block by block.

    places ──▶ steps of `batch_size * world_size` rows ──▶ this rank's rows of each, as pieces of blocks
                                                              │ the blocks of later steps are asked for
                                                              ▼
                                                     fetched or mapped by threads, dropped when they are passed

A block is what the writer of packed rows puts into a record batch. All threads and all data
belong to one iteration; a stream is a value that can be pickled and survives a fork.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.selection.epochs import Epoch, epoch_order
from pairloom.pipeline.dataset.blocks import RowFile, open_rows
from pairloom.pipeline.steps import RowSteps
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.objects import Objects

__all__ = ["BLOCK_ROWS", "RowStream", "block_sizes", "rows_a_block"]

BLOCK_ROWS = 1024
BLOCK_TOKENS = 1 << 23
AHEAD_BYTES = 256 << 20  # of blocks that are not yet needed; with one that is, however large
READERS = 4
PAGE = 4096


def rows_a_block(seq_len: int) -> int:
    """The rows of a record batch of packed rows: 1,024, or as many as have 2^23 tokens."""
    return max(1, min(BLOCK_ROWS, BLOCK_TOKENS // seq_len))


def block_sizes(file: StoredFile) -> npt.NDArray[np.int64]:
    """The rows of each block of a file of packed rows: so many, and what is left."""
    usual = rows_a_block(file.facts["seq_len"])
    edges = np.arange(0, file.rows + usual, usual)
    return np.diff(np.minimum(edges, file.rows))


class _Piece(NamedTuple):
    """Rows `start` to `stop`, in its order, of the block in a slot of an epoch."""

    key: tuple[int, int]  # epoch and slot: ascending as the stream goes on
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStream:
    """The rows of a split, epoch after epoch. A place is a number of rows from the start of epoch 0.

    Each step takes `batch_size * world_size` consecutive rows, of which each rank takes its share.
    """

    objects: Objects
    files: tuple[StoredFile, ...]
    batch_size: int
    rank: int
    world_size: int
    seed: int | None
    prefetch: int
    compare: bool = True  # each record batch with what was written, when it is read for the first time
    steps: RowSteps | None = None  # what is applied anew in each epoch
    steps_seed: int = 0

    @property
    def rows(self) -> int:
        """Rows in an epoch, over all ranks."""
        return sum(file.rows for file in self.files)

    @property
    def step(self) -> int:
        """Rows that all ranks take together."""
        return self.batch_size * self.world_size

    def batches(
        self, place: int, end: int | None = None, *, every: int = 1
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The rows of this rank in every `every`th step from a place on, with the place after the step.

        A step that would go past `end` is left out. At most `prefetch` blocks, and `AHEAD_BYTES`, are read ahead, beside
        the blocks of one batch; with `prefetch` 0 there are no threads. What comes is a view of a block where it can be.
        """
        blocks = _Blocks(self)
        steps = self._steps(place, end, every, blocks)
        ahead: deque[tuple[int, list[_Piece]]] = deque()
        held: dict[tuple[int, int], tuple[Future[pa.RecordBatch], int]] = {}
        with ExitStack() as stack:
            read = self._reader(stack, blocks)
            while True:
                while not ahead or (
                    len(held) <= self.prefetch and sum(size for _, size in held.values()) <= AHEAD_BYTES
                ):
                    step = next(steps, None)
                    if step is None:
                        break
                    ahead.append(step)
                    for piece in step[1]:
                        if piece.key not in held:
                            held[piece.key] = read(piece.key), blocks.bytes(piece.key)
                if not ahead:
                    return
                after, pieces = ahead.popleft()
                for passed in [key for key in held if key < pieces[0].key]:
                    del held[passed]
                rows = _one([held[p.key][0].result().slice(p.start, p.stop - p.start) for p in pieces])
                yield after, rows if self.steps is None else self._with_steps(rows, after, self.steps)

    def _with_steps(self, rows: pa.RecordBatch, after: int, steps: RowSteps) -> pa.RecordBatch:
        """The rank's rows of the step that ends at a place, epoch by epoch, with what steps make of them."""
        first, at, parts = after - self.step + self.rank * self.batch_size, 0, []
        while at < len(rows):
            epoch, row = divmod(first + at, self.rows)
            part = rows.slice(at, min(len(rows) - at, self.rows - row))
            parts.append(steps.apply(part, self.steps_seed, epoch, row))
            at += len(part)
        return _one(parts)

    def _steps(
        self, place: int, end: int | None, every: int, blocks: "_Blocks"
    ) -> Iterator[tuple[int, list[_Piece]]]:
        """The pieces of this rank's rows in each step, with the place after it; a step may go on in the next epoch."""
        while end is None or place + self.step <= end:
            at, left, pieces = place + self.rank * self.batch_size, self.batch_size, []
            while left:
                epoch, position = divmod(at, blocks.rows)
                order = blocks.order(epoch)
                slot = order.slot(position)
                start = position - int(order.starts[slot])
                count = min(left, int(order.starts[slot + 1]) - position)
                pieces.append(_Piece((epoch, slot), start, start + count))
                at, left = at + count, left - count
            yield place + self.step, pieces
            place += every * self.step

    def _reader(
        self, stack: ExitStack, blocks: "_Blocks"
    ) -> Callable[[tuple[int, int]], Future[pa.RecordBatch]]:
        """What asks for a block: of threads that end with the stack, or at once."""
        if self.prefetch:
            pool = ThreadPoolExecutor(min(self.prefetch, READERS), thread_name_prefix="pairloom-rows")
            stack.callback(pool.shutdown, cancel_futures=True)

        def read(key: tuple[int, int]) -> Future[pa.RecordBatch]:
            epoch, slot = key
            if self.prefetch:
                return pool.submit(blocks.read, blocks.order(epoch), slot, touch=True)
            done: Future[pa.RecordBatch] = Future()
            done.set_result(blocks.read(blocks.order(epoch), slot))
            return done

        return read


class _Blocks:
    """The blocks of a stream's files, for one iteration: where each is, and how to read it."""

    def __init__(self, stream: RowStream) -> None:
        self._stream = stream
        self.rows = stream.rows
        sizes = [block_sizes(file) for file in stream.files]
        counts = [len(one) for one in sizes]
        self._sizes = np.concatenate(sizes)
        self._file = np.repeat(np.arange(len(counts)), counts)
        self._first = np.concatenate([np.cumsum(one) - one for one in sizes])
        self._orders: dict[int, Epoch] = {}
        self._open: dict[int, RowFile] = {}

    def order(self, epoch: int) -> Epoch:
        """The order of an epoch; those of the last two are kept."""
        found = self._orders.get(epoch)
        if found is None:
            found = epoch_order(self._sizes, seed=self._stream.seed, epoch=epoch)
            kept = dict(sorted(self._orders.items())[-1:])
            self._orders = kept | {epoch: found}
        return found

    def bytes(self, key: tuple[int, int]) -> int:
        """About what a block takes in memory."""
        epoch, slot = key
        block = self.order(epoch).blocks[slot]
        file = self._stream.files[int(self._file[block])]
        return int(file.bytes * self._sizes[block] // file.rows)

    def read(self, order: Epoch, slot: int, *, touch: bool = False) -> pa.RecordBatch:
        """The rows of the block in a slot of an epoch, in their order; with `touch`, brought into memory."""
        block = int(order.blocks[slot])
        start = int(self._first[block])
        rows = self._opened(int(self._file[block])).read(start, start + int(self._sizes[block]))
        if order.stream is not None:
            return rows.take(pa.array(order.within(slot)))
        if touch:
            for buffer in (b for column in rows.columns for b in column.buffers() if b is not None):
                np.frombuffer(buffer, np.uint8)[::PAGE].max(initial=0)
        return rows

    def _opened(self, number: int) -> RowFile:
        found = self._open.get(number)
        if found is None:
            found = open_rows(self._stream.objects, self._stream.files[number], compare=self._stream.compare)
            self._open[number] = found
        return found


def _one(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(parts) == 1:
        return parts[0]
    return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
