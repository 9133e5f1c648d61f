"""Spans of documents of tokens: what stands between two special tokens, or between those at the ends of a document."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import TokenBatch

__all__ = ["Spans", "spans_of"]


class Spans(NamedTuple):
    """Of each token: its document, whether it is inside of a span, and how many of the span's tokens stand before it."""

    document: npt.NDArray[np.int64]
    inside: npt.NDArray[np.bool_]
    rank: npt.NDArray[np.int64]


def spans_of(batch: TokenBatch, special: npt.NDArray[np.bool_], begin: int = -1, end: int = -1) -> Spans:
    """The spans between tokens `begin` and `end`; of a document, without these, what special tokens at its ends leave.

    A span that is never ended goes on to the end of its document, and one that begins in another ends that.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([0, 5, 6, 0], np.uint16)]})
    >>> spans_of(batch, np.arange(9) < 1).rank[1:3].tolist()
    [0, 1]
    """
    ids = batch.flat(INPUT_IDS)
    place = np.arange(len(ids))
    document = np.repeat(np.arange(len(batch)), batch.length)
    first = np.cumsum(batch.length) - batch.length
    if begin < 0:
        own = ~special[ids]
        none = len(ids) + 1
        start, stop = np.full(len(batch), none, np.int64), np.full(len(batch), -1, np.int64)
        np.minimum.at(start, document[own], place[own])
        np.maximum.at(stop, document[own], place[own])
        inside = (place >= start[document]) & (place <= stop[document])
        return Spans(document, inside, place - start[document])
    begins = np.maximum.accumulate(np.where(ids == begin, place, -1)) if len(ids) else place
    ends = np.maximum.accumulate(np.where(ids == end, place, -1)) if len(ids) else place
    inside = (begins >= first[document]) & (begins > ends) & (ids != begin)
    return Spans(document, inside, place - begins - 1)
