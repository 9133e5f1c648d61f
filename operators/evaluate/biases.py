"""How much two tokens that end at one byte differ in what may follow them: biases of pairs, for cross-tokenizer distillation.

    A has  " un", " until"      B has  " un", " unless"

A text that A writes as " un" does not go on with "til", or A had written " until"; B's " un" does not go on with "less". The
probabilities of the two tokens are of other events, by as much as the tokens count that exist on one side only (Minixhofer et
al., 2025, arXiv:2503.20083). The longer token of a pair ends with the shorter one: no others end at the same bytes.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.vocabulary import Vocabulary

__all__ = ["BIAS_SCHEMA", "SMOOTHING", "Biases", "biases_between", "token_shares"]

SMOOTHING = 1e-9
"""What every token counts besides how often it was seen."""

BIAS_SCHEMA = pa.schema(
    [("a", pa.uint32()), ("b", pa.uint32()), ("bias_a", pa.float64()), ("bias_b", pa.float64())]
)
"""A table of biases: the ids of a pair, and the mass of what only the one, and only the other, may be followed by."""


class Biases(NamedTuple):
    """The pairs of tokens of which one ends with the other, ascending, with both biases: a sparse matrix each.

    `bias_a` of (a, b) is the share of the tokens of A that go on from `a` as no token of B goes on from `b`, `bias_b` the other
    way round.
    """

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    bias_a: npt.NDArray[np.float64]
    bias_b: npt.NDArray[np.float64]

    def of(self, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The larger bias of each of some pairs; infinite for one that is none."""
        width = 1 + int(max(self.b.max(initial=0), b.max(initial=0)))
        keys, wanted = self.a * width + self.b, a * width + b
        place = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        out = np.full(len(wanted), np.inf)
        if len(keys):
            there = keys[place] == wanted
            out[there] = np.maximum(self.bias_a, self.bias_b)[place[there]]
        return out

    def table(self) -> pa.Table:
        """As `BIAS_SCHEMA` has it."""
        return pa.table(list(self), names=BIAS_SCHEMA.names).cast(BIAS_SCHEMA)

    @staticmethod
    def read(table: pa.Table) -> "Biases":
        """Of such a table; raises ValueError for another."""
        if missing := [name for name in BIAS_SCHEMA.names if name not in table.schema.names]:
            raise ValueError(f"this is no table of biases: it has no column {', '.join(missing)}")
        sorted_ = (
            table.select(BIAS_SCHEMA.names)
            .cast(BIAS_SCHEMA)
            .sort_by([("a", "ascending"), ("b", "ascending")])
        )
        a, b, bias_a, bias_b = (column.to_numpy() for column in sorted_.columns)
        return Biases(a.astype(np.int64), b.astype(np.int64), bias_a, bias_b)


def token_shares(ids: Iterable[pa.LargeListArray], size: int) -> npt.NDArray[np.float64]:
    """Of each token of a vocabulary of `size`, its share of the tokens of a corpus, smoothed: float64, the sum is 1.

    >>> token_shares([pa.array([[0, 2], [2, 2]], pa.large_list(pa.uint16()))], 3).round(3).tolist()
    [0.25, 0.0, 0.75]
    """
    counts = np.full(size, SMOOTHING)
    for column in ids:
        counts += np.bincount(column.flatten().to_numpy(), minlength=size)
    return counts / counts.sum()


def biases_between(
    first: Vocabulary,
    second: Vocabulary,
    first_shares: npt.NDArray[np.float64],
    second_shares: npt.NDArray[np.float64],
) -> Biases:
    """The biases of all pairs of ordinary tokens of which one ends with the other; raises ValueError where tokens are no bytes."""
    for vocabulary in (first, second):
        if not vocabulary.model.spells:
            raise ValueError(f"tokens of the model {vocabulary.model.name!r} are not the bytes of a text")
    one, other = _Going.on(first, first_shares), _Going.on(second, second_shares)
    found: list[tuple[int, int, float, float]] = []
    for word, a in one.ids.items():
        ends = ((word[at:], other.ids.get(word[at:])) for at in range(len(word)))
        found.extend((a, b, *_apart(one, other, word, end)) for end, b in ends if b is not None)
    for word, b in other.ids.items():  # but for equal tokens, which are there
        tails = ((word[at:], one.ids.get(word[at:])) for at in range(1, len(word)))
        found.extend((a, b, *_apart(one, other, end, word)) for end, a in tails if a is not None)
    found.sort()
    a_, b_, bias_a, bias_b = zip(*found, strict=True) if found else ((), (), (), ())
    return Biases(
        np.array(a_, np.int64),
        np.array(b_, np.int64),
        np.array(bias_a, np.float64),
        np.array(bias_b, np.float64),
    )


class _Going(NamedTuple):
    """How the ordinary tokens of a vocabulary go on: what follows each in longer ones, with the share of these."""

    ids: dict[bytes, int]
    further: dict[bytes, dict[bytes, float]]
    total: dict[bytes, float]

    @staticmethod
    def on(vocabulary: Vocabulary, shares: npt.NDArray[np.float64]) -> "_Going":
        added = set(vocabulary.added_ids)
        ids = {token: i for i, token in enumerate(vocabulary.tokens) if token and i not in added}
        further: dict[bytes, dict[bytes, float]] = {}
        for token, i in ids.items():
            for at in range(1, len(token)):
                if token[:at] in ids:
                    further.setdefault(token[:at], {})[token[at:]] = float(shares[i])
        return _Going(ids, further, {token: sum(rest.values()) for token, rest in further.items()})


def _apart(one: _Going, other: _Going, a: bytes, b: bytes) -> tuple[float, float]:
    """The mass of what goes on from `a` in the one alone, and from `b` in the other alone."""
    left, right = one.further.get(a, {}), other.further.get(b, {})
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    both: Sequence[bytes] = [rest for rest in small if rest in large]
    if not both:
        return one.total.get(a, 0.0), other.total.get(b, 0.0)
    # What both have is taken out of the sums; what is left of a sum that is all of it must not be rounding.
    alone = (
        0.0 if len(both) == len(rests) else max(0.0, going.total[token] - sum(rests[rest] for rest in both))
        for going, token, rests in ((one, a, left), (other, b, right))
    )
    bias_a, bias_b = alone
    return bias_a, bias_b
