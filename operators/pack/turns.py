"""Documents of turns: those longer than a row are cut where a turn begins, and nowhere else.

turns   1 1 1 2 2 2 2 3 3        rows of 6 ──▶  1 1 1 | 2 2 2 2 3 3
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.plan import PackPlan
from pairloom.operators.schema import TURN
from pairloom.operators.tokens import TokenBatch

__all__ = ["TurnPieces", "kept_of_turns", "of_documents", "turn_pieces"]


class TurnPieces(NamedTuple):
    """Pieces of documents, int64 each: of which document, from which of its tokens on, how many tokens; and what is lost.

    Of each document `kept` tokens are in pieces: all, or none where a turn of it is longer than a row.
    """

    document: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]


def turn_pieces(documents: TokenBatch, seq_len: int) -> TurnPieces:
    """The fewest pieces of at most `seq_len` tokens, each as long as it can be; a document without turns is one piece.

    >>> turns = np.array([1, 1, 1, 2, 2, 2, 2, 3, 3])
    >>> batch = TokenBatch.from_lists({"input_ids": [turns.astype(np.uint16)], "turn": [turns]})
    >>> turn_pieces(batch, 6).length.tolist(), turn_pieces(batch, 3).kept.tolist()
    ([3, 6], [0])
    """
    count = len(documents)
    kept = documents.length.copy()
    long = np.flatnonzero(documents.length > seq_len)
    turns = documents.take(long).flat(TURN) if len(long) else np.zeros(0, np.uint16)
    ends = np.cumsum(documents.length[long])
    cuts: dict[int, list[int]] = {}
    for document, end in zip(long.tolist(), ends.tolist(), strict=True):
        own = turns[end - int(documents.length[document]) : end]
        if not own.any():
            continue
        found = _cut([*(np.flatnonzero(np.diff(own)) + 1).tolist(), len(own)], seq_len)
        if found is None:
            kept[document] = 0
        else:
            cuts[document] = found
    if not cuts and kept.all():
        return TurnPieces(
            np.arange(count), np.zeros(count, np.int64), documents.length.astype(np.int64), kept
        )
    rows = [(i, a, b - a) for i in range(count) for a, b in _pairs(cuts.get(i, [int(kept[i])]))]
    table = np.array(rows, np.int64).reshape(-1, 3).T.copy()
    return TurnPieces(document=table[0], offset=table[1], length=table[2], kept=kept)


def kept_of_turns(documents: TokenBatch, seq_len: int) -> npt.NDArray[np.int64]:
    """How many tokens of each document are in rows."""
    return turn_pieces(documents, seq_len).kept


def of_documents(plan: PackPlan, pieces: TurnPieces, lengths: npt.NDArray[np.int64]) -> PackPlan:
    """A plan for pieces as one for the documents that they are of."""
    lost = pieces.kept < lengths
    return replace(
        plan,
        document=pieces.document[plan.document],
        offset=pieces.offset[plan.document] + plan.offset,
        dropped_tokens=int(lengths[lost].sum()),
        dropped_documents=int(np.count_nonzero(lost)),
    )


def _cut(ends: Sequence[int], seq_len: int) -> list[int] | None:
    """Where pieces end, of the places where turns do; None where one is longer than a row."""
    out: list[int] = []
    begin = last = 0
    for end in ends:
        if end - begin > seq_len:
            out.append(last)
            begin = last
        if end - begin > seq_len:
            return None
        last = end
    return [*out, last]


def _pairs(ends: Sequence[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in zip([0, *ends], ends, strict=False) if b > a]
