"""Documents that are not tokenized, by their text or by what they bring: each leaves a dead letter."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import SPECIAL, DocumentBatch
from pairloom.operators.encode import Tokenizer
from pairloom.operators.schema import INPUT_IDS
from pairloom.pipeline.inputs.shaping.attributes import COLUMN_TYPE
from pairloom.pipeline.stages.agreement import SPECIAL_TOKEN_IN_TEXT

__all__ = ["all_zero", "without_refused", "without_special_tokens"]


def without_special_tokens(batch: DocumentBatch, tokenizer: Tokenizer) -> DocumentBatch:
    """The documents whose text spells no special token, or that were given none; the others are rejected."""
    if batch.given:
        lists = batch.given[INPUT_IDS]
        offsets = lists.offsets.to_numpy()
        reserved = np.isin(lists.flatten().to_numpy(), tokenizer.vocabulary.reserved_ids)
        many = np.diff(np.concatenate([[0], np.cumsum(reserved)])[offsets - offsets[0]])
        return batch.reject(
            many > 0, SPECIAL_TOKEN_IN_TEXT, "the ids of a special token are among its tokens"
        )
    found = tokenizer.find_special_tokens(batch.content, batch.spans.get(SPECIAL))
    return batch.reject(found, SPECIAL_TOKEN_IN_TEXT, "the text spells a special token")


def without_refused(batch: DocumentBatch) -> DocumentBatch:
    """The documents whose columns are what the recipe says; the others are rejected."""
    wrong = [batch.refused.get(row) for row in batch.row.to_pylist()]
    details = [detail for detail in wrong if detail is not None]
    return batch.reject([detail is not None for detail in wrong], COLUMN_TYPE, details)


def all_zero(lists: pa.LargeListArray) -> npt.NDArray[np.bool_]:
    """Which lists have nothing but zeros, or nothing at all.

    >>> all_zero(pa.array([[0, 1], [], [0], [2]], pa.large_list(pa.uint8()))).tolist()
    [False, True, True, False]
    """
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy(zero_copy_only=False)
    out = np.ones(len(lists), np.bool_)
    full = np.diff(offsets) > 0
    if full.any():
        out[full] = ~np.maximum.reduceat(values[: offsets[-1]] != 0, offsets[:-1][full])
    return out
