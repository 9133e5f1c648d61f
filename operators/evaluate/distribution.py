"""Distributions: Rényi efficiency, ranks and frequencies, lengths of tokens and of documents."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Documents", "entropy", "rank_frequency", "renyi_efficiency", "token_lengths"]


def entropy(counts: npt.NDArray[np.int64], alpha: float = 1.0) -> float:
    """The Rényi entropy of order `alpha` of a distribution given by counts, in nats; order 1 is Shannon's, 0 of nothing.

    >>> entropy(np.array([1, 1]), 2.5) == math.log(2)
    True
    """
    if alpha < 0:
        raise ValueError(f"the order of an entropy is not negative, got {alpha}")
    seen = counts[counts > 0].astype(np.float64)
    if not len(seen):
        return 0.0
    share = seen / seen.sum()
    if abs(alpha - 1.0) < 1e-9:
        return float(-(share * np.log(share)).sum())
    if math.isinf(alpha):
        return -math.log(float(share.max()))
    return math.log(float((share**alpha).sum())) / (1.0 - alpha)


def renyi_efficiency(counts: npt.NDArray[np.int64], size: int | None = None, alpha: float = 2.5) -> float:
    """The Rényi entropy of a text's tokens over that of the uniform distribution over `size` tokens.

    `size` is the length of `counts` where it is not given. Zouhar et al., "Tokenization and the Noiseless Channel"
    (ACL 2023), find order 2.5 to go best with what models reach.
    """
    size = len(counts) if size is None else size
    return entropy(counts, alpha) / math.log(size) if size > 1 else 0.0


def rank_frequency(counts: npt.NDArray[np.int64], points: int = 120) -> list[tuple[int, int]]:
    """(rank from 1, count) of the used tokens, best first, at ranks that are evenly spaced in logarithms."""
    ranked = np.sort(counts[counts > 0])[::-1]
    if not len(ranked):
        return []
    at = np.unique(np.round(np.geomspace(1, len(ranked), points)).astype(np.int64))
    return [(int(rank), int(ranked[rank - 1])) for rank in at]


def token_lengths(
    tokens: TokenTable, ordinary: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], longest: int = 24
) -> list[tuple[int, int, int]]:
    """(bytes, tokens of that many bytes, their occurrences); `longest` bytes or more share the last row."""
    lengths = np.minimum(tokens.lengths[ordinary], longest)
    return [
        (size, int((lengths == size).sum()), int(counts[ordinary][lengths == size].sum()))
        for size in range(1, longest + 1)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Documents:
    """How many documents have how many tokens: distinct `lengths`, ascending, with `counts` of each; both int64."""

    lengths: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, lengths: npt.NDArray[np.int64]) -> "Documents":
        """Documents of these lengths, in any order."""
        distinct, counts = np.unique(lengths.astype(np.int64), return_counts=True)
        return cls(lengths=distinct, counts=counts.astype(np.int64))

    def __add__(self, other: "Documents") -> "Documents":
        lengths, places = np.unique(np.concatenate([self.lengths, other.lengths]), return_inverse=True)
        counts = np.zeros(len(lengths), np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return Documents(lengths=lengths, counts=counts)

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(np.dot(self.lengths, self.counts))

    def quantiles(self) -> dict[str, int]:
        """The lengths that 1, 10, 25, 50, 75, 90, 99 % of the documents do not pass, and the longest.

        The quantile q is the smallest length that at least the share q of the documents do not pass.
        """
        if not len(self):
            return {}
        shares = {f"p{share}": share for share in (1, 10, 25, 50, 75, 90, 99)} | {"longest": 100}
        up_to = np.cumsum(self.counts)
        wanted = {name: -(-share * len(self) // 100) for name, share in shares.items()}
        return {
            name: int(self.lengths[np.searchsorted(up_to, rank, "left")]) for name, rank in wanted.items()
        }

    def histogram(self) -> list[tuple[int, int, int]]:
        """(power of two, documents, tokens) of the documents of at least that and fewer than twice as many tokens.

        Empty documents are in the first row, at 0.
        """
        edges = [0, 1]
        while len(self) and edges[-1] <= int(self.lengths[-1]):
            edges.append(2 * edges[-1])
        at = np.searchsorted(self.lengths, edges, "left").tolist()
        rows = []
        for low, start, stop in zip(edges, at, at[1:], strict=False):
            if stop > start or low:
                counts = self.counts[start:stop]
                rows.append((low, int(counts.sum()), int(np.dot(self.lengths[start:stop], counts))))
        return rows

    def at_lengths(self, candidates: tuple[int, ...]) -> list[dict[str, float]]:
        """For each sequence length: what truncating to it loses, and what one document a row would pad.

        `whole`: share of documents that fit; `whole_tokens`: share of tokens that are in them; `truncated`: share of
        tokens cut off with one document a row; `padding`: share of these rows then empty; `pieces`: mean number of rows
        that a document is spread over when it is split instead.
        """
        count, total = len(self), self.tokens
        rows = []
        for size in candidates:
            fit = self.lengths <= size
            kept = int(np.dot(np.minimum(self.lengths, size), self.counts))
            pieces = int(np.dot(-(-self.lengths // size), self.counts))
            rows.append(
                {
                    "seq_len": size,
                    "whole": int(self.counts[fit].sum()) / max(1, count),
                    "whole_tokens": int(np.dot(self.lengths[fit], self.counts[fit])) / max(1, total),
                    "truncated": (total - kept) / max(1, total),
                    "padding": 1 - kept / max(1, count * size),
                    "pieces": pieces / max(1, count),
                }
            )
        return rows
