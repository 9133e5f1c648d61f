"""What the pieces of a Unigram may look like: which there must be, which there may not be, and how many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Shape
from pairloom.operators.models.unigram.learning.scripts import NO_CAPS, ScriptCaps
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["NO_SHAPE", "PieceShape"]

# By how much what is required is better than the best other way to spell it.
_BETTER = 0.001
# What no piece may have.
_NEVER = (0, ord("\u2581"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceShape:
    """The keys of `Shape` as pieces; `single_digits` are digits that stand alone, `first` how many tokens are before the pieces.

    What is required, or fills, has a score a little better than the best other way to spell it, if it has no better one.
    `caps` are on pieces of a script; single characters, what is required, and what fills count for nothing.
    """

    limit: int | None = None
    initial: str = ""
    required: tuple[bytes, ...] = ()
    fillers: tuple[bytes, ...] = ()
    strings: tuple[bytes, ...] = ()
    single_digits: bool = False
    first: int = 0
    caps: ScriptCaps = NO_CAPS

    @classmethod
    def of(
        cls, shape: Shape, *, size: int, first: int, single_digits: bool, reserved: Sequence[bytes]
    ) -> "PieceShape":
        """Of the keys of a recipe for `size` tokens; RecipeError for what is required and no piece can be."""
        asked = [("required", token) for token in shape.required]
        for key, token in [*asked, *(("fillers", token) for token in shape.fillers)]:
            if token.encode() in reserved or " " in token.strip(" ") or token[1:] != token[1:].strip(" "):
                raise RecipeError(
                    f"vocabulary.{key} has {token!r}: a piece has a space only as its first, and is no special token; leave it "
                    "out"
                )
            if any(ord(char) in _NEVER for char in token):
                raise RecipeError(
                    f"vocabulary.{key} has {token!r}, with a character that no piece may have: leave it out"
                )
        return cls(
            limit=shape.limit_alphabet,
            initial="".join((*shape.initial_alphabet, *shape.required, *shape.fillers)),
            required=tuple(token.encode() for token in shape.required),
            fillers=tuple(token.encode() for token in shape.fillers),
            strings=shape.blocked_strings,
            single_digits=single_digits,
            first=first,
            caps=ScriptCaps.of(shape.caps(size)),
        )

    def points(
        self, required: npt.NDArray[np.int64], characters: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """The characters that are pieces in any case, of those that coverage makes so; all of them occur."""
        kept = [ord(char) for char in dict.fromkeys(self.initial) if characters[ord(char)]]
        others = [point for point in required.tolist() if point not in kept]
        if self.limit is not None:
            others = others[: max(0, self.limit - len(kept))]
        return np.array([*others, *kept], np.int64) if kept or self.limit is not None else required

    def pieces(
        self, known: Mapping[bytes, float], found: dict[bytes, float], ranked: Sequence[Any], size: int
    ) -> dict[bytes, float]:
        """The pieces: those `found`, what is required, and the best others up to `size`, then what fills.

        `known` are the scores of all that were learned, `ranked` the same, best first.
        """
        worst = min(known.values(), default=0.0)
        for char in dict.fromkeys(self.initial):
            found.setdefault(char.encode(), known.get(char.encode(), worst))
        wanted = [token for token in self.required if len(token.decode()) > 1]
        scores = dict(known) | found
        for token in wanted:
            found[token] = scores[token] = self._score(scores, token)
        scripts = self.caps.scripts(TokenTable.of([token for token, _ in ranked]))
        there = np.array([token in found for token, _ in ranked], np.bool_)
        stay = self.caps.within(scripts, size, size, taken=there)
        for (token, score), stays in zip(ranked, stay.tolist(), strict=True):
            if len(found) >= size:
                break
            if stays:
                found.setdefault(token, score)
        if self.fillers:
            self._fill(found, scores, 1 << (self.first + size - 1).bit_length())
        return found

    def _fill(self, found: dict[bytes, float], scores: dict[bytes, float], size: int) -> None:
        for token in self.fillers:
            if self.first + len(found) == size:
                return
            if token not in found:
                found[token] = scores[token] = self._score(scores, token)
        if self.first + len(found) != size:
            raise RecipeError(
                f"the fillers end at {self.first + len(found)} tokens, and the next power of two is {size}: name more of them"
            )

    @staticmethod
    def _score(scores: Mapping[bytes, float], token: bytes) -> float:
        """Its own score, or a little more than the best way to spell it by other pieces; a number that float32 holds."""
        best = [0.0, *[-np.inf] * len(token)]
        for end in range(1, len(token) + 1):
            for start in range(end):
                part = token[start:end]
                if part != token and part in scores:
                    best[end] = max(best[end], best[start] + scores[part])
        other = float(np.float32(best[-1] + _BETTER)) if np.isfinite(best[-1]) else min(scores.values())
        return max(other, scores.get(token, -np.inf))


NO_SHAPE = PieceShape()
"""Pieces as they come."""
