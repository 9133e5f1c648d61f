"""Documents with the p-value of a watermark."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._measures import with_measure
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents.kernels.watermark import follow_keys
from pairloom.operators.documents.watermark import Watermark
from pairloom.operators.encode import Tokenizer
from pairloom.operators.kernels.hashing import hash_bytes

__all__ = ["COSTS", "Marked", "p_values", "secret"]

# log(1 - u) at the middle of each of 4,096 parts of [0, 1): which numbers stand for u does not change what p-values mean.
COSTS = np.log1p(-(np.arange(4096) + 0.5) / 4096)
COSTS.setflags(write=False)


def secret(key: int) -> int:
    """The number that makes the sequence of a key, 64 bits: see `follow_keys`."""
    return hash_bytes(b"pairloom: watermark", key)


def p_values(
    step: Watermark, ids: npt.NDArray[Any], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The p-value of each document, float64[documents]; NaN of one without tokens."""
    others = [
        hash_bytes(f"pairloom: another watermark {number}".encode(), step.key) for number in range(step.keys)
    ]
    keys = np.array([secret(step.key), *others], np.uint64)
    out = np.zeros((len(offsets) - 1, len(keys)))
    ids, offsets = np.ascontiguousarray(ids, np.int64), np.ascontiguousarray(offsets, np.int64)
    follow_keys(ids, offsets, keys, step.rows, min(step.block, step.tokens), step.tokens, COSTS, out)
    found = (1 + (out[:, 1:] <= out[:, :1]).sum(1)) / (1 + step.keys)
    return np.where(np.diff(offsets) > 0, found, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marked(StepWithLists):
    """The step and the tokenizer."""

    name = "marked"

    step: Watermark
    tokenizer: Tokenizer

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents without the watermark, as far as one can tell."""
        self.check_texts(batch)
        lists = self.tokenizer.encode_column(batch.content, missing_bytes="drop").ids
        found = p_values(self.step, lists.values.to_numpy(), lists.offsets.to_numpy())
        measured = with_measure(batch, self.step.field, pa.array(found, mask=np.isnan(found)))
        below = self.step.below
        return measured if below is None else measured.drop(found <= below, "watermarked")
