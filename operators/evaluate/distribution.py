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
    """The lengths of documents in tokens, int64, ascending."""

    lengths: npt.NDArray[np.int64]

    @classmethod
    def of(cls, lengths: npt.NDArray[np.int64]) -> "Documents":
        """Documents of these lengths, in any order."""
        return cls(lengths=np.sort(lengths.astype(np.int64)))

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.lengths.sum())

    def quantiles(self) -> dict[str, int]:
        """The lengths that 1, 10, 25, 50, 75, 90, 99 % of the documents do not pass, and the longest.

        The quantile q is the smallest length that at least the share q of the documents do not pass.
        """
        if not len(self.lengths):
            return {}
        shares = {"1%": 1, "10%": 10, "25%": 25, "50%": 50, "75%": 75, "90%": 90, "99%": 99, "longest": 100}
        count = len(self.lengths)
        return {name: int(self.lengths[max(0, -(-p * count // 100) - 1)]) for name, p in shares.items()}

    def histogram(self) -> list[tuple[int, int, int]]:
        """(power of two, documents, tokens) of the documents of at least that and fewer than twice as many tokens.

        Empty documents are in the first row, at 0.
        """
        rows = []
        edges = [0, 1]
        while edges[-1] <= (int(self.lengths[-1]) if len(self.lengths) else 0):
            edges.append(2 * edges[-1])
        at = np.searchsorted(self.lengths, edges, "left")
        sums = np.concatenate([[0], np.cumsum(self.lengths)])
        for low, start, stop in zip(edges, at, at[1:], strict=False):
            if stop > start or low:
                rows.append((low, int(stop - start), int(sums[stop] - sums[start])))
        return rows

    def at_lengths(self, candidates: tuple[int, ...]) -> list[dict[str, float]]:
        """For each sequence length: what truncating to it loses, and what one document a row would pad.

        `whole`: share of documents that fit; `whole_tokens`: share of tokens that are in them; `truncated`: share of
        tokens cut off with one document a row; `padding`: share of that row then empty; `pieces`: mean number of rows that
        a document is spread over when it is split instead.
        """
        sums = np.concatenate([[0], np.cumsum(self.lengths)])
        count, total = len(self.lengths), int(sums[-1])
        rows = []
        for size in candidates:
            fit = int(np.searchsorted(self.lengths, size, "right"))
            kept = int(sums[fit]) + (count - fit) * size
            pieces = int((-(-self.lengths // size)).sum())
            rows.append(
                {
                    "seq_len": size,
                    "whole": fit / max(1, count),
                    "whole_tokens": int(sums[fit]) / max(1, total),
                    "truncated": (total - kept) / max(1, total),
                    "padding": 1 - kept / max(1, count * size),
                    "pieces": pieces / max(1, count),
                }
            )
        return rows
