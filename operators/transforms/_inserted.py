"""Special tokens put between those of documents, for every column of tokens alike."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms.kernels.inserted import insert_runs, number_places

__all__ = ["inserted", "places", "without"]


def inserted(
    batch: TokenBatch, every: int, count: npt.NDArray[np.int64], run: npt.NDArray[np.int64]
) -> TokenBatch:
    """Documents with the tokens `run` behind every `every` of their own, `count[i]` times in document `i`.

    Other columns of tokens have zeros there. `count[i]` must be at most the whole blocks that document `i` has.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8, 9], np.uint16)]})
    >>> inserted(batch, 2, np.array([1]), np.array([1, 2])).gathered("input_ids").to_pylist()
    [[7, 8, 1, 2, 9]]
    """
    length = batch.length + count * len(run)
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, column in batch.columns.items():
        between = run.astype(column.dtype) if name == INPUT_IDS else np.zeros(len(run), column.dtype)
        out = np.empty(int(length.sum()), column.dtype)
        width = column.dtype.itemsize
        insert_runs(
            column.start,
            batch.length * width,
            every * width,
            count,
            between.view(np.uint8),
            out.view(np.uint8),
        )
        columns[name] = out
    return batch.with_tokens(length, columns)


def without(batch: TokenBatch, tokens: npt.NDArray[np.int64]) -> TokenBatch:
    """Documents without some tokens, in every column.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 1, 9], np.uint16)]})
    >>> without(batch, np.array([1])).gathered("input_ids").to_pylist()
    [[7, 9]]
    """
    kept = ~np.isin(batch.flat(INPUT_IDS), tokens)
    length = np.diff(np.append(0, np.cumsum(kept))[np.append(0, np.cumsum(batch.length))])
    return batch.with_tokens(length, {name: batch.flat(name)[kept] for name in batch.columns})


def places(batch: TokenBatch, period: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Of each token, of all documents one after another: its block of `period` tokens of its document, its place there.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8, 9], np.uint16), np.array([9], np.uint16)]})
    >>> [found.tolist() for found in places(batch, 2)]
    [[0, 0, 1, 0], [0, 1, 0, 0]]
    """
    block, place = np.empty((2, batch.tokens), np.int32)
    number_places(batch.length, period, block, place)
    return block, place
