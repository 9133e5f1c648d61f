"""Rows for training: a stream whose place is three numbers, whatever the ranks, workers and batch sizes.

The rows of a split, epoch after epoch, are one endless stream. Its place is (generation, epoch, row). A step takes
`batch_size * world_size` consecutive rows, of which each rank takes its share: so every rank gets the same number of
rows, and a stream that is stopped anywhere goes on with the very next row on any number of ranks.

With a seed, each epoch has an order of its own: blocks of 1,024 rows are permuted, and the rows within each block, by
seeded bijections. (Packed rows are in a shuffled order to begin with; blocks keep reads of remote files together.)
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.hashing import hash_bytes
from pairloom.operators.order import permuted
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["BLOCK_ROWS", "Loader", "row_order"]

BLOCK_ROWS = 1024
OPEN_FILES = 64


def row_order(
    positions: npt.NDArray[np.int64], rows: int, *, seed: int | None, epoch: int
) -> npt.NDArray[np.int64]:
    """Which row stands at each position of an epoch of `rows` rows; the stored order without a seed."""
    if seed is None or not len(positions):
        return positions
    stream = hash_bytes(f"{seed} {epoch}".encode())
    full = rows // BLOCK_ROWS
    block, within = np.divmod(positions, BLOCK_ROWS)
    out = positions.copy()
    for number in np.unique(block).tolist():
        here = block == number
        size = BLOCK_ROWS if number < full else rows - full * BLOCK_ROWS
        # The last block is short, so it stays the last: all others may change places.
        source = int(permuted(np.array([number]), full, stream)[0]) if number < full else number
        out[here] = source * BLOCK_ROWS + permuted(within[here], size, stream + 1 + source)
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Random access to the rows of a split."""

    objects: Objects
    files: tuple[StoredFile, ...]
    starts: tuple[int, ...]  # the first row of each file, and the number of rows in all

    def take(self, rows: npt.NDArray[np.int64]) -> pa.Table:
        """The given rows, in their order."""
        file = np.searchsorted(self.starts, rows, side="right") - 1
        order = np.argsort(file, kind="stable")
        parts = []
        for number in np.unique(file):
            wanted = rows[order][file[order] == number] - self.starts[number]
            parts.append(_table(self.objects, self.files[number]).take(pa.array(wanted)))
        return pa.concat_tables(parts).take(pa.array(np.argsort(order, kind="stable"))).combine_chunks()


@lru_cache(maxsize=OPEN_FILES)
def _open(objects: Objects, stored: str) -> pa.Table:
    with open_arrow(objects, StoredFile.model_validate_json(stored)) as reader:
        return reader.read_all()


def _table(objects: Objects, stored: StoredFile) -> pa.Table:
    """A file's rows: mapped into memory where the store is local."""
    return _open(objects, stored.model_dump_json())


class Loader:
    """Iterates over the batches of one rank; see `Dataset.loader`.

    Each batch is an Arrow table of `batch_size` rows. `state_dict()` is the place of the first row that no rank has got
    yet, and is the same on every rank; `load_state_dict()` goes there.
    """

    def __init__(
        self,
        *,
        objects: Objects,
        files: tuple[StoredFile, ...],
        identity: dict[str, Any],
        batch_size: int,
        rank: int,
        world_size: int,
        seed: int | None,
        epoch: int,
        epochs: int | None,
        prefetch: int,
    ) -> None:
        if batch_size < 1 or world_size < 1 or not 0 <= rank < world_size or prefetch < 0:
            raise RecipeError(
                f"batch_size {batch_size}, rank {rank} of world_size {world_size}, prefetch {prefetch}: "
                "need batch_size >= 1, 0 <= rank < world_size, prefetch >= 0"
            )
        starts = np.concatenate([[0], np.cumsum([file.rows for file in files])]).astype(np.int64)
        if starts[-1] == 0:
            raise RecipeError(f"there are no rows in split {identity['split']!r}")
        self._rows = _Rows(objects=objects, files=files, starts=tuple(starts.tolist()))
        self._identity = identity | {"seed": seed}
        self._batch_size, self._rank, self._world_size = batch_size, rank, world_size
        self._seed, self._prefetch = seed, prefetch
        self._place = epoch * self.rows
        self._end = None if epochs is None else (epoch + epochs) * self.rows

    @property
    def rows(self) -> int:
        """Rows in an epoch, over all ranks."""
        return self._rows.starts[-1]

    def __len__(self) -> int:
        """Batches from here to the end; raises TypeError for a stream without an end."""
        if self._end is None:
            raise TypeError("this loader has no end (epochs=None)")
        return (self._end - self._place) // (self._batch_size * self._world_size)

    def __iter__(self) -> Iterator[pa.Table]:
        """The batches from the present place on; a last step that has not enough rows for all ranks is left out."""
        step = self._batch_size * self._world_size
        ahead: deque[tuple[int, Future[pa.Table]]] = deque()
        reading = self._place
        with ThreadPoolExecutor(max_workers=1) as pool:
            try:
                while True:
                    while len(ahead) <= self._prefetch and (self._end is None or reading + step <= self._end):
                        ahead.append((reading + step, pool.submit(self._batch, reading)))
                        reading += step
                    if not ahead:
                        return
                    after, future = ahead.popleft()
                    batch = future.result()
                    self._place = after
                    yield batch
            finally:
                for _, future in ahead:
                    future.cancel()

    def state_dict(self) -> dict[str, Any]:
        """The place of the next row: the generation, the epoch and the row, with what they are of."""
        epoch, row = divmod(self._place, self.rows)
        return self._identity | {"epoch": epoch, "row": row}

    def load_state_dict(self, state: dict[str, Any], *, force: bool = False) -> None:
        """Go to a place. Raises RecipeError, naming what differs, when it is a place in other rows; `force` goes there."""
        differs = [
            f"{key} is {self._identity[key]!r} here and {state.get(key)!r} in the state"
            for key in self._identity
            if self._identity[key] != state.get(key)
        ]
        if differs and not force:
            raise RecipeError("this state is of another stream of rows: " + "; ".join(differs))
        if not 0 <= state["row"] < self.rows:
            raise RecipeError(f"the state is at row {state['row']}, but an epoch has {self.rows} rows")
        self._place = state["epoch"] * self.rows + state["row"]

    def _batch(self, place: int) -> pa.Table:
        """The rows of this rank in the step that begins at a place; a step may begin in one epoch and end in the next."""
        positions = place + self._rank * self._batch_size + np.arange(self._batch_size)
        epochs, within = np.divmod(positions, self.rows)
        order = [
            row_order(within[epochs == epoch], self.rows, seed=self._seed, epoch=int(epoch))
            for epoch in np.unique(epochs)
        ]
        return self._rows.take(np.concatenate(order))
