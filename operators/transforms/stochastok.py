"""StochasTok (Sims et al., 2025, arXiv:2506.01687): tokens split into pairs of tokens, at random, so that models see inside.

    [strawberry]  ─▶  [straw][berry]  ─▶  [st][raw][berry]

int(n * rate) times, a place of the document is drawn; the token there, if it can be split, becomes one of its pairs.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams
from pairloom.operators.transforms.kernels.stochastok import Splits, expand

__all__ = ["StochasTok", "splits_of"]


class Made(NamedTuple):
    """Tokens of documents: how many each has, their ids, and which token of the flat input each comes from."""

    length: npt.NDArray[np.int64]
    ids: npt.NDArray[np.uint32]
    origin: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StochasTok(TokenStep):
    """Some tokens split into pairs of tokens that spell the same text (StochasTok: Sims et al., 2025).

    `rate` is how many splits are tried, as a share of a document's tokens; what is split may be split again, and a try that
    meets a token without splits is lost. Every pair of tokens that spells a token can take its place, each as likely. Other
    columns repeat what they have for the token that was split. Decoding gives the text as before.
    """

    name: ClassVar[str] = "stochastok"
    source: ClassVar[str] = "Sims et al., 2025, arXiv:2506.01687"

    rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {self.rate:g}")

    def prepare(self, tokenizer: Any) -> Splits:
        """The pairs of each token; raises ValueError for a vocabulary whose tokens do not spell text."""
        if not tokenizer.model.spells:
            raise ValueError(
                "stochastok: decoding this vocabulary need not give back the text, and splits would change what is read; use "
                "a byte-level vocabulary"
            )
        return splits_of(list(tokenizer.tokens), set(tokenizer.reserved_ids))

    def need(self, tokens: int, width: int) -> int:
        """Ids before and after, where each comes from, and the links of the longest document."""
        return int(tokens * (1 + self.rate) * (2 * width + 28))

    def __call__(self, batch: TokenBatch, seed: int, tables: Splits) -> TokenBatch:
        """The documents, with some tokens split."""
        made = self._expanded(batch, document_streams(seed, batch), tables)
        columns = {name: batch.flat(name)[made.origin] for name in batch.columns if name != INPUT_IDS}
        return batch.with_tokens(made.length, {INPUT_IDS: made.ids.astype(batch.dtype), **columns})

    def undo(self, batch: TokenBatch, seed: int, tables: Splits) -> TokenBatch:
        """The documents as they are, which decode to the same text."""
        return batch

    def _expanded(self, batch: TokenBatch, streams: npt.NDArray[np.uint64], tables: Splits) -> Made:
        """What becomes of the documents, and of which of their tokens."""
        tries = (batch.length * self.rate).astype(np.int64)
        room, most = int((batch.length + tries).sum()), int((batch.length + tries).max(initial=0))
        made = Made(
            length=np.empty(len(batch), np.int64),
            ids=np.empty(room, np.uint32),
            origin=np.empty(room, np.int64),
        )
        links = np.empty((3, most), np.int64)
        ids = batch.flat(INPUT_IDS).astype(np.uint32)
        used = expand(ids, batch.length, tries, streams, tables, links, *made)
        return Made(length=made.length, ids=made.ids[:used], origin=made.origin[:used])


def splits_of(tokens: list[bytes], left_out: set[int]) -> Splits:
    """All pairs of tokens that spell a token, by token and the place of the split.

    >>> table = splits_of([b"a", b"b", b"ab", b"aab", b"aa"], set())
    >>> [(int(left), int(right)) for left, right in zip(table.left, table.right, strict=True)], table.offsets.tolist()
    ([(0, 1), (0, 2), (4, 1), (0, 0)], [0, 0, 0, 1, 3, 4])
    """
    ids = {token: i for i, token in enumerate(tokens) if i not in left_out and token}
    left: list[int] = []
    right: list[int] = []
    offsets = np.zeros(len(tokens) + 1, np.int64)
    for i, token in enumerate(tokens):
        if i not in left_out:
            for at in range(1, len(token)):
                first, second = ids.get(token[:at]), ids.get(token[at:])
                if first is not None and second is not None:
                    left.append(first)
                    right.append(second)
        offsets[i + 1] = len(left)
    return Splits(offsets=offsets, left=np.array(left, np.uint32), right=np.array(right, np.uint32))
