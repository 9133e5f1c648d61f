"""Learning byte-pair merges from words that are spread over partitions: the merges of `learn_bpe`, id for id.

    coordinator ── the best pairs, on trial ──▶ partition, partition, … ── what stands next to them ──▶ coordinator

A round makes tens to hundreds of merges (`coordinator`), so that a few hundred messages learn what takes tens of thousands
of merges. A partition (`partition`) holds its own words and nothing else's; the coordinator holds pairs and no word.

Source: of our own. Rounds of merges that do not touch each other are known (BatchBPE: Morgan 2024, arXiv 2408.04653), but
change the order and with it the vocabulary; here what was tried in vain is taken back, and the order is the greedy one.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.models.bpe.assembling import alphabet, assemble, byte_ids, check_options, spell_tokens
from pairloom.operators.models.bpe.merges import checked_merges
from pairloom.operators.models.bpe.sharded.coordinator import LEAST_BATCH, MOST_BATCH, Coordinator
from pairloom.operators.models.bpe.sharded.driving import drive
from pairloom.operators.models.bpe.sharded.encoded import ByteWords, SymbolWords, TokenWords
from pairloom.operators.models.bpe.sharded.messages import Message, Reply
from pairloom.operators.models.bpe.sharded.partition import Partition, partition_memory
from pairloom.operators.models.bpe.sharded.superword_rounds import (
    learn_superwords_sharded,
    superwords_coordinator,
)
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "ByteWords",
    "Coordinator",
    "Message",
    "Partition",
    "Reply",
    "SymbolWords",
    "TokenWords",
    "byte_ids",
    "learn_sharded",
    "learn_superwords_sharded",
    "partition_memory",
    "superwords_coordinator",
]


def learn_sharded(
    parts: Sequence[WordCounts],
    size: int,
    *,
    special_tokens: Sequence[str] = (),
    pretokenizer: Pretokenizer | None = None,
    normalizer: str = "none",
    min_count: int = 1,
    max_token_length: int | None = None,
    limit_alphabet: int | None = None,
    merges: npt.NDArray[np.int32] | None = None,
    least_batch: int = LEAST_BATCH,
    most_batch: int = MOST_BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> Vocabulary:
    """What `learn_bpe` learns from the words of all `parts`, learned in rounds, all partitions in this process.

    A word may occur in several parts. For the options see `learn_bpe`; `least_batch` and `most_batch` bound how many pairs
    are on trial in a round and decide nothing else. `progress` is called after each round with (merges learned, merges
    wanted). Raises what `learn_bpe` raises.
    """
    specials = check_options(
        size,
        special_tokens,
        min_count=min_count,
        max_token_length=max_token_length,
        limit_alphabet=limit_alphabet,
    )
    first = len(specials) + 256
    ids = alphabet(parts, len(specials), limit_alphabet)
    partitions = [Partition(ByteWords([part], ids, first)) for part in parts]
    coordinator = Coordinator(
        first=first,
        merges=size - first,
        min_count=min_count,
        max_token_length=max_token_length,
        given=None if merges is None else checked_merges(merges, first, size),
        least_batch=least_batch,
        most_batch=most_batch,
    )
    if merges is not None:
        spell_tokens(coordinator.merges, specials)  # refuses merges that make one token twice
    drive(coordinator, partitions, progress)
    return assemble(coordinator.merges, specials, pretokenizer=pretokenizer, normalizer=normalizer)
