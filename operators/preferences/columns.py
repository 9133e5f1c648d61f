"""The columns of tokens that completions have of each other and of what is given with them: which, and how they are filled."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import LOSS_MASK, LOSS_WEIGHT, DocumentBatch
from pairloom.operators.documents.spans import weight_column
from pairloom.operators.given import Beside
from pairloom.operators.given.lists import Faults
from pairloom.operators.preferences.values import (
    UNKNOWN,
    advantages,
    critical_weights,
    prefix_values,
    segments_of,
)
from pairloom.operators.schema import MEMBER, Column

__all__ = ["NO_VALUES", "PROBABILITIES", "Segments", "TokenValues"]

PROBABILITIES = "token probabilities"
"""The field of a document with a number for each token that is to be predicted of it; no field of a record is called so."""
VALUE, ADVANTAGE, PROBABILITY, SEGMENT = "value", "advantage", "probability", "segment"
Lists = Mapping[str, pa.LargeListArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Where segments begin: see `segments_of`; with `mask`, tokens above the threshold are not to be predicted."""

    threshold: float = 0.9
    interval: int = 1
    mask: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenValues:
    """What is wanted: values of tokens by rewards, with a `scale` of advantages; and what probabilities say, if there are any."""

    wanted: tuple[Literal["value", "advantage"], ...] = ()
    scale: bool = True
    probabilities: bool = False
    critical: bool = False
    segments: Segments | None = None

    @property
    def beside(self) -> Iterator[Beside]:
        """The columns, but for the mask."""
        said = {
            VALUE: "the mean reward of completions that begin so",
            ADVANTAGE: "how much better a token makes the reward",
        }
        for name in self.wanted:
            column = Column(name=name, dtype=np.dtype(np.float32), doc=said[name])
            yield Beside(column=column, elsewhere=0)
        if self.probabilities:
            doc = "the probability that was given with a token, -1 where none was"
            column = Column(name=PROBABILITY, dtype=np.dtype(np.float32), pad=UNKNOWN, doc=doc)
            yield Beside(column=column, elsewhere=UNKNOWN)
        if self.critical:
            yield Beside(column=weight_column(), elsewhere=1)
        if self.segments is not None:
            column = Column(
                name=SEGMENT, dtype=np.dtype(np.uint32), doc="the segment of a completion, from 1 on"
            )
            yield Beside(column=column, elsewhere=0)

    def of(
        self, batch: DocumentBatch, ids: pa.LargeListArray, mask: pa.LargeListArray
    ) -> dict[str, pa.LargeListArray]:
        """The columns of documents that were encoded, and the mask where that changes."""
        edges, flat = _edges(ids), _flat(mask)
        first = edges[:-1] + _begins(flat, edges)
        found: dict[str, npt.NDArray[Any]] = {}
        if self.wanted:
            found |= self._by_rewards(batch, _flat(ids), edges, first)
        if self.probabilities:
            found |= self._by_probabilities(batch, flat, edges, first)
        names = {one.column.name: one.column.dtype for one in self.beside} | {LOSS_MASK: np.dtype(np.uint8)}
        offsets = pa.array(edges)
        return {
            name: pa.LargeListArray.from_arrays(offsets, pa.array(values.astype(names[name])))
            for name, values in found.items()
        }

    def faults(self, batch: DocumentBatch, found: Lists) -> Faults:
        """The documents that have not as many probabilities as tokens to be predicted, but for one that ends them."""
        faults = Faults()
        if not self.probabilities:
            return faults
        asked = _flat(found[LOSS_MASK]) != 0
        if self.segments is not None and self.segments.mask:  # which has taken these from the mask
            asked |= _flat(found[PROBABILITY]) > self.segments.threshold
        given = np.diff(batch.fields[PROBABILITIES].offsets.to_numpy())
        trained = np.diff(np.concatenate([[0], np.cumsum(asked)])[_edges(found[LOSS_MASK])])
        for row in np.flatnonzero((given != trained) & (given != trained - 1)).tolist():
            faults[row] = (
                "probabilities_not_aligned",
                f"it has {given[row]} probabilities, and {trained[row]} tokens that are to be predicted",
            )
        return faults

    def _by_rewards(
        self,
        batch: DocumentBatch,
        ids: npt.NDArray[Any],
        edges: npt.NDArray[np.int64],
        first: npt.NDArray[np.int64],
    ) -> dict[str, npt.NDArray[Any]]:
        value, advantage = np.zeros((2, len(ids)))
        rewards = batch.columns["reward"].to_numpy()
        begins = np.flatnonzero(batch.columns[MEMBER].to_numpy() == 0)
        for low, high in zip(begins, [*begins[1:], len(batch)], strict=True):
            members = range(low, high)
            reward = rewards[low:high].astype(np.float64).tolist()
            values = prefix_values([ids[edges[i] : edges[i + 1]] for i in members], reward)
            better = advantages(values, reward, scale=self.scale)
            for i, one, other in zip(members, values, better, strict=True):
                part, skip = slice(first[i], edges[i + 1]), first[i] - edges[i]
                value[part], advantage[part] = one[skip:], other[skip:]
        found = {VALUE: value, ADVANTAGE: advantage}
        return {name: found[name] for name in self.wanted}

    def _by_probabilities(
        self,
        batch: DocumentBatch,
        mask: npt.NDArray[Any],
        edges: npt.NDArray[np.int64],
        first: npt.NDArray[np.int64],
    ) -> dict[str, npt.NDArray[Any]]:
        probability = np.full(len(mask), UNKNOWN)
        lists = batch.fields[PROBABILITIES]
        given, offsets = _flat(lists), _edges(lists)
        segment, weight = np.zeros(len(mask), np.int64), np.ones(len(mask))
        for i in range(len(batch)):
            trained = edges[i] + np.flatnonzero(mask[edges[i] : edges[i + 1]])
            own = given[offsets[i] : offsets[i + 1]][: len(trained)]
            probability[trained[: len(own)]] = own
            part = slice(first[i], edges[i + 1])
            if self.critical:
                rejected = batch.columns[MEMBER][i].as_py() == 1
                weight[part] = critical_weights(probability[part], rejected=rejected)
            if self.segments is not None:
                made = segments_of(
                    probability[part], threshold=self.segments.threshold, interval=self.segments.interval
                )
                segment[part] = made
        found: dict[str, npt.NDArray[Any]] = {PROBABILITY: probability}
        if self.critical:
            found[LOSS_WEIGHT] = weight
        if self.segments is not None:
            found[SEGMENT] = segment
            if self.segments.mask:
                found[LOSS_MASK] = np.where(probability.astype(np.float32) > self.segments.threshold, 0, mask)
        return found


NO_VALUES = TokenValues()
"""Nothing is wanted."""


def _edges(lists: pa.LargeListArray) -> npt.NDArray[np.int64]:
    offsets: npt.NDArray[np.int64] = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0]


def _flat(lists: pa.LargeListArray) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = lists.flatten().to_numpy(zero_copy_only=False)
    return values


def _begins(mask: npt.NDArray[Any], edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many tokens of each document come before the first that is to be predicted; all, where none is."""
    trained = np.append(np.flatnonzero(mask), len(mask))
    return np.minimum(trained[np.searchsorted(trained, edges[:-1])], edges[1:]) - edges[:-1]
