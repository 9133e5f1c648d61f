"""Replaying merges: what each merge of a given list does to the counts of pairs in given words.

What was merged into one vocabulary is traced in another text this way: the mixture behind a tokenizer (Hayase et al.,
"Data Mixture Inference", 2024) follows from how often each merge was the most frequent pair of each kind of text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.learner import Learner
from pairloom.operators.models.bpe.merges import checked_merges
from pairloom.operators.vocabulary import byte_order

__all__ = ["ReplayStep", "replay"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplayStep:
    """The state after so many merges.

    `pair` was merged last, at `count` weighted positions, into `product`; of the step before the first merge it is None.
    `pairs` (int32[n, 2], ascending) are the pairs whose counts this merge changed, `counts` (int64[n]) what they are now;
    the merged pair is among them, with 0, unless it did not occur. At step 0 they are all pairs there are.
    """

    step: int
    pair: tuple[int, int] | None
    product: int | None
    count: int
    pairs: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]


def replay(
    counts: WordCounts, merges: npt.NDArray[np.int32], *, special_tokens: int = 0
) -> Iterator[ReplayStep]:
    """Apply `merges` to words in order, and tell after each which pairs occur how often now.

    Merges are int32[m, 2], in ids as `learn_bpe` gives them: `special_tokens` special tokens, the 256 bytes in the order
    of `byte_order()`, then the merges' products (`ordinal_merges` brings any vocabulary's merges there). A pair is counted
    at every position, weighted by its word's count. The words take about 16 bytes for each of their bytes, however many
    steps are taken. Raises ValueError for a merge of what does not exist yet, CapacityError where a count passes 2^63 - 1.

    >>> import pyarrow as pa
    >>> words = WordCounts(words=pa.array([b"!!#"], pa.large_binary()), counts=np.array([5]))
    >>> for step in replay(words, np.array([[0, 0]], np.int32)):  # "!" has id 0, "#" has id 2
    ...     print(step.pair, step.pairs.tolist(), step.counts.tolist())
    None [[0, 0], [0, 2]] [5, 5]
    (0, 0) [[0, 0], [0, 2], [256, 2]] [0, 0, 5]
    """
    first = special_tokens + 256
    given = checked_merges(merges, first, first + len(merges))
    ids = np.empty(256, np.int32)
    ids[byte_order()] = np.arange(special_tokens, first)
    layout = Layout.of_bytes([counts], ids)
    learner = Learner(layout, first=first, merges=len(given))
    for step, (count, keys, now) in enumerate(learner.replay(given)):
        pairs = np.stack([keys >> np.uint64(32), keys & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int32)
        if step == 0:
            yield ReplayStep(step=0, pair=None, product=None, count=0, pairs=pairs, counts=now)
            continue
        left, right = given[step - 1].tolist()
        yield ReplayStep(
            step=step, pair=(left, right), product=first + step - 1, count=count, pairs=pairs, counts=now
        )
