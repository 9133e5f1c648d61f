"""A trie of tokens in which the longest token at a place of a text is found, one load a byte.

It is a double array (Aoe, "An efficient digital search algorithm by using a double-array structure", 1989): each node has
a base, and its child by a byte lies in the slot `base ^ byte`. Bases are distinct, so that the byte alone tells whether a
slot belongs to the node. A slot is one uint64:

    bits 8..0  byte + 1 (0: free)     bits 32..9  the child's base (0: it has no children)     bits 63..33  token + 1 or 0

The root's base is `ROOT`.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.kernels.trie import ROOT, fill_trie
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["build_trie", "token_column"]


_MOST_SLOTS = 1 << 24


def token_column(tokens: TokenTable) -> pa.LargeBinaryArray:
    """Tokens as an Arrow column, without a copy."""
    buffers = [None, pa.py_buffer(tokens.offsets), pa.py_buffer(tokens.data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(tokens), buffers)


def build_trie(tokens: TokenTable, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The trie of the tokens that have a number: `numbers` is int64, one a token, -1 to leave it out.

    Raises CapacityError where the tokens have more than some 16 million different prefixes.
    """
    chosen = np.flatnonzero((numbers >= 0) & (tokens.lengths > 0))
    # Arrow sorts by bytes, and equal ones as they stand.
    order = pc.array_sort_indices(token_column(tokens).take(pa.array(chosen, pa.int64()))).to_numpy()
    ordered = np.ascontiguousarray(chosen[order], np.int64)
    total = int(tokens.lengths[ordered].sum())
    slots = np.zeros(min(_MOST_SLOTS, 1 << max(12, (2 * total + 1024).bit_length())), np.uint64)
    if not fill_trie(slots, tokens.data, tokens.offsets, ordered, numbers):
        raise CapacityError(
            f"{len(ordered)} tokens of {total} bytes have more prefixes than the encoder takes"
        )
    return slots[: int(np.flatnonzero(slots)[-1]) + 257] if len(ordered) else slots[: ROOT + 256]
