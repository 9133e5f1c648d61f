"""Superwords from pieces that are spread over partitions: the vocabulary of `learn_superwords`, id for id."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.layout import TokenSequences
from pairloom.operators.models.bpe.sharded.coordinator import LEAST_BATCH, MOST_BATCH, Coordinator
from pairloom.operators.models.bpe.sharded.driving import drive
from pairloom.operators.models.bpe.sharded.encoded import TokenWords
from pairloom.operators.models.bpe.sharded.partition import Partition
from pairloom.operators.models.bpe.superwords import (
    FORBID,
    MAX_WORDS,
    assemble_superwords,
    checked_base,
    superword_limits,
)
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["learn_superwords_sharded", "superwords_coordinator"]


def superwords_coordinator(
    base: Vocabulary,
    size: int,
    *,
    max_words: int | None = MAX_WORDS,
    forbid: Sequence[str] = FORBID,
    min_count: int = 1,
    given: npt.NDArray[np.int32] | None = None,
    least_batch: int = LEAST_BATCH,
    most_batch: int = MOST_BATCH,
    threshold: int | None = None,
    most_hot: int | None = None,
) -> Coordinator:
    """What decides about the merges of the second stage; its partitions are of `TokenWords` that `base` has made.

    `given` (int32[m, 2], ids) are merges of the second stage that are made already. For the other arguments see
    `learn_superwords` and `Coordinator`.
    """
    checked_base(base, size)
    return Coordinator(
        first=len(base),
        merges=size - len(base),
        min_count=min_count,
        given=given,
        limits=superword_limits(base, max_words, forbid),
        few=False,
        least_batch=least_batch,
        most_batch=most_batch,
        threshold=threshold,
        most_hot=most_hot,
    )


def learn_superwords_sharded(
    base: Vocabulary,
    parts: Sequence[Sequence[TokenSequences]],
    size: int,
    *,
    pretokenizer: Pretokenizer,
    max_words: int | None = MAX_WORDS,
    forbid: Sequence[str] = FORBID,
    min_count: int = 1,
    merges: npt.NDArray[np.int32] | None = None,
    least_batch: int = LEAST_BATCH,
    most_batch: int = MOST_BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> Vocabulary:
    """What `learn_superwords` learns from all `parts`, learned in rounds, a partition for each part, in this process.

    `merges` (int32[m, 2], ids) are merges of the second stage that are made already; for the other arguments see
    `learn_superwords` and `learn_sharded`. The parts stay as they are.
    """
    coordinator = superwords_coordinator(
        base,
        size,
        max_words=max_words,
        forbid=forbid,
        min_count=min_count,
        given=merges,
        least_batch=least_batch,
        most_batch=most_batch,
    )
    drive(coordinator, [Partition(TokenWords(part, base)) for part in parts], progress)
    return assemble_superwords(base, coordinator.merges, pretokenizer)
