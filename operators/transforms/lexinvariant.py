"""Lexinvariant language modelling (Huang et al., 2023, arXiv:2305.16349): in each document, tokens stand for each other.

    the cat saw the dog   ─▶   qux lem ip qux dorf        (another permutation in the next document)

A model that is to predict such text has to find out in each document what its tokens mean, as from random embeddings drawn
anew for each document.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.steps import in_53rds
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams
from pairloom.operators.transforms.kernels.lexinvariant import permute

__all__ = ["Lexinvariant", "Tables"]


class Tables(NamedTuple):
    """The ids that stand for each other, ascending (`ordinary`, uint32), and of each id which of these it is, or -1."""

    ordinary: npt.NDArray[np.uint32]
    place: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexinvariant(TokenStep):
    """Another permutation of the vocabulary in each document; special tokens stay (Huang et al., 2023).

    Of the tokens of the vocabulary, `rate` take part in each document, drawn anew for each; the others stay what they are.
    The permutation is a Feistel network keyed by document and copy, walked until it comes to a token that takes part: it is
    never written down, and its inverse costs the same.
    """

    name: ClassVar[str] = "lexinvariant"
    source: ClassVar[str] = "Huang et al., 2023, arXiv:2305.16349"
    keeps_places: ClassVar[bool] = True

    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1, not {self.rate:g}")

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens can take part: all but special ones and those that spell nothing."""
        size = len(tokenizer)
        able = np.array([bool(token) for token in tokenizer.tokens], np.bool_)
        able[list(tokenizer.reserved_ids)] = False
        place = np.full(size, -1, np.int64)
        place[able] = np.arange(int(able.sum()))
        return Tables(ordinary=np.flatnonzero(able).astype(np.uint32), place=place)

    def need(self, tokens: int, width: int) -> int:
        """Ids before and after, and both as the kernel takes them."""
        return tokens * (2 * width + 8)

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents in other tokens."""
        return self._permuted(batch, seed, tables, inverse=False)

    def undo(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents in their own tokens."""
        return self._permuted(batch, seed, tables, inverse=True)

    def _permuted(self, batch: TokenBatch, seed: int, tables: Tables, *, inverse: bool) -> TokenBatch:
        ids = batch.flat(INPUT_IDS).astype(np.uint32)
        permute(ids, batch.length, document_streams(seed, batch), *tables, in_53rds(self.rate), inverse)
        columns = {name: batch.flat(name) for name in batch.columns if name != INPUT_IDS}
        return batch.with_tokens(batch.length, {INPUT_IDS: ids.astype(batch.dtype), **columns})
