"""A token step as a stranger would write it: tokens repeated at random, and a column that says which."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams, draws

ECHO = Column(name="echo", dtype=np.dtype(np.uint8), doc="1 where a token repeats the one before it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stutter(TokenStep):
    """Some tokens twice."""

    name = "stutter"
    columns = (ECHO,)

    rate: float = 0.25

    def __call__(self, batch: TokenBatch, seed: int, tables: None) -> TokenBatch:
        of = np.repeat(np.arange(len(batch)), batch.length)
        place = np.arange(len(of)) - np.repeat(np.cumsum(batch.length) - batch.length, batch.length)
        twice = draws(document_streams(seed, batch)[of], place) < np.uint64(self.rate * 2**64)
        times = 1 + twice
        echo = np.ones(int(times.sum()), np.uint8)
        echo[np.cumsum(times) - times] = 0
        length = np.bincount(of, weights=times, minlength=len(batch)).astype(np.int64)
        ids = np.repeat(batch.flat(INPUT_IDS), times)
        return batch.with_tokens(length, {INPUT_IDS: ids, "echo": echo})
