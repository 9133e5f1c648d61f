"""The pieces of a WordPiece, laid out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.wordpiece.kernels import encode_block
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["WordPieceTable"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordPieceTable:
    """`starts` and `continues` are tries (`build_trie`) of what begins and of what goes on a word; their lengths by id, uint32."""

    starts: npt.NDArray[np.uint64]
    continues: npt.NDArray[np.uint64]
    first_lengths: npt.NDArray[np.uint32]
    later_lengths: npt.NDArray[np.uint32]
    unknown: int
    longest: int

    @classmethod
    def of(
        cls, pieces: Sequence[bytes], *, unknown: int, prefix: str | None, longest: int
    ) -> "WordPieceTable":
        """The table of pieces by id, empty ones left out; those that go on a word begin with `prefix`, or none does.

        A word of more than `longest` characters, or that cannot be spelled, is the piece `unknown`.
        """
        spelled = b"" if prefix is None else prefix.encode()
        goes_on = (prefix is not None and piece.startswith(spelled) for piece in pieces)
        first = TokenTable.of(pieces)
        later = TokenTable.of(
            [piece[len(spelled) :] if there else b"" for piece, there in zip(pieces, goes_on, strict=True)]
        )
        numbers = np.arange(len(pieces), dtype=np.int64)
        return cls(
            starts=build_trie(first, numbers),
            continues=build_trie(later, numbers),
            first_lengths=first.lengths.astype(np.uint32),
            later_lengths=later.lengths.astype(np.uint32),
            unknown=unknown,
            longest=min(longest, 1 << 60),
        )

    def kernel(self) -> WordKernel:
        """How a word is encoded."""
        arrays = (self.starts, self.continues, self.first_lengths, self.later_lengths)
        return WordKernel(
            block=encode_block,
            tables=(*(array.ctypes.data for array in arrays), self.unknown, self.longest),
            held=self,
            scratch_bytes=lambda length: 4 * length + 8,
        )
