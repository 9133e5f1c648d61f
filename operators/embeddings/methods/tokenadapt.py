"""TokenAdapt: pieces weighted by meaning and length, mixed with the old tokens that mean most nearly the same."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings.method import Given, Method, unshared, weighed
from pairloom.operators.embeddings.rows import RowMap, ordinary_ids
from pairloom.operators.embeddings.vectors import nearest, softmax, unit
from pairloom.operators.errors import RecipeError

__all__ = ["TokenAdapt"]

_TOGETHER = 1024  # tokens whose neighbours are sought at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAdapt(Method):
    """Pieces weighted by cosine and share of bytes (`local`), the nearest old tokens (`global`), or both (`hybrid`).

    Given vectors of the old and of the new tokens in one space. Of pieces the weights are softmax((softmax(cosine) + bytes of
    the piece / bytes of the token) / 2 / temperature), of the `neighbours` nearest old tokens softmax(cosine / temperature);
    `hybrid` gives the neighbours `weight` of all, and pieces the rest. A token whose vector is all zeros begins as the mean of its
    pieces.
    """

    name = "tokenadapt"
    needs = ("old_vectors", "new_vectors")
    source = "Sharthak et al., 2025, arXiv:2505.09738"

    mode: Literal["hybrid", "local", "global"] = "hybrid"
    weight: float = 0.3
    neighbours: int = 3
    temperature: float = 0.3

    def __post_init__(self) -> None:
        if self.neighbours < 1 or not self.temperature > 0:
            raise RecipeError(
                f"the method tokenadapt: neighbours is {self.neighbours} and temperature {self.temperature}: at least 1, and more "
                "than 0, are needed"
            )
        if not 0 <= self.weight <= 1:
            raise RecipeError(f"the method tokenadapt: weight is {self.weight}: it is from 0 to 1")

    def rows(self, given: Given) -> RowMap:
        """Both lists of each token, one behind the other."""
        which = unshared(given.rows)
        share = {"hybrid": self.weight, "local": 0.0, "global": 1.0}[self.mode]
        ordinary = ordinary_ids(given.old) if share else np.zeros(0, np.int64)
        ids: list[npt.NDArray[np.int64]] = []
        weights: list[npt.NDArray[np.float64]] = []
        lengths: list[int] = []
        for start in range(0, len(which), _TOGETHER):
            part = which[start : start + _TOGETHER]
            known, near, near_weights = self._near(given, part, ordinary)
            for i, token in enumerate(part.tolist()):
                lists = []
                if known[i]:
                    found = near[i] >= 0
                    most = share if found.any() else 0.0
                    pieces, piece_weights = self._local(given, token)
                    lists = [
                        (pieces, piece_weights * (1 - most)),
                        (near[i][found], near_weights[i][found] * most),
                    ]
                ids += [of for of, by in lists if by.any()]
                weights += [by for _, by in lists if by.any()]
                lengths.append(sum(len(of) for of, by in lists if by.any()))
        if not ids:
            return given.rows
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return weighed(
            given.rows, which, offsets, np.concatenate(ids), np.concatenate(weights).astype(np.float32)
        )

    def _near(
        self, given: Given, part: npt.NDArray[np.int64], ordinary: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Which tokens have a vector, the neighbours of each and their weights."""
        assert given.old_vectors is not None
        assert given.new_vectors is not None
        of = unit(given.new_vectors.take(part))
        near, cosine = nearest(of, given.old_vectors, ordinary, self.neighbours)
        known = np.asarray(of.any(axis=1), np.bool_)
        return known, near, softmax(cosine / self.temperature)

    def _local(self, given: Given, token: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        assert given.old_vectors is not None
        assert given.new_vectors is not None
        at = slice(*given.rows.offsets[token : token + 2])
        pieces = given.rows.ids[at]
        of = unit(given.new_vectors.take(np.array([token])))
        cosine = (unit(given.old_vectors.take(pieces)) @ of[0])[None]
        lengths = np.array([len(given.old.tokens[int(i)]) for i in pieces]) / len(given.new.tokens[token])
        return pieces, softmax((softmax(cosine) + lengths) / 2 / self.temperature)[0]
