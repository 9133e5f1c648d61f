"""Documents put together of pieces of documents: what a token step makes, for every column of tokens alike."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import Ragged, TokenBatch

__all__ = ["beside", "pieced"]


def beside(batch: TokenBatch, further: Sequence[Mapping[str, npt.NDArray[Any]]]) -> TokenBatch:
    """A batch and behind it documents of `further` tokens, of each all columns, to cut pieces from.

    Where a column is not given, its values are zeros. The numbers, copies and document columns of the latter mean nothing.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8], np.uint16)]})
    >>> beside(batch, [{"input_ids": np.array([1], np.uint16)}]).gathered("input_ids").to_pylist()
    [[7, 8], [1]]
    """
    extra = np.array([len(one[INPUT_IDS]) for one in further], np.int64)
    length = np.concatenate([batch.length, extra])
    index = np.concatenate([np.arange(len(batch)), np.zeros(len(further), np.int64)])
    index = index if len(batch) else np.zeros(0, np.int64)
    columns = {}
    for name, column in batch.columns.items():
        there = [
            np.asarray(one[name], column.dtype)
            if name in one
            else np.zeros(len(one[INPUT_IDS]), column.dtype)
            for one in further
        ]
        added = Ragged.flat(np.concatenate([np.zeros(0, column.dtype), *there]), extra)
        start = np.concatenate([column.start, added.start])
        columns[name] = replace(column, start=start, keep=(column.keep, added.keep))
    number = np.concatenate([batch.number, np.zeros(len(further), np.int64)])
    copy = np.concatenate([batch.copy, np.zeros(len(further), np.int32)])
    documents = {
        name: np.concatenate([values, np.zeros(len(further), values.dtype)])
        for name, values in batch.documents.items()
    }
    return TokenBatch(length=length, number=number, copy=copy, columns=columns, documents=documents)


def pieced(
    batch: TokenBatch,
    of: TokenBatch,
    owner: npt.NDArray[np.int64],
    document: npt.NDArray[np.int64],
    offset: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
) -> TokenBatch:
    """The documents of `batch` with the tokens of pieces of `of` instead, in their order.

    Piece `p` belongs to document `owner[p]` of the batch (ascending): `length[p]` tokens of `of`'s document `document[p]`
    from its token `offset[p]` on. Raises ValueError for a piece that lies outside of its document.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8, 9], np.uint16)]})
    >>> pieces = [np.array(p) for p in ([0, 0], [0, 0], [1, 0], [2, 1])]
    >>> pieced(batch, batch, *pieces).gathered("input_ids").to_pylist()
    [[8, 9, 7]]
    """
    cut = of.cut(document, offset, length)
    total = np.zeros(len(batch) + 1, np.int64)
    np.add.at(total, owner + 1, length)
    return batch.with_tokens(total[1:], {name: cut.flat(name) for name in of.columns})
