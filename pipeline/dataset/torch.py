"""Packed rows as PyTorch wants them: an iterable dataset whose place is that of the loader, with any number of workers.

    step:            0   1   2   3   4   5 ...      of the stream, for all ranks
    worker of 2:     0   1   0   1   0   1          each reads every second one; DataLoader takes them in turns

So a `DataLoader` gives the same batches in the same order with 0, 1 or n workers, and where it stands is one place.
What a worker saves for torchdata's `StatefulDataLoader` is its own next step; `stream_state` gives the stream's.

Needs the extra `torch`, which nothing else in Pairloom does.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

try:
    import torch
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError as error:
    raise ImportError(
        "pairloom.pipeline.dataset.torch needs PyTorch: pip install 'pairloom[torch]'"
    ) from error

from pairloom.operators import schema
from pairloom.operators.documents import LOSS_MASK, LOSS_WEIGHT
from pairloom.operators.errors import RecipeError
from pairloom.operators.pack import derive as segments
from pairloom.operators.pack.joined import joined_lengths
from pairloom.operators.pack.views import (
    ContextOrder,
    ContextSlice,
    PaddingFree,
    context_slice,
    padding_free,
    trimmed,
)
from pairloom.operators.schema import (
    DOCUMENT,
    INPUT_IDS,
    OFFSET,
    SEGMENT_LENGTHS,
    Column,
    columns_of,
    seq_len_of,
)
from pairloom.pipeline.dataset.loader import Loader
from pairloom.pipeline.dataset.seen import Seen, check_view

__all__ = ["COLUMNS", "TorchRows", "mask_mod", "stream_state"]

# What every batch of rows can give. Further columns are those that the rows have.
COLUMNS = (
    INPUT_IDS,
    "labels",
    "loss_weights",
    "position_ids",
    "segment_ids",
    SEGMENT_LENGTHS,
    "cu_seqlens",
    "max_seqlen",
    "token_places",
    "run_first",
    DOCUMENT,
    OFFSET,
    "place",
)
# PyTorch has these types, and next to no operators for them.
WIDER = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}


class TorchRows(IterableDataset):  # type: ignore[misc]
    """A dataset of whole batches, for `DataLoader(rows, batch_size=None, num_workers=...)` or by itself.

    A batch is a dict of what is in `columns`, for `b` rows of `seq_len` tokens:

    - `input_ids` int64[b, seq_len]; int64 because it is what every index, embedding and loss of PyTorch takes, while
      uint16 has next to no operators
    - `labels` int64[b, seq_len], -100 where there is nothing to predict: those that a row step gives (`masked_lm`), which
      stand where their tokens do; otherwise see `labels` in `operators.segments` for `shifted` and `across_documents`, and where
      rows have a `loss_mask`, -100 for the tokens where it is 0
    - `loss_weights` float32[b, seq_len]: how much the loss at each label counts, by the rows' `loss_weight` and 1 where they have
      none; 0 where there is nothing to predict
    - `position_ids`, `segment_ids` int32[b, seq_len]: from 0 in each segment, and which segment of its row, -1 on padding
    - `segment_lengths` int32[n] of all `n` segments one after another, with `segments_per_row` int32[b], so that
      `segment_lengths.split(segments_per_row.tolist())` are the rows; `document` and `offset`, int64[n], are cut alike
    - `source` int32[n], and any other column of documents: cut alike; with `per_token` [b, seq_len], the value of each
      token's document, and -1 (NaN for floats) on padding
    - any column of tokens that the rows have, [b, seq_len]; any column of rows, [b, its own width]
    - any array that a row step makes late, such as a matrix of which tokens see which, [b, seq_len, seq_len]
    - `cu_seqlens` int32, `max_seqlen` an int: what flash_attn's variable-length functions take
    - `token_places` int64: where in rows laid end to end each token stands that the batch has, see `padding_free`
    - `run_first` int32, one for each two of `cu_seqlens`: the place in its segment that what is between begins at
    - `place` int64[2]: epoch and row of the first row that no rank has got after this batch; see `state_at`

    An iteration begins at the place that was loaded, once; any other begins where `set_epoch` says, at first the
    loader's own place. Copies in workers move on their own, so that in this process `state_dict` does not move with them:
    keep the `place` of the last batch that was trained on, or use `StatefulDataLoader`.

    With `padding_free` what positions have is [1, t], the `t` tokens of all rows without padding, and `cu_seqlens` are
    their segments. With `trim=8` it is [b, w]: rows end behind the last token of any of the batch, at a multiple of 8. With
    `context=(rank, ranks)` it is [b, seq_len / ranks]: the part of each row that a rank of context parallelism takes, by
    `context_order` (`operators.pack.views.context_slice`); all ranks of one row read with one loader rank. Labels and
    positions are always those of whole rows.
    """

    def __init__(
        self,
        loader: Loader,
        *,
        columns: tuple[str, ...] = (INPUT_IDS, "labels", "position_ids"),
        shifted: bool = False,
        across_documents: bool = False,
        per_token: bool = False,
        padding_free: bool = False,
        trim: int | None = None,
        context: tuple[int, int] | None = None,
        context_order: ContextOrder = "zigzag",
    ) -> None:
        check_view(seq_len_of(loader.schema), padding_free, trim, context, context_order)
        further = [name for name in columns if name not in COLUMNS]
        there = [*(c.name for c in columns_of(loader.schema)), *loader.late] if further or not columns else []
        unknown = [name for name in further if name not in there]
        if unknown or not columns:
            known = ", ".join(dict.fromkeys((*COLUMNS, *there)))
            raise RecipeError(f"there are no columns {unknown}; choose from {known}")
        if padding_free or trim is not None or context is not None:
            whole = [*(c.name for c in columns_of(loader.schema) if c.of == "row"), *loader.late]
            if cut := [name for name in columns if name in whole]:
                raise RecipeError(
                    f"{', '.join(cut)} have no value for each position: take rows whole, or other columns"
                )
        super().__init__()
        self._loader, self._per_token = loader, per_token
        self._columns, self._shifted, self._across = tuple(columns), shifted, across_documents
        self._padding_free, self._trim = padding_free, trim
        self._context, self._order = context, context_order
        self._begin, self._end = loader.place, loader.end
        self._loaded: int | None = None  # the stream's place, where the next iteration begins
        self._own: int | None = None  # or this worker's own
        self._next: int | None = None  # where the latest iteration in this process is

    def set_epoch(self, epoch: int) -> None:
        """Begin the next iterations at an epoch; forgets a place that was loaded. Not seen by workers that persist."""
        if epoch < 0:
            raise RecipeError(f"epoch {epoch}: need epoch >= 0")
        self._begin = epoch * self._loader.rows
        epochs = self._loader.epochs
        self._end = None if epochs is None else (epoch + epochs) * self._loader.rows
        self._loaded = self._own = self._next = None

    def __len__(self) -> int:
        """Batches of the next iteration; raises TypeError for a stream without an end."""
        if self._end is None:
            raise TypeError("this loader has no end (epochs=None)")
        begin = self._begin if self._loaded is None else self._loaded
        return (self._end - begin) // self._loader.stream.step

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The batches from the place that was loaded, else from the beginning; in a worker, its share of the steps."""
        worker, workers = _worker()
        step = self._loader.stream.step
        place = (self._begin if self._loaded is None else self._loaded) + worker * step
        if self._own is not None:
            place = self._own
        self._loaded = self._own = None
        self._next = place
        return self._batches(place, workers)

    def state_dict(self) -> dict[str, Any]:
        """The place of the next row; in a worker, of its own next step, and which worker of how many it is."""
        place = self._begin if self._loaded is None else self._loaded
        if self._own is not None:
            place = self._own
        elif self._next is not None:
            place = self._next
        state = self._loader.state_at(place)
        worker, workers = _worker()
        if get_worker_info() is None:
            return state
        step = self._loader.stream.step
        return state | {"worker": worker, "workers": workers, "step": step, "rows": self._loader.rows}

    def load_state_dict(self, state: dict[str, Any], *, force: bool = False) -> None:
        """Begin the next iteration at a place; raises RecipeError as the loader's `load_state_dict` does.

        A worker takes the place that the same worker has saved, if there are as many as then and steps are as large.
        """
        worker, workers = _worker()
        self._loaded = self._own = self._next = None
        if "worker" in state and get_worker_info() is not None:
            here = {"worker": worker, "workers": workers, "step": self._loader.stream.step}
            differs = [
                f"{key} is {value} here and {state.get(key)} in the state"
                for key, value in here.items()
                if value != state.get(key)
            ]
            if differs:
                raise RecipeError(
                    "this state is of other workers or ranks or of another batch size: "
                    + "; ".join(differs)
                    + "; load stream_state(state) into the dataset instead, which goes on with any of them"
                )
            plain = {key: value for key, value in state.items() if key not in {*here, "rows"}}
            self._own = self._loader.place_of(plain, force=force)
        else:
            self._loaded = self._loader.place_of(state, force=force)
            if self._end is not None and self._loaded > self._end:
                raise RecipeError(
                    f"the state is at epoch {state['epoch']} row {state['row']}, past the end of this dataset: "
                    "set_epoch first, or make the loader with epochs=None"
                )

    def state_at(self, place: Any) -> dict[str, Any]:
        """The state of a stream at the `place` of a batch: that of `load_state_dict`, for any number of workers and ranks."""
        epoch, row = (int(number) for number in place)
        return self._loader.state_at(epoch * self._loader.rows + row)

    def _batches(self, place: int, every: int) -> Iterator[dict[str, Any]]:
        skipped = (every - 1) * self._loader.stream.step
        for after, rows in self._loader.stream.batches(place, self._end, every=every):
            self._next = after + skipped
            yield self._batch(rows, after)

    def _batch(self, rows: pa.RecordBatch, after: int) -> dict[str, Any]:
        lengths, width = rows.column(SEGMENT_LENGTHS), seq_len_of(rows.schema)
        whole = joined_lengths(rows)  # what attention goes by
        ids = rows.column(INPUT_IDS).flatten().to_numpy().reshape(-1, width).astype(np.int64)
        further = {column.name: column for column in columns_of(rows.schema)}
        seen = self._seen(whole, width)
        batch: dict[str, Any] = {}
        for name in self._columns:
            match name:
                case schema.INPUT_IDS:
                    batch[name] = torch.from_numpy(seen.of(ids))
                case "labels" | "loss_weights":
                    targets = self._labels if name == "labels" else self._weights
                    batch[name] = self._shown(targets(ids, rows), further.get("labels"), seen)
                case "position_ids":
                    batch[name] = torch.from_numpy(seen.of(segments.position_ids(whole, width)))
                case "segment_ids":
                    batch[name] = torch.from_numpy(seen.of(segments.segment_ids(whole, width)))
                case "cu_seqlens":
                    batch[name] = torch.from_numpy(seen.cu_seqlens())
                case "max_seqlen":
                    batch[name] = int(np.diff(seen.cu_seqlens()).max(initial=0))
                case "token_places":
                    batch[name] = torch.from_numpy(seen.token_places())
                case "run_first":
                    batch[name] = torch.from_numpy(seen.run_first())
                case "place":
                    batch[name] = torch.tensor(divmod(after, self._loader.rows))
                case _ if name in self._loader.late:
                    batch[name] = torch.from_numpy(self._loader.built(name, rows))
                case _:
                    values = _owned(rows.column(name))
                    if name in further and further[name].of != "document":
                        batch[name] = self._shown(values.reshape(len(rows), -1), further[name], seen)
                    elif name in further and self._per_token:
                        batch[name] = torch.from_numpy(seen.of(_per_token(values, lengths, width)))
                    else:
                        batch[name] = torch.from_numpy(values)
                        batch["segments_per_row"] = torch.from_numpy(
                            lengths.value_lengths().to_numpy().copy()
                        )
        return batch

    def _labels(self, ids: npt.NDArray[np.int64], rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """The labels that rows have; else those that follow from the tokens, and from their mask if they have one."""
        if "labels" in rows.schema.names:
            return self._stored_labels(rows)
        found = segments.labels(
            ids, joined_lengths(rows), shifted=self._shifted, across_documents=self._across
        )
        if LOSS_MASK in rows.schema.names:
            found[self._of_labels(rows, LOSS_MASK) == 0] = segments.IGNORED
        return found

    def _weights(self, ids: npt.NDArray[np.int64], rows: pa.RecordBatch) -> npt.NDArray[np.float32]:
        """How much the loss at each label counts."""
        labels = self._labels(ids, rows)
        weights = np.ones(labels.shape, np.float32)
        if LOSS_WEIGHT in rows.schema.names and "labels" not in rows.schema.names:
            weights = self._of_labels(rows, LOSS_WEIGHT).astype(np.float32)
        weights[labels == segments.IGNORED] = 0
        return weights

    def _of_labels(self, rows: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
        """A column of tokens, each value where the label of its token is."""
        values = rows.column(name).flatten().to_numpy(zero_copy_only=False).reshape(len(rows), -1)
        return np.roll(values, -1, axis=1) if self._shifted else values.copy()

    def _shown(self, values: npt.NDArray[Any], column: Column | None, seen: Seen) -> Any:
        """What a batch has of a column of rows: what is seen of a value a position, all of what has a width of its own."""
        return torch.from_numpy(seen.of(values) if column is None or column.of == "token" else values)

    def _seen(self, lengths: pa.Array, width: int) -> Seen:
        """The rows of a batch as this dataset shows them."""
        view: PaddingFree | ContextSlice | None = None
        if self._padding_free:
            view = padding_free(lengths, width)
        elif self._trim is not None:
            view = trimmed(lengths, width, self._trim)
        elif self._context is not None:
            view = context_slice(lengths, width, *self._context, self._order)
        return Seen(lengths, width, view)

    def _stored_labels(self, rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """The labels that rows have; raises RecipeError where others are asked for."""
        if self._shifted or self._across:
            raise RecipeError(
                "these rows have labels of their own, each where its token stands: shifted and across_documents are for labels "
                "that are the tokens themselves"
            )
        found: npt.NDArray[np.int64] = rows.column("labels").flatten().to_numpy().astype(np.int64)
        return found.reshape(len(rows), -1)


def mask_mod(segment_ids: Any) -> Callable[[Any, Any, Any, Any], Any]:
    """What FlexAttention's `create_block_mask` takes, from `segment_ids` int[b, seq_len] on the device of the model.

    A position sees itself and what stands before it in its own segment. Padding sees padding, so that no row of the
    attention is empty.
    """

    def documents(batch: Any, _head: Any, query: Any, key: Any) -> Any:
        return (query >= key) & (segment_ids[batch, query] == segment_ids[batch, key])

    return documents


def stream_state(state: dict[str, Any]) -> dict[str, Any]:
    """The place of the stream in what `StatefulDataLoader.state_dict()` gave: for any number of workers and ranks.

    The worker whose turn is next holds it. Raises RecipeError for anything else than the state of a `StatefulDataLoader`
    over `TorchRows`.
    """
    skipped = 0
    if "_snapshot" in state:
        snapshot = state["_snapshot"]
        workers = snapshot["_main_snapshot"]["_num_workers"]
        turn = (snapshot["_last_yielded_worker_id"] + 1) % workers
        found = (snapshot["_worker_snapshots"].get(f"worker_{turn}") or {}).get("dataset_state")
        skipped = state["_steps_since_snapshot"]
    else:
        found = state.get("dataset_state")
    if not isinstance(found, dict) or "row" not in found:
        raise RecipeError(
            f"this is no state of a StatefulDataLoader over TorchRows: it has {', '.join(state)}"
        )
    out = {key: value for key, value in found.items() if key not in {"worker", "workers", "step", "rows"}}
    if skipped:
        place = found["epoch"] * found["rows"] + found["row"] + skipped * found["step"]
        out["epoch"], out["row"] = divmod(place, found["rows"])
    return out


def _owned(column: pa.Array) -> npt.NDArray[Any]:
    """All values of a column of lists, copied, in a dtype that PyTorch computes with."""
    values = column.flatten().to_numpy(zero_copy_only=False)
    owned: npt.NDArray[Any] = values.astype(WIDER.get(values.dtype.name, values.dtype))
    return owned


def _per_token(values: npt.NDArray[Any], lengths: pa.Array, width: int) -> npt.NDArray[Any]:
    """The value of each segment at its tokens, and something that is none of them on padding."""
    if values.dtype.kind == "f":
        return segments.per_token(values, lengths, width, np.nan)
    signed = values.astype(np.int16) if values.dtype == np.uint8 else values
    return segments.per_token(signed, lengths, width, -1)


def _worker() -> tuple[int, int]:
    """Which of how many workers this is."""
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)
