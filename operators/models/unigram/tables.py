"""The pieces of a Unigram and their scores, laid out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.unigram.kernels.block import encode_block
from pairloom.operators.models.unigram.kernels.ways import NODE
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["PENALTY", "UnigramTable"]

PENALTY = 10.0
"""By how much a character without a piece is worse than the worst piece, as in `tokenizers`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnigramTable:
    """`trie` is that of `build_trie`, whose numbers are ids; `scores` float64, one an id; `penalty` float64[1].

    `most` (float64[1]) is the greatest absolute of a score or the penalty; a piece has fewer bytes than `reach`, a power of two.
    """

    trie: npt.NDArray[np.uint64]
    scores: npt.NDArray[np.float64]
    penalty: npt.NDArray[np.float64]
    most: npt.NDArray[np.float64]
    reach: int
    unknown: int
    byte_ids: npt.NDArray[np.uint32]
    falls_back: bool
    narrow: bool = False

    @classmethod
    def of(
        cls,
        pieces: Sequence[tuple[bytes, float]],
        *,
        unknown: int,
        byte_ids: Sequence[int] = (),
        narrow: bool = False,
        penalty: float | None = None,
    ) -> "UnigramTable":
        """The table of pieces by id; empty ones are left out, and of two that are one the last counts.

        With 256 `byte_ids`, what no piece spells falls back to bytes, else it is `unknown`. With `narrow`, sums are of float32, as
        in SentencePiece. `penalty` is the score of a character without a piece, by default `PENALTY` below the least one.
        """
        tokens = TokenTable.of([piece for piece, _ in pieces])
        last = {piece: i for i, (piece, _) in enumerate(pieces)}
        numbers = np.full(len(pieces), -1, np.int64)
        places = list(last.values())
        numbers[places] = places
        scores = np.array([score for _, score in pieces], np.float64)
        alone = np.array([scores.min() - PENALTY if penalty is None else penalty], np.float64)
        return cls(
            trie=build_trie(tokens, numbers),
            scores=scores,
            penalty=alone,
            most=np.abs(np.append(scores, alone)).max(keepdims=True),
            reach=1 << max(3, int(tokens.lengths.max(initial=0)).bit_length()),
            narrow=narrow,
            unknown=unknown,
            byte_ids=np.array(byte_ids, np.uint32) if byte_ids else np.zeros(256, np.uint32),
            falls_back=bool(byte_ids),
        )

    @property
    def addresses(self) -> tuple[int, ...]:
        """The tables of `encode_from`."""
        return (
            self.trie.ctypes.data,
            self.scores.ctypes.data,
            self.unknown,
            self.byte_ids.ctypes.data,
            int(self.falls_back),
            self.penalty.ctypes.data,
            int(self.narrow),
            self.most.ctypes.data,
        )

    def kernel(self, *, spaced: bool = False) -> WordKernel:
        """How a word is encoded, or a part of one; a word begins with each space (`spaced`), or is a whole text."""
        return WordKernel(
            block=encode_block,
            tables=(*self.addresses, int(spaced), self.reach),
            held=self,
            scratch_bytes=lambda length: 4 * length + 32 + (NODE + 8) * (length + 1) + 8 * self.reach,
        )
