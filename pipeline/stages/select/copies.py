"""How often each document of a source is taken, and where its copies go.

    duplicate               never
    not chosen by a value   never, but for validation
    validation document     once, whatever the mixture: two mixtures are validated on the same documents
    train document          floor(epochs) times, and by a hash of its id once more

With shuffle `document` the first copy stands where the document stands without a mixture, and later ones have places of
their own. With `none` sources follow each other, and in each its passes: all documents once, then all that are taken a
second time, and so on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.selection.choosing import Chosen
from pairloom.operators.selection.mixture import document_copies, partition_edges
from pairloom.operators.selection.shares import passes
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.select.survey import split_counts

__all__ = ["ORDINAL_BITS", "Selection", "taken_counts"]

ORDINAL_BITS = 40  # of a place in a mixture that is not shuffled; the passes have the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is taken of one source.

    `duplicates` is the fingerprint of the files of duplicates, empty where nothing was deduplicated, and `span` the
    records of each of their batches. The rest says where the source stands in an order without shuffling: `rank` passes
    over other sources, with `base` tokens of the mixture, come before it; its tokens, all of them, are those of the corpus
    (of `corpus_tokens`) from `first_token` on, `tokens` in number; `train_tokens` of them are taken in each whole pass.
    """

    source: str
    epochs: Fraction
    seed: int
    duplicates: str
    span: int
    rank: int
    base: Fraction
    corpus_tokens: int
    first_token: int
    tokens: int
    train_tokens: int
    chosen: Chosen | None = None  # by a value of each document

    def identity(self) -> list[object]:
        """Everything that decides what is taken and where it goes."""
        exact = [str(number) for number in (self.epochs, self.base)]
        places = [self.rank, self.corpus_tokens, self.first_token, self.tokens, self.train_tokens]
        chosen = [] if self.chosen is None else [self.chosen.identity()]
        return [*exact, self.seed, self.duplicates, *places, *chosen]

    def copies(
        self,
        ids: pa.Array,
        held_out: npt.NDArray[np.bool_],
        duplicate: npt.NDArray[np.bool_],
        columns: Mapping[str, npt.NDArray[Any]],
    ) -> npt.NDArray[np.int64]:
        """How often each document is taken; int64. `columns` are what documents have, if they are chosen by that."""
        if self.chosen is None:
            often = document_copies(ids, self.epochs, self.seed)
        else:
            often = self.chosen.copies(columns[self.chosen.by], ids, self.epochs, self.seed)
        copies = np.where(held_out, 1, often)
        copies[duplicate] = 0
        return copies

    def keys_in_order(
        self, copy: npt.NDArray[np.int64], ordinal: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint64]:
        """The place of each copy: first the passes before its own, then the corpus's order."""
        return (((self.rank + copy) << ORDINAL_BITS) | ordinal).astype(np.uint64)

    def parts_in_order(
        self,
        copy: npt.NDArray[np.int64],
        place: npt.NDArray[np.int64],
        held_out: npt.NDArray[np.bool_],
        splits: Splits,
    ) -> npt.NDArray[np.int64]:
        """The partition of each copy, in order; `place` is the tokens of the corpus that come before its document."""
        out = splits.train + place * splits.validation // max(1, self.corpus_tokens)
        base = self.base
        for number, width in enumerate(passes(self.epochs, self.train_tokens)):
            mine = (copy == number) & ~held_out
            first, edges = partition_edges(base, width, self.tokens, splits.tokens, splits.train)
            out[mine] = first + np.searchsorted(edges, place[mine] - self.first_token, side="right")
            base += width
        return out

    @property
    def most(self) -> int:
        """The most copies of a document."""
        return max(1, math.ceil(self.epochs if self.chosen is None else self.chosen.most(self.epochs)))


def taken_counts(
    lengths: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.bool_],
    duplicate: npt.NDArray[np.bool_],
    copies: npt.NDArray[np.int64],
) -> dict[str, int]:
    """What a shard has and what is taken of it for training, by the names that SourceRecord has for them."""
    train = ~(held_out | duplicate)
    return split_counts(lengths[~duplicate], held_out[~duplicate]) | {
        "duplicate_documents": int(np.count_nonzero(duplicate)),
        "duplicate_tokens": int(lengths[duplicate].sum()),
        "delivered_documents": int(copies[train].sum()),
        "delivered_tokens": int((copies * lengths)[train].sum()),
    }
