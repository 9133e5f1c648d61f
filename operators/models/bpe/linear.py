"""Applying merges in time linear in the text, whatever its length: from left to right, going back where need be.

A sequence of tokens is what BPE makes of its bytes exactly if that holds of every two neighbours, and it is the only one;
van Antwerpen and Neubeck describe the algorithm ("So many tokens, so little time", GitHub, 2024). So the longest token at a
place is taken that goes together with the one before it; where none does, the one before it is given up for the next
shorter. A place from which the rest of the text cannot be reached is marked, and no place is tried twice. Whether two tokens
go together is found by taking the later-made of them apart at the seam, for as long as no merge would cross it.

Tokens have ordinals here: bytes 0 to 255, the product of merge k is 256 + k, so that a smaller ordinal was made earlier.
That presupposes that each merge makes a token of its own from tokens made before it (`LinearTable.of` returns None
otherwise). Merges that never apply, because others take their parts apart first, are left out.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.kernels.linear import NONE, fill_merges, fill_shorter
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["LinearTable", "linear_bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearTable:
    """The merges of a vocabulary, laid out for `encode_linear`; all arrays are read-only once built.

    By ordinal: `parts` is uint32[2n], left and right (a byte's are itself), `shorter` uint32[n] the longest token that is a
    beginning of the token, or NONE, `lengths` uint32[n] and `ids` uint32[n]. `slots` is an open-addressed table of uint64
    for the merges, as in `PairTable`, with ordinals; `trie` is that of `trie.py`.
    """

    parts: npt.NDArray[np.uint32]
    shorter: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint32]
    slots: npt.NDArray[np.uint64]
    trie: npt.NDArray[np.uint64]

    @classmethod
    def of(
        cls,
        byte_ids: npt.NDArray[np.int64],
        merges: npt.NDArray[np.int32],
        products: npt.NDArray[np.int64],
        tokens: TokenTable,
    ) -> "LinearTable | None":
        """Lay merges out (arguments as of `PairTable.of`), or None where they are not as presupposed."""
        count = 256 + len(merges)
        if (byte_ids < 0).any() or (products < 0).any() or len(set(products.tolist())) < len(products):
            return None
        ids = np.concatenate([byte_ids, products])
        ordinals = np.full(len(tokens), -1, np.int64)
        ordinals[ids] = np.arange(count)
        pairs = ordinals[merges] if len(merges) else np.zeros((0, 2), np.int64)
        if len(set(ids.tolist())) < count or (pairs < 0).any():
            return None
        if (pairs >= np.arange(256, count)[:, None]).any():
            return None
        parts = np.concatenate([np.repeat(np.arange(256), 2), pairs.reshape(-1)]).astype(np.uint32)
        slots = np.zeros(1 << max(4, (3 * len(merges)).bit_length()), np.uint64)
        numbers = np.arange(count)
        used = np.ones(count, np.bool_)
        fill_merges(slots, parts, used)
        numbers[~used] = -1
        by_id = np.full(len(tokens), -1, np.int64)
        by_id[ids] = numbers
        trie = build_trie(tokens, by_id)
        shorter = np.full(count, NONE, np.uint32)
        fill_shorter(shorter, trie, tokens.data, tokens.offsets, ids, used)
        return cls(
            parts=parts,
            shorter=shorter,
            lengths=tokens.lengths[ids].astype(np.uint32),
            ids=ids.astype(np.uint32),
            slots=slots,
            trie=trie,
        )

    @property
    def addresses(self) -> tuple[int, ...]:
        """What kernels read: the addresses of all arrays in their order, then the slots' mask and hash shift."""
        held = (self.parts, self.shorter, self.lengths, self.ids, self.slots, self.trie)
        bits = len(self.slots).bit_length() - 1
        return (*(array.ctypes.data for array in held), len(self.slots) - 1, 64 - bits)


def linear_bytes(longest: int) -> int:
    """The bytes of scratch that `encode_linear` needs for words of up to `longest` bytes."""
    return 4 * (longest + 1) + longest // 8 + 16
