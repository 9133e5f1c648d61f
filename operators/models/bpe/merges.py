"""Lists of merges that come from elsewhere: checked, and numbered in the order in which they make tokens."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.model import byte_level
from pairloom.operators.vocabulary import Vocabulary, byte_order
from pairloom.operators.vocabulary.tokens import ordinary_index

__all__ = ["checked_merges", "numbered_merges", "ordinal_merges"]


def checked_merges(merges: npt.NDArray[np.int32], first: int, size: int) -> npt.NDArray[np.int32]:
    """The prescribed merges as int32[m, 2], or ValueError where one uses what does not exist yet."""
    given = np.asarray(merges)
    if given.ndim != 2 or given.shape[1] != 2 or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"merges must be int32[m, 2], got {given.dtype}{list(given.shape)}")
    if len(given) > size - first:
        raise ValueError(
            f"{len(given)} merges are given, but a vocabulary of {size} tokens has room for {size - first}"
        )
    below = first + np.arange(len(given))
    wrong = np.flatnonzero((given < first - 256).any(axis=1) | (given >= below[:, None]).any(axis=1))
    if len(wrong):
        k = int(wrong[0])
        raise ValueError(
            f"merge {k} is {given[k].tolist()}, but may only use the ids {first - 256} to {first + k - 1} that exist before it"
        )
    lengths = [1] * first
    for k, (left, right) in enumerate(given.tolist()):
        lengths.append(lengths[left] + lengths[right])
        if lengths[-1] >= 1 << 31:
            raise ValueError(f"merge {k} makes a token of {lengths[-1]} bytes; tokens have fewer than 2^31")
    return given.astype(np.int32)


def ordinal_merges(vocabulary: Vocabulary) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The merges of any byte-level vocabulary in ids without gaps, and which id of the vocabulary each of these is.

    As `numbered_merges` returns them. Raises ValueError as that does, and for a vocabulary that has no list of merges.
    """
    model = byte_level(vocabulary.model)
    if model.ties_share_rank:
        raise ValueError(
            "this vocabulary has no list of merges in the order of their ranks: it was read from a .tiktoken file"
        )
    return numbered_merges(vocabulary, model.merges)


def numbered_merges(
    vocabulary: Vocabulary, merges: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Merges of the vocabulary's ids, int32[m, 2], in the order in which they make tokens.

    Returns (merges, ids): `merges` is int32[m, 2] with the 256 bytes as 0 to 255, in the order of `byte_order()`, and the
    product of merge k as 256 + k; `ids` is int64[256 + m]. Raises ValueError where that is impossible: where a byte has no
    token, two merges make one token, or a merge uses what only a later one makes.
    """
    index = ordinary_index(vocabulary.tokens, vocabulary.added_ids)
    tokens = list(vocabulary.tokens)
    ids = [index.get(bytes([byte]), -1) for byte in byte_order().tolist()]
    if -1 in ids:
        raise ValueError(f"byte {byte_order()[ids.index(-1)]:#04x} has no token in this vocabulary")
    places = {token: place for place, token in enumerate(ids)}
    numbered = np.empty((len(merges), 2), np.int32)
    for rank, (left, right) in enumerate(merges.tolist()):
        spelled = tokens[left] + tokens[right]
        product = index.get(spelled)
        if product is None or product in places or left not in places or right not in places:
            raise ValueError(
                f"merge {rank} of this vocabulary, {tokens[left]!r} and {tokens[right]!r}, makes what is no token, or what "
                "another merge makes as well, or uses what no merge before it makes"
            )
        numbered[rank] = places[left], places[right]
        places[product] = 256 + rank
        ids.append(product)
    return numbered, np.array(ids, np.int64)
