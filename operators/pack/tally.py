"""A tally of tokens that does not depend on their order: equal tallies mean equal multisets, but for one chance in 2^64.

Each token of a document counts as a 64-bit hash of (document number, place in the document, id); the hashes are added up
modulo 2^64, in buckets by document. Token shards and packed rows hold the same tokens in different orders, so that their
tallies prove, in one pass over each and in constant memory, that nothing was lost, doubled or changed.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import kernel

__all__ = ["tally_tokens"]


def tally_tokens(
    tally: npt.NDArray[np.uint64],
    values: npt.NDArray[Any],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
) -> None:
    """Add segments to a tally (uint64, a power of two of buckets) in place.

    Segment `s` is `values[starts[s]:starts[s] + lengths[s]]`: the tokens of `documents[s]` from its token `offsets[s]` on.
    Raises ValueError for a segment that lies outside of `values`.
    """
    if len(tally) & (len(tally) - 1) or not len(tally):
        raise ValueError(f"a tally has a power of two of buckets, not {len(tally)}")
    if len(starts) and (starts.min() < 0 or lengths.min() < 0 or (starts + lengths).max() > len(values)):
        raise ValueError(f"a segment lies outside of {len(values)} tokens")
    _add(tally, values, starts, lengths, documents, offsets)


@kernel
def _add(
    tally: npt.NDArray[np.uint64],
    values: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
) -> None:
    mask = np.uint64(len(tally) - 1)
    for s in range(len(starts)):
        document = np.uint64(documents[s])
        seed = mix64(document + GOLDEN)
        total = np.uint64(0)
        for i in range(lengths[s]):
            place = np.uint64(offsets[s] + i) << np.uint64(32)
            total += mix64(seed + (place | np.uint64(values[starts[s] + i])) * GOLDEN)
        tally[np.int64(document & mask)] += total
