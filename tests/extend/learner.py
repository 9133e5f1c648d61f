"""A learner as a stranger would write it: the most frequent pairs of bytes are tokens, and nothing longer is."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.learners import Learner
from pairloom.operators.models.bpe import count_pairs
from pairloom.operators.models.bpe.assembling import assemble, byte_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Learner):
    """The most frequent pairs of bytes, none of which occurs less than `least` times."""

    name = "pairs"
    counts_least = False

    least: int = 1

    def learn(self, counts, target, *, progress=None):
        ids = byte_ids(len(target.special_tokens))
        pairs = count_pairs(counts)[np.ix_(np.argsort(ids), np.argsort(ids))].ravel()
        best = np.argsort(-pairs, kind="stable")[: target.size - 256 - len(target.special_tokens)]
        best = best[pairs[best] >= max(1, self.least)]
        merges = np.stack([best // 256, best % 256], axis=1).astype(np.int32) + ids.min()
        return assemble(
            merges, target.special_tokens, pretokenizer=target.pretokenizer, normalizer=target.normalizer
        )
