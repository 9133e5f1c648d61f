"""What values of tokens mean, by a tree of prefixes that is written out."""

from collections.abc import Sequence

__all__ = ["advantages", "prefix_values", "segments_of"]


def prefix_values(sequences: Sequence[Sequence[int]], rewards: Sequence[float]) -> list[list[float]]:
    """Of each token the mean reward of the sequences that begin with everything up to it."""
    tree: dict[tuple[int, ...], list[float]] = {}
    for sequence, reward in zip(sequences, rewards, strict=True):
        for end in range(1, len(sequence) + 1):
            tree.setdefault(tuple(sequence[:end]), []).append(reward)
    means = {prefix: sum(found) / len(found) for prefix, found in tree.items()}
    return [[means[tuple(one[: end + 1])] for end in range(len(one))] for one in sequences]


def advantages(sequences: Sequence[Sequence[int]], rewards: Sequence[float]) -> list[list[float]]:
    """Without a scale: the reward over the mean, and what the token changes."""
    mean = sum(rewards) / len(rewards)
    out = []
    for values, reward in zip(prefix_values(sequences, rewards), rewards, strict=True):
        before = [mean, *values[:-1]]
        out.append([reward - mean + after - past for after, past in zip(values, before, strict=True)])
    return out


def segments_of(probability: Sequence[float], threshold: float, interval: int) -> list[int]:
    """The number of each token's segment."""
    number, low, out = 1, 0, []
    for place, one in enumerate(probability):
        if 0 <= one < threshold:
            if low % interval == 0 and place > 0:
                number += 1
            low += 1
        out.append(number)
    return out
