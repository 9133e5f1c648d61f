"""What completions of one prompt say of each other's tokens, once they are tokens.

Completions that begin alike share a path in a tree of prefixes. The value V of a prefix is the mean reward of those that go on
from it. From that:

- the value of a token is that of the prefix that it ends: the label of a token-value model (TVM: Lee et al., 2024,
  arXiv:2407.12863)
- its advantage is that of its completion in the group, and what the token changes: ((r - mean) + V(after) - V(before)) / deviation,
  which differ where completions part (TEMPO: Tran et al., 2025, arXiv:2509.18314)

From probabilities that are given with the tokens:

- weights of tokens of a pair: p of the chosen one, 1 - p of the rejected (cDPO: Lin et al., 2024, arXiv:2411.19943)
- segments that begin where a model was unsure (SPO: Guo et al., 2025, arXiv:2505.23564)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["UNKNOWN", "advantages", "critical_weights", "prefix_values", "segment_advantages", "segments_of"]

UNKNOWN = -1.0
"""Stands for a probability that nobody gave."""

Floats = npt.NDArray[np.float64]


def prefix_values(
    sequences: Sequence[npt.NDArray[np.integer[Any]]], rewards: Sequence[float]
) -> list[Floats]:
    """For each sequence, of each of its tokens the mean reward of all that begin with the sequence up to and with it.

    >>> [one.tolist() for one in prefix_values([np.array([5, 1, 2]), np.array([5, 1, 3])], [1.0, 0.0])]
    [[0.5, 0.5, 1.0], [0.5, 0.5, 0.0]]
    """
    reward, count = np.asarray(rewards, np.float64), len(sequences)
    shared = np.zeros((count, count), np.int64)
    for i in range(count):
        shared[i, i] = len(sequences[i])
        for j in range(i):
            shared[i, j] = shared[j, i] = _alike(sequences[i], sequences[j])
    out = []
    for i, sequence in enumerate(sequences):
        # Those that are alike for n tokens go on from the first n prefixes: sums from the longest down.
        total, many = np.zeros((2, len(sequence) + 1))
        np.add.at(total, shared[i], reward)
        np.add.at(many, shared[i], 1)
        total, many = np.cumsum(total[::-1])[::-1], np.cumsum(many[::-1])[::-1]
        out.append(total[1:] / many[1:])
    return out


def advantages(values: Sequence[Floats], rewards: Sequence[float], *, scale: bool = True) -> list[Floats]:
    """The advantage of each token from the values of prefixes; with `scale`, over the deviation of the rewards.

    All are 0 where all rewards are the same.

    >>> [one.tolist() for one in advantages([np.array([0.5, 1.0]), np.array([0.5, 0.0])], [1.0, 0.0], scale=False)]
    [[0.5, 1.0], [-0.5, -1.0]]
    """
    reward = np.asarray(rewards, np.float64)
    mean, deviation = float(reward.mean()), float(reward.std()) if scale else 1.0
    if (reward == reward[0]).all() or not deviation:
        return [np.zeros(len(one)) for one in values]
    steps = (np.diff(one, prepend=mean) for one in values)
    return [(one - mean + step) / deviation for one, step in zip(reward, steps, strict=True)]


def critical_weights(probability: Floats, *, rejected: bool) -> Floats:
    """The weight of each token of a side of a pair; 1 where nothing is known, as behind the last token.

    >>> critical_weights(np.array([0.75, 0.5, UNKNOWN]), rejected=True).tolist()
    [0.25, 0.5, 1.0]
    """
    weight = 1 - probability if rejected else probability
    return np.where(probability < 0, 1.0, weight)


def segments_of(probability: Floats, *, threshold: float = 0.9, interval: int = 1) -> npt.NDArray[np.int64]:
    """The segment of each token of a completion, from 1 on: one begins before every `interval`-th token below the threshold.

    >>> segments_of(np.array([0.99, 0.5, 0.95, 0.2, 0.1])).tolist()
    [1, 2, 2, 3, 4]
    >>> segments_of(np.array([0.99, 0.5, 0.95, 0.2, 0.1]), interval=2).tolist()
    [1, 2, 2, 2, 3]
    """
    cuts = np.flatnonzero((probability >= 0) & (probability < threshold))[::interval]
    begins = np.zeros(len(probability), np.int64)
    begins[cuts] = 1
    begins[:1] = 1
    return np.cumsum(begins)


def segment_advantages(segments: npt.NDArray[np.int64], before: Sequence[float]) -> Floats:
    """The advantage of each token's segment, where `before` are the values of the states before each, and in the end.

    >>> segment_advantages(np.array([1, 1, 2]), [0.5, 0.75, 0.25]).tolist()
    [0.25, 0.25, -0.5]
    """
    return np.diff(np.asarray(before, np.float64))[segments - 1]


def _alike(one: npt.NDArray[np.integer[Any]], other: npt.NDArray[np.integer[Any]]) -> int:
    """With how many tokens two sequences begin alike."""
    size = min(len(one), len(other))
    differ = one[:size] != other[:size]
    at = int(differ.argmax()) if size else 0
    return at if size and differ[at] else size
