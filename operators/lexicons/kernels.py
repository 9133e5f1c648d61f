"""Reading sentences by a lexicon: the longest chunk at each place, and what a shorter one would have led to."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["read_sentences", "warm_up"]

_SEED, _FACTOR = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@inner
def _longest(
    chars: npt.NDArray[np.uint32],
    at: int,
    stop: int,
    most: int,
    chunks: npt.NDArray[np.uint32],
    bounds: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int64],
) -> int:
    """The longest chunk of at most `most` characters at a place; -1 where none is."""
    best = -1
    mask = len(slots) - 1
    found = _SEED
    for size in range(1, min(most, stop - at) + 1):
        found = (found ^ np.uint64(chars[at + size - 1])) * _FACTOR
        slot = np.int64((found * _SPREAD) >> np.uint64(20)) & mask
        while slots[slot] >= 0:
            chunk = slots[slot]
            same = bounds[chunk + 1] - bounds[chunk] == size
            for i in range(size):
                same = same and chunks[bounds[chunk] + i] == chars[at + i]
                if not same:
                    break
            if same:
                best = chunk
                break
            slot = (slot + 1) & mask
    return best


@inner
def _fill(
    chunks: npt.NDArray[np.uint32], bounds: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]
) -> None:
    mask = len(slots) - 1
    for chunk in range(len(bounds) - 1):
        found = _SEED
        for i in range(bounds[chunk], bounds[chunk + 1]):
            found = (found ^ np.uint64(chunks[i])) * _FACTOR
        slot = np.int64((found * _SPREAD) >> np.uint64(20)) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = chunk


@kernel
def read_sentences(
    chars: npt.NDArray[np.uint32],
    edges: npt.NDArray[np.int64],
    sentences: npt.NDArray[np.int64],
    stream: np.uint64,
    rate: np.uint64,
    most: int,
    chunks: npt.NDArray[np.uint32],
    bounds: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int64],
    proposals: npt.NDArray[np.int64],
    moves: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Read `sentences`, of which s is `chars[edges[s]:edges[s + 1]]`; how many proposals and how many moves they make.

    Chunk c, the lexicon's c-th, is `chunks[bounds[c]:bounds[c + 1]]`; all characters are among them. `slots`, all -1, is room. A
    proposal (place, size) is a chunk and the one before it, put together, where what is drawn for the place by `stream` is below
    `rate`, in 2^53rds. A move (better, worse) says which of two chunks at a place led to fewer chunks until both readings meet,
    or to better ones.
    """
    _fill(chunks, bounds, slots)
    proposed, moved = 0, 0
    for s in sentences:
        at, stop = edges[s], edges[s + 1]
        before = -1
        while at < stop:
            chunk = _longest(chars, at, stop, most, chunks, bounds, slots)
            size = bounds[chunk + 1] - bounds[chunk]
            if (
                before >= 0
                and at + size - before <= most
                and mix64(stream + np.uint64(at + 1) * GOLDEN) >> np.uint64(11) < rate
            ):
                proposals[proposed, 0], proposals[proposed, 1] = before, at + size - before
                proposed += 1
            shorter = _longest(chars, at, stop, size - 1, chunks, bounds, slots)
            if shorter >= 0:
                # Read on both ways until they meet.
                long_at, short_at = at + size, at + bounds[shorter + 1] - bounds[shorter]
                long_many, short_many = 1, 1
                long_rank, short_rank = chunk, shorter
                while long_at != short_at:
                    if long_at < short_at:
                        after = _longest(chars, long_at, stop, most, chunks, bounds, slots)
                        long_at += bounds[after + 1] - bounds[after]
                        long_many += 1
                        long_rank += after
                    else:
                        after = _longest(chars, short_at, stop, most, chunks, bounds, slots)
                        short_at += bounds[after + 1] - bounds[after]
                        short_many += 1
                        short_rank += after
                better = short_many < long_many or (short_many == long_many and short_rank < long_rank)
                moves[moved, 0] = shorter if better else chunk
                moves[moved, 1] = chunk if better else shorter
                moved += 1
            before = at
            at += size
    return proposed, moved


def warm_up(schemes: tuple[str, ...]) -> None:
    """Read a sentence."""
    from pairloom.operators.learners.less_is_better import LessIsBetterLearner
    from pairloom.operators.lexicons.less_is_better import Lexicon

    Lexicon(["ab"], LessIsBetterLearner(passes=1, sentences=1)).learn([np.zeros(1, np.int64)])
