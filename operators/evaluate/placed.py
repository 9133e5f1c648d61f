"""Where the tokens of texts are, of all vocabularies that know it."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pairloom.operators.vocabulary import Vocabulary

__all__ = ["is_placed", "places_of", "tiling"]


def is_placed(vocabulary: Vocabulary) -> bool:
    """Whether it is known where in a text its tokens are."""
    return vocabulary.model.spells or vocabulary.model.located


def places_of(vocabulary: Vocabulary, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """The first byte of each token of each text, and the one behind its last; of what was dropped or added, no token has any.

    >>> import pairloom as pl
    >>> places_of(pl.learn(["rose rose"], 262), ["a rose"])
    [[(0, 1), (1, 6)]]
    """
    if not texts:
        return []
    # Imported here: what is read and compared needs no kernels that encode.
    from pairloom.operators.encode.tokenizer import tokenizer_of

    column = pa.array(texts, pa.large_string())
    encoded = tokenizer_of(vocabulary).encode_column(column, offsets="bytes")
    if encoded.located is None:
        rows = [] if encoded.ends is None else encoded.ends.to_pylist()
        return [list(zip([0, *row], row, strict=False)) for row in rows]
    found, lists = encoded.located, encoded.located.lists.tolist()
    flat = list(zip(found.begin.tolist(), found.end.tolist(), strict=True))
    return [flat[a:b] for a, b in zip(lists, lists[1:], strict=False)]


def tiling(places: Sequence[tuple[int, int]], size: int) -> list[int]:
    """Where tokens end that have all of a text of `size` bytes: each what no other has before it, and the last what is left.

    >>> tiling([(0, 3), (4, 7)], 8)
    [3, 8]
    """
    if not places:
        return []
    ends: list[int] = np.maximum.accumulate([end for _, end in places]).tolist()
    return [*ends[:-1], size]
