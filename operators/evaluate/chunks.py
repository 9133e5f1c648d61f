"""Where two tokenizations of one text meet: the chunks between the places where a token of each ends.

    A   un | related | ly |  words            chunks   un|related|ly  ~  unrel|atedly      words ~ words
    B   unrel | atedly |  words

Such chunks align the losses of two models with other tokenizers (cross-tokenizer distillation: Minixhofer et al., 2025).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Mode", "chunk_edges", "chunk_numbers", "chunks_between"]

Mode = Literal["unconstrained", "space"]


def chunks_between(
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
    *,
    mode: Mode = "unconstrained",
    text: bytes = b"",
) -> npt.NDArray[np.int32]:
    """The chunks of two tokenizations by the ends of their tokens, in bytes: int32[m, 4], tokens i0 to i1 and j0 to j1.

    Chunks tile both sequences, and there are as many as ends that both have. With the mode `space` a chunk ends only before a
    space of the `text`, or at its end. A token of no bytes is in the chunk of the one before it. Raises ValueError for
    tokenizations of texts of other lengths.

    >>> chunks_between(np.array([2, 9, 11, 17]), np.array([5, 11, 17])).tolist()
    [[0, 3, 0, 2], [3, 4, 2, 3]]
    """
    if (one[-1] if len(one) else 0) != (other[-1] if len(other) else 0):
        raise ValueError("these are no tokens of one text: they end at other bytes")
    common = chunk_edges(one, other, mode=mode, text=text)
    common = common[common > 0]
    # Behind the last token of each that ends there.
    edges = np.stack([np.searchsorted(ends, common, side="right") for ends in (one, other)])
    edges = np.concatenate([np.zeros((2, 1), np.int64), edges], axis=1)
    pairs = (edges[0, :-1], edges[0, 1:], edges[1, :-1], edges[1, 1:])
    return np.stack(pairs, 1).astype(np.int32).reshape(-1, 4)


def chunk_edges(
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
    *,
    mode: str = "unconstrained",
    text: bytes = b"",
) -> npt.NDArray[np.int64]:
    """The places, ascending, at which tokens of both begin or end; in the mode `space` those before a space, and at both ends.

    >>> chunk_edges(np.array([0, 2, 9]), np.array([0, 5, 9, 11])).tolist()
    [0, 9]
    """
    common = np.intersect1d(one, other)
    if mode == "space" and len(common):
        wanted = [place in (0, len(text)) or text[place : place + 1] == b" " for place in common.tolist()]
        common = common[np.array(wanted, np.bool_)]
    return common


def chunk_numbers(edges: npt.NDArray[np.int64], common: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Between which two of `common` each token lies, of one from `edges[i]` to `edges[i + 1]`; -1 before and behind all.

    >>> chunk_numbers(np.array([-1, 2, 5, 7]), np.array([2, 7])).tolist()
    [-1, 0, 0]
    """
    if len(common) < 2:
        return np.full(max(0, len(edges) - 1), -1, np.int64)
    begin, end = edges[:-1], edges[1:]
    number = np.searchsorted(common, begin, "right") - 1
    return np.where((begin >= common[0]) & (end <= common[-1]), number, -1)
