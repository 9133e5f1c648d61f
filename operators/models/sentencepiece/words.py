"""Words of SentencePiece's Unigram: where its text is cut into some, and what encodes them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import Cuts, WordKernel
from pairloom.operators.models.character_bpe.tables import neighbours
from pairloom.operators.models.sentencepiece.kernels.block import encode_sums
from pairloom.operators.models.unigram.kernels.ways import NODE
from pairloom.operators.models.unigram.tables import UnigramTable
from pairloom.operators.text.front.pieces import Pieces
from pairloom.operators.text.front.spaces import Spaces

__all__ = ["SumTable", "cuts_of"]


def cuts_of(pieces: Sequence[str], *, falls_back: bool) -> Cuts:
    """What cuts normalized text, in which a space stands for U+2581, where no piece reaches.

    What is unknown side by side has one id, unless it `falls_back` to bytes: it is never apart.
    """
    unknown = np.ones(0x110000, np.bool_)
    unknown[[ord(piece) for piece in pieces if len(piece) == 1]] = False
    unknown[0xFFFD] = True  # what is no character, too
    spaced = any(" " in piece.lstrip(" ") for piece in pieces)
    if not spaced and (falls_back or not unknown[ord(" ")]):
        return Spaces(pieces)
    return Pieces(*neighbours(pieces, unknown, fuses=not falls_back))


class SumTable:
    """The pieces of a Unigram whose sums are of float32, laid out for the loop that remembers words."""

    def __init__(self, table: UnigramTable) -> None:
        self._table = table
        self._scores = np.append(table.scores, 0.0).astype(np.float32)

    def with_bytes(self, byte_ids: npt.NDArray[np.uint32]) -> "SumTable":
        """The same, but that what no piece spells falls back to bytes of these ids."""
        return SumTable(replace(self._table, falls_back=True, byte_ids=byte_ids))

    def kernel(self) -> WordKernel:
        """How words are encoded, whatever is before them."""
        return WordKernel(
            block=encode_sums,
            tables=(
                *self._table.addresses,
                self._scores.ctypes.data,
                len(self._scores) - 1,
            ),
            held=self,
            before=8,
            scratch_bytes=lambda length: 4 * length + 32 + (NODE + 8) * (length + 1),
        )
