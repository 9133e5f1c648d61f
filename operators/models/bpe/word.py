"""Applying merges to one word: the pair of the lowest rank first, leftmost first, until no pair has a rank.

The ranks lie in two flat tables. `grid` (uint32[65536]) holds the rank of every pair of bytes, because each word starts
as bytes; `slots` is an open-addressed table of one uint64 for any other pair,

    bits 63..43  left id + 1 (so that an empty slot is 0)     bits 42..22  right id     bits 21..0  rank

probed linearly from a multiplicative hash. `products[rank]` is the id of the merged token. `NO_RANK` means no merge.
Ids stay below 2^21 - 1 and ranks below 2^22 - 1; `PairTable.of` refuses more.

Where the merges allow for it, words are encoded from left to right (`linear.py`): measured on words of any length, that takes
0.2 to 0.6 of the time of what follows, which serves all other vocabularies.

Words of up to `SHORT` bytes keep one key a position, `rank << 8 | position`, and the smallest key of each sixteen;
a merge looks up two pairs, and takes the minimum of at most three sixteens and of the sixteen minima, each of which
is one vector operation. No step depends on what the word is, so that little is mispredicted. Longer words use a
doubly linked list and a binary heap of (rank, position), which is O(n log n) at any length and for any text.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.kernels.word import NO_RANK, SHORT, fill_grid, fill_ranks, fill_whole
from pairloom.operators.models.bpe.linear import LinearTable
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["MOST_IDS", "PairTable", "scratch_bytes"]

MOST_IDS = (1 << 21) - 1
_MAX_ID = MOST_IDS - 1
_MAX_RANK = (1 << 22) - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTable:
    """The merges of a vocabulary, laid out for `encode_word`; all arrays are read-only once built.

    `byte_ids` is uint32[256], the id of each byte or NO_RANK where the vocabulary has none; `grid` uint32[65536];
    `slots` uint64, a power of two of them; `products` uint32, one for each rank. Where a word that is a token takes
    that token whatever the merges say (`ignore_merges`, and always in tiktoken), `tokens` holds them and `whole`
    (uint32, a power of two) is an open-addressed table of their ids + 1; else `whole` is empty.
    """

    byte_ids: npt.NDArray[np.uint32]
    grid: npt.NDArray[np.uint32]
    slots: npt.NDArray[np.uint64]
    products: npt.NDArray[np.uint32]
    tokens: TokenTable
    whole: npt.NDArray[np.uint32]
    linear: LinearTable | None

    @classmethod
    def of(
        cls,
        byte_ids: npt.NDArray[np.int64],
        merges: npt.NDArray[np.int32],
        products: npt.NDArray[np.int64],
        *,
        ties_share_rank: bool = False,
        tokens: TokenTable,
        whole_words: npt.NDArray[np.bool_] | None = None,
    ) -> "PairTable":
        """Lay merges out.

        `byte_ids` holds -1 for a byte without a token, `products` -1 for a merge never to be applied.
        `whole_words` marks the tokens that a word equal to them takes without any merge.

        The rank of a merge is its place in the list, and a pair that is listed twice keeps the last, as in
        `tokenizers`. With `ties_share_rank`, neighbours in the list that make the same token share the first one's
        rank, as in tiktoken. Raises CapacityError for more than 2^21 - 2 ids or 2^22 - 2 merges.
        """
        count = len(merges)
        highest = max(int(merges.max(initial=0)), int(products.max(initial=0)), int(byte_ids.max(initial=0)))
        if highest > _MAX_ID or count > _MAX_RANK:
            raise CapacityError(
                f"the encoder takes ids up to {_MAX_ID} and {_MAX_RANK} merges, got id {highest} and {count} merges"
            )
        ranks = np.arange(count, dtype=np.uint32)
        if ties_share_rank and count:
            first = np.concatenate([[True], products[1:] != products[:-1]])
            ranks = np.maximum.accumulate(np.where(first, ranks, 0)).astype(np.uint32)
        size = 1 << max(4, (3 * count).bit_length())
        slots = np.zeros(size, np.uint64)
        live = products >= 0
        fill_ranks(slots, np.ascontiguousarray(merges[live], dtype=np.int32), ranks[live])
        ids = np.where(byte_ids < 0, NO_RANK, byte_ids).astype(np.uint32)
        grid = np.full(1 << 16, NO_RANK, np.uint32)
        fill_grid(grid, ids, slots)
        whole = np.zeros(0, np.uint32)
        if whole_words is not None and whole_words.any():
            chosen = np.flatnonzero(whole_words & (tokens.lengths > 0))
            whole = np.zeros(1 << max(4, (2 * len(chosen)).bit_length()), np.uint32)
            fill_whole(whole, tokens.data, tokens.offsets, chosen)
        linear = None if ties_share_rank else LinearTable.of(byte_ids, merges, products, tokens)
        return cls(
            byte_ids=ids,
            grid=grid,
            slots=slots,
            products=products.astype(np.uint32),
            tokens=tokens,
            whole=whole,
            linear=linear,
        )

    @property
    def addresses(self) -> tuple[int, ...]:
        """What kernels read.

        The addresses of byte_ids, grid, slots and products, the slots' mask and hash shift; then the address of
        `whole`, its mask (-1 where it is empty), the addresses of the tokens' data and offsets; then whether there is a
        `linear`, and its addresses.
        """
        bits = len(self.slots).bit_length() - 1
        held = (self.byte_ids, self.grid, self.slots, self.products)
        tail = (self.whole, self.tokens.data, self.tokens.offsets)
        whole, data, offsets = (array.ctypes.data for array in tail)
        ours = tuple(array.ctypes.data for array in held)
        linear = (0,) * 9 if self.linear is None else (1, *self.linear.addresses)
        return (*ours, len(self.slots) - 1, 64 - bits, whole, len(self.whole) - 1, data, offsets, *linear)


def scratch_bytes(longest: int) -> int:
    """The bytes of scratch that `encode_word` needs for words of up to `longest` bytes."""
    return max(64 + 13 * SHORT, 64 + 40 * (longest + 1) if longest > SHORT else 0)
