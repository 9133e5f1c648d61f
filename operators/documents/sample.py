"""The step that keeps a share of the documents, chosen by a hash of what they hold."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pairloom.operators.documents import DocumentBatch, DocumentStep

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(DocumentStep):
    """Keeps about `share` of the documents: those whose text, or given tokens, hash below it with `seed`.

    Which they are depends on nothing else, neither on files, shards and workers nor on the order; what is kept at a share is
    kept at every larger one. Equal documents are kept or left out together, so that the share of duplicates stays what it is.
    """

    name = "sample"
    samples = True

    share: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share}")
        if not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed must be from 0 to 2^63 - 1, got {self.seed}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are chosen."""
        import numpy as np

        from pairloom.operators.kernels.hashing import hash_bytes

        threshold = math.ceil(Fraction(str(self.share)) * 2**64)
        if threshold == 2**64 or not len(batch):
            return batch
        stream = hash_bytes(f"pairloom: sample {self.seed}".encode())
        return batch.drop(_hashes(batch, stream) >= np.uint64(threshold))


def _hashes(batch: DocumentBatch, seed: int) -> "npt.NDArray[np.uint64]":
    """A hash of each document: of its text, or of the ids that it brings, whatever their type."""
    import numpy as np

    from pairloom.operators.kernels.hashing import hash_text
    from pairloom.operators.text.arrays import Text, text_of

    if batch.groups is not None:  # kept or left out together, by the first of them
        from pairloom.operators.documents._groups import leads

        hashes: npt.NDArray[np.uint64] = hash_text(text_of(batch.content), seed)
        return hashes[leads(batch.groups)]
    if not batch.given:
        return hash_text(text_of(batch.content), seed)
    lists = next(iter(batch.given.values()))
    ids = np.ascontiguousarray(lists.values.to_numpy(zero_copy_only=False), dtype=np.int64)
    return hash_text(
        Text(data=ids.view(np.uint8), offsets=lists.offsets.to_numpy().astype(np.int64) * 8), seed
    )
