"""The trie of a model: histories and n-grams are places in it, and what goes on from one stands together, ascending.

History 0 is the empty one, history `i + 1` is the n-gram `i`; `children[h]` to `children[h + 1]` are the n-grams that go on from
history `h`. N-grams of the highest length are no histories.
"""

import math

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["find_children", "score_backoff", "score_kneser_ney"]

BACKOFF = 0.4


@inner
def _child(history: int, token: int, tokens: npt.NDArray[np.uint32], children: npt.NDArray[np.int64]) -> int:
    """The n-gram that goes on from a history with a token, -1 where there is none."""
    low, high = children[history], children[history + 1]
    while low < high:
        middle = (low + high) >> 1
        if np.int64(tokens[middle]) < token:
            low = middle + 1
        else:
            high = middle
    if low < children[history + 1] and np.int64(tokens[low]) == token:
        return low
    return -1


@kernel
def find_children(
    histories: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.uint32],
    children: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The n-gram that goes on from each history with the token that is wanted, -1 where there is none."""
    out = np.empty(len(histories), np.int64)
    for i in range(len(histories)):
        out[i] = _child(histories[i], wanted[i], tokens, children)
    return out


@kernel
def score_kneser_ney(
    ids: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.uint32],
    children: npt.NDArray[np.int64],
    value: npt.NDArray[np.int64],
    total: npt.NDArray[np.int64],
    types: npt.NDArray[np.int64],
    discount: npt.NDArray[np.float64],
    size: int,
    out: npt.NDArray[np.float64],
) -> None:
    """Write the sum of the logarithms of the probabilities of each document's tokens."""
    order = len(discount)
    histories = np.zeros(order, np.int64)  # by length, -1 for one that does not occur
    for document in range(len(offsets) - 1):
        known = 1  # histories that occur: of length 0, 1, ..., known - 1
        whole = 0.0
        for i in range(offsets[document], offsets[document + 1]):
            token = ids[i]
            p = 1.0 / size
            after = 0
            going = True
            for n in range(known):
                history = histories[n]
                found = _child(history, token, tokens, children)
                if total[history] > 0:
                    p *= discount[n] * types[history] / total[history]
                    if found >= 0 and value[found] > 0:
                        p += max(value[found] - discount[n], 0.0) / total[history]
                # what goes on from a history is one of the next token, one token longer
                if found < 0:
                    going = False
                if going and n + 1 < order:
                    after = n + 1
                    histories[n] = found + 1
            for n in range(after, 0, -1):
                histories[n] = histories[n - 1]
            histories[0] = 0
            known = after + 1
            whole += math.log(p)
        out[document] = whole


@kernel
def score_backoff(
    ids: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.uint32],
    children: npt.NDArray[np.int64],
    count: npt.NDArray[np.int64],
    whole_count: int,
    order: int,
    size: int,
    out: npt.NDArray[np.float64],
) -> None:
    """Write the sum of the logarithms of the scores of each document's tokens by stupid backoff."""
    histories = np.zeros(order, np.int64)
    for document in range(len(offsets) - 1):
        known, whole = 1, 0.0
        for i in range(offsets[document], offsets[document + 1]):
            token, longest = ids[i], min(i - offsets[document], order - 1)
            score, after = BACKOFF ** (longest + 1) / size, 0
            for n in range(known):
                history = histories[n]
                found = _child(history, token, tokens, children)
                if found < 0:
                    break
                before = whole_count if history == 0 else count[history - 1]
                score = BACKOFF ** (longest - n) * count[found] / before
                if n + 1 < order:
                    after = n + 1
                    histories[n] = found + 1
            for n in range(after, 0, -1):
                histories[n] = histories[n - 1]
            histories[0] = 0
            known = after + 1
            whole += math.log(score)
        out[document] = whole
