"""Rows for training: a stream whose place is three numbers, whatever the ranks, workers and batch sizes.

The rows of a split, epoch after epoch, are one endless stream. Its place is (generation, epoch, row). A step takes
`batch_size * world_size` consecutive rows, of which each rank takes its share: so every rank gets the same number of
rows, and a stream that is stopped anywhere goes on with the very next row on any number of ranks.

With a seed, each epoch has an order of its own: the blocks (of 1,024 rows) that files consist of are permuted, and the rows
within each block, by seeded bijections. (Packed rows are in a shuffled order to begin with; blocks keep reads together.)
"""

from collections.abc import Iterator
from operator import index
from typing import Any

import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.dataset.stream import RowStream
from pairloom.pipeline.steps import RowSteps
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["Loader"]


class Loader:
    """Iterates over the batches of one rank; see `Dataset.loader`.

    Each batch is an Arrow table of `batch_size` rows. `state_dict()` is the place of the first row that no rank has got
    yet, and is the same on every rank; `load_state_dict()` goes there. A loader can be pickled.
    """

    def __init__(  # noqa: PLR0913  (a value of the dataset's, which sets them all by keyword)
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
        compare: bool = True,
        steps: RowSteps | None = None,
        steps_seed: int = 0,
        late: RowSteps | None = None,
    ) -> None:
        # Whole numbers of numpy and of tensors are numbers, and a state that is kept holds plain ones.
        batch_size, rank, world_size, epoch = (index(one) for one in (batch_size, rank, world_size, epoch))
        seed = None if seed is None else index(seed)
        if batch_size < 1 or world_size < 1 or not 0 <= rank < world_size or prefetch < 0:
            raise RecipeError(
                f"batch_size {batch_size}, rank {rank} of world_size {world_size}, prefetch {prefetch}: "
                "need batch_size >= 1, 0 <= rank < world_size, prefetch >= 0"
            )
        if epoch < 0 or (epochs is not None and epochs < 1):
            raise RecipeError(f"epoch {epoch}, epochs {epochs}: need epoch >= 0, epochs >= 1 or None")
        widths = sorted({file.facts["seq_len"] for file in files})
        if len(widths) > 1:
            raise RecipeError(
                f"these files have rows of {' and '.join(map(str, widths))} tokens: make a loader for each length"
            )
        self.stream = RowStream(
            objects=objects,
            files=files,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            seed=seed,
            prefetch=prefetch,
            compare=compare,
            steps=steps,
            steps_seed=steps_seed,
        )
        if self.rows == 0:
            raise RecipeError(f"there are no rows in split {identity['split']!r}")
        self._late = {} if late is None else late.late()
        self._identity = identity | {"seed": seed}
        self._place, self.epochs = epoch * self.rows, epochs
        self._end = None if epochs is None else (epoch + epochs) * self.rows

    @property
    def rows(self) -> int:
        """Rows in an epoch, over all ranks."""
        return self.stream.rows

    @property
    def schema(self) -> pa.Schema:
        """The columns of the rows: those that the first file has, and what steps make of them."""
        with open_arrow(self.stream.objects, self.stream.files[0], compare=self.stream.compare) as reader:
            schema = reader.schema
        if self.stream.steps is None:
            return schema
        return self.stream.steps.schema(schema)

    @property
    def late(self) -> tuple[str, ...]:
        """The arrays that steps make of rows when they are asked for."""
        return tuple(self._late)

    def built(self, name: str, rows: pa.RecordBatch) -> npt.NDArray[Any]:
        """One of `late`, for some rows."""
        step, tables = self._late[name]
        return step.built(name, rows, tables)

    @property
    def split(self) -> str:
        """The split whose rows these are."""
        return str(self._identity["split"])

    @property
    def seq_len(self) -> int | None:
        """The tokens in each row."""
        found: int | None = self._identity["seq_len"]
        return found

    @property
    def place(self) -> int:
        """The next row, counted from the start of epoch 0."""
        return self._place

    @property
    def end(self) -> int | None:
        """Where the stream ends, counted as `place`; None for one that does not."""
        return self._end

    def __len__(self) -> int:
        """Batches from here to the end; raises TypeError for a stream without an end."""
        if self._end is None:
            raise TypeError("this loader has no end (epochs=None)")
        return (self._end - self._place) // self.stream.step

    def __iter__(self) -> Iterator[pa.Table]:
        """The batches from the present place on; a last step that has not enough rows for all ranks is left out."""
        for after, batch in self.stream.batches(self._place, self._end):
            self._place = after
            yield pa.Table.from_batches([batch])

    def state_dict(self) -> dict[str, Any]:
        """The place of the next row: the generation, the epoch and the row, with what they are of."""
        return self.state_at(self._place)

    def load_state_dict(self, state: dict[str, Any], *, force: bool = False) -> None:
        """Go to a place. Raises RecipeError, naming what differs, when it is a place in other rows.

        `force` goes to the same epoch and row whatever the rows are: some may come again and others never.
        """
        place = self.place_of(state, force=force)
        if self._end is not None and place > self._end:
            raise RecipeError(
                f"the state is at epoch {state['epoch']} row {state['row']}, past the end of this loader, which is epoch "
                f"{self._end // self.rows}: make it with a later epoch, or with epochs=None"
            )
        self._place = place

    def skip(self, rows: int) -> None:
        """Go on so many rows further on, counted over all ranks, without reading any; into later epochs if need be.

        Raises RecipeError for a negative number, and for one that leads past the end.
        """
        place = self._place + index(rows)
        if rows < 0 or (self._end is not None and place > self._end):
            left = "any number of" if self._end is None else f"{self._end - self._place:,}"
            raise RecipeError(f"cannot skip {rows:,} rows: there are {left} rows from here to the end")
        self._place = place

    def state_at(self, place: int) -> dict[str, Any]:
        """The state of a stream whose next row is at a place."""
        epoch, row = divmod(place, self.rows)
        return self._identity | {"epoch": epoch, "row": row}

    def place_of(self, state: dict[str, Any], *, force: bool = False) -> int:
        """The place of a state; raises RecipeError as `load_state_dict` does."""
        if "worker" in state:
            raise RecipeError(
                f"this state is that of worker {state['worker']} of {state['workers']} alone: "
                "pairloom.pipeline.dataset.torch.stream_state gives the place of the stream"
            )
        epoch, row = (_whole(state.get(key)) for key in ("epoch", "row"))
        missing = [key for key, value in (("epoch", epoch), ("row", row)) if value is None]
        if epoch is None or row is None:
            raise RecipeError(
                f"this is no state of a loader: it has no number {' and no number '.join(missing)}"
            )
        differs = [
            f"{key} is {self._identity[key]!r} here and {state.get(key)!r} in the state"
            for key in self._identity
            if self._identity[key] != state.get(key)
        ]
        if differs and not force:
            raise RecipeError(
                "this state is of another stream of rows: "
                + "; ".join(differs)
                + "; open_dataset(root, generation=...) opens the generation of a state, if it is kept"
            )
        if epoch < 0 or not 0 <= row < self.rows:
            raise RecipeError(f"the state is at epoch {epoch} row {row}, but an epoch has {self.rows} rows")
        return epoch * self.rows + row


def _whole(value: Any) -> int | None:
    """A whole number of any library as an int; None for what is none."""
    try:
        return index(value)
    except TypeError:
        return None
