"""Documents that were encoded: with their columns, without those that teach nothing, and how the vocabulary met them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.encode import Encoded
from pairloom.operators.text.arrays import text_of
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.stages.agreement import NOTHING_TRAINED
from pairloom.pipeline.stages.tokenize.refusing import all_zero
from pairloom.pipeline.store.coverage import Coverage

__all__ = ["EncodedBatch", "coverages", "remaining", "without_untaught"]


class EncodedBatch(NamedTuple):
    """Documents, the columns of lists that they become, and how the vocabulary met their text."""

    batch: DocumentBatch
    found: Mapping[str, pa.LargeListArray]
    met: Coverage


def without_untaught(intake: Intake, one: EncodedBatch, needed: Sequence[str]) -> EncodedBatch:
    """The documents that have something in every column that is `needed`; the others are rejected."""
    lost = np.zeros(len(one.batch), np.bool_)
    for name in needed:
        lost |= all_zero(one.found[name])
    if not lost.any():
        return one
    return remaining(
        intake, one, one.batch.reject(lost, NOTHING_TRAINED, "none of its tokens is to be predicted")
    )


def remaining(intake: Intake, one: EncodedBatch, batch: DocumentBatch) -> EncodedBatch:
    """What is left where documents of it were rejected, which is what `batch` says."""
    kept = intake.lose(batch)
    left = pa.array(
        np.isin(one.batch.row.to_numpy(), kept.row.to_numpy())
    )  # without others of a group that was lost
    found = {name: column.filter(left) for name, column in one.found.items()}
    return EncodedBatch(kept, found, one.met)


def coverages(
    texts: pa.LargeStringArray,
    encoded: Encoded,
    edges: npt.NDArray[np.int64],
    *,
    around: int,
    memo: str | None,
) -> list[Coverage]:
    """How the vocabulary met the texts between `edges`, each of which has so many tokens put around it."""
    put = np.diff(edges) * around
    size = np.diff(text_of(texts).offsets[edges])
    tokens = np.diff(encoded.ids.offsets.to_numpy()[edges]) - put
    seen = np.array([(encoded.words, encoded.unknown_words)])
    if encoded.seen is not None:
        seen = np.diff(encoded.seen[edges], axis=0)
    if memo is None:
        seen[:, 1] = 0
    return [
        Coverage(bytes=text, tokens=count, words=words, unknown_words=unknown, memo=memo)
        for text, count, (words, unknown) in zip(size.tolist(), tokens.tolist(), seen.tolist(), strict=True)
    ]
