"""Which tokens are worth to be predicted, by scores that stand beside them.

ssToken (Qin et al., 2025, arXiv:2510.18250) keeps the tokens of a response whose loss an earlier model has more trouble with than
the current one, and that attend to the prompt:

    score = gamma * REL + (1 - gamma) * attention,   REL = history loss - current loss
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep

__all__ = ["SelectTokens", "selected"]

LOSS_MASK = "loss_mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectTokens(TokenStep):
    """Keeps, of the tokens that are to be predicted, those with the highest scores; others get 0 in `loss_mask`.

    The documents bring `loss_mask` and the columns of scores. `score` is one that is used as it is. `history` and `current`
    are the losses of two models, whose difference is one, and `attention` another; each is scaled from 0 to 1 within the
    document's tokens that are to be predicted (the release of ssToken does not scale attention, so that its gamma depends on
    the model), and `gamma` is the share of the former. Equal scores are told apart by place, the first first.

    `share` is the share of tokens kept, rounded up; `at_least` keeps those with so high a score instead.
    """

    name: ClassVar[str] = "select_tokens"
    source: ClassVar[str] = "ssToken: Qin et al., 2025, arXiv:2510.18250"
    keeps_places: ClassVar[bool] = True

    score: str | None = None
    history: str | None = None
    current: str | None = None
    attention: str | None = None
    gamma: float = 0.5
    share: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        losses = (self.history is not None, self.current is not None)
        if losses[0] != losses[1]:
            raise ValueError("history must be named with current: their difference is the score")
        if (self.score is not None) == (losses[0] or self.attention is not None):
            raise ValueError("score must be named, or history and current, or attention with or without them")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"gamma must be from 0 to 1, not {self.gamma:g}")
        if (self.share is None) == (self.at_least is None):
            raise ValueError("share must be named, or at_least: one of them")
        if self.share is not None and not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, not {self.share:g}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The mask, and the columns of scores."""
        names = (LOSS_MASK, self.score, self.history, self.current, self.attention)
        return tuple(name for name in names if name is not None)

    def need(self, tokens: int, width: int) -> int:
        """The documents, scores and an order."""
        return tokens * (2 * width + 64)

    def __call__(self, batch: TokenBatch, seed: int, tables: None) -> TokenBatch:
        """The documents with another mask; raises ValueError where they have no such column."""
        if missing := [name for name in self.reads if name not in batch.columns]:
            raise ValueError(
                f"{missing[0]} must be a column beside tokens, and there are {', '.join(batch.columns)}"
            )
        mask = batch.flat(LOSS_MASK)
        document = np.repeat(np.arange(len(batch)), batch.length)
        at = np.flatnonzero(mask)
        score = self._scores(batch, at, document[at])
        if self.share is not None:
            kept = at[selected(score, document[at], self.share)]
        else:
            assert self.at_least is not None
            kept = at[score >= self.at_least]
        out = np.zeros_like(mask)
        out[kept] = mask[kept]
        columns = {name: batch.flat(name) for name in batch.columns}
        return batch.with_tokens(batch.length, columns | {LOSS_MASK: out})

    def undo(self, batch: TokenBatch, seed: int, tables: None) -> TokenBatch:
        """The documents: their tokens are as they were."""
        return batch

    def _scores(
        self, batch: TokenBatch, at: npt.NDArray[np.int64], document: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        def column(name: str) -> npt.NDArray[np.float64]:
            values: npt.NDArray[np.float64] = batch.flat(name)[at].astype(np.float64)
            return values

        if self.score is not None:
            return column(self.score)
        attention = None if self.attention is None else scaled(column(self.attention), document)
        if self.history is None or self.current is None:
            assert attention is not None
            return attention
        relative = scaled(column(self.history) - column(self.current), document)
        return relative if attention is None else self.gamma * relative + (1 - self.gamma) * attention


def scaled(values: npt.NDArray[np.float64], document: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Values from 0 to 1 within each document (ascending); all 0 where they are equal.

    >>> scaled(np.array([1.0, 3.0, 2.0, 7.0]), np.array([0, 0, 0, 4])).tolist()
    [0.0, 1.0, 0.5, 0.0]
    """
    if not len(values):
        return values
    first = np.flatnonzero(np.diff(document, prepend=document[0] - 1))
    which = np.cumsum(np.diff(document, prepend=document[0]) != 0)
    low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    width = np.where(high > low, high - low, 1.0)
    return (values - low[which]) / width[which]


def selected(
    score: npt.NDArray[np.float64], document: npt.NDArray[np.int64], share: float
) -> npt.NDArray[np.int64]:
    """The places of the ceil(share * n) highest scores of each document (ascending), equal ones by place.

    >>> selected(np.array([0.1, 0.9, 0.5, 0.5]), np.array([0, 0, 0, 0]), 0.6).tolist()
    [1, 2, 3]
    """
    if not len(score):
        return np.zeros(0, np.int64)
    order = np.lexsort((np.arange(len(score)), -score, document))
    many = np.bincount(document)
    wanted = np.array([math.ceil(share * int(n) - 1e-9) for n in many], np.int64)
    rank = np.arange(len(score)) - np.repeat(np.cumsum(many) - many, many)
    found: npt.NDArray[np.int64] = np.sort(order[rank < np.repeat(wanted, many)])
    return found
