"""Merges of characters: what learners of BPE over characters and of WordPiece have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Progress, Shape
from pairloom.operators.models.bpe.layout import Layout, TokenSequences
from pairloom.operators.models.bpe.learner import Learner
from pairloom.operators.models.bpe.limits import PairLimits

__all__ = ["CharacterWords", "chosen_characters", "learn_merges"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CharacterWords:
    """Distinct words as characters: word i is `codes[offsets[i]:offsets[i + 1]]` (uint32) and occurs `counts[i]` times."""

    codes: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, words: Sequence[str], counts: npt.NDArray[np.int64]) -> "CharacterWords":
        """Words that are texts, none of them empty."""
        codes = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        return cls(codes=codes, offsets=np.concatenate([[0], np.cumsum(lengths)]), counts=counts)

    @property
    def begins(self) -> npt.NDArray[np.bool_]:
        """Which characters are the first of a word."""
        first = np.zeros(len(self.codes), np.bool_)
        first[self.offsets[:-1]] = True
        return first

    def weights(self) -> dict[str, int]:
        """How often each character occurs, in numbers of any size."""
        each = np.repeat(self.counts, np.diff(self.offsets)).astype(np.uint64)
        points, places = np.unique(self.codes, return_inverse=True)
        sums = np.zeros((2, len(points)), np.uint64)
        np.add.at(sums[0], places, each >> np.uint64(32))
        np.add.at(sums[1], places, each & np.uint64(0xFFFFFFFF))
        return {
            chr(point): (high << 32) + low
            for point, high, low in zip(points.tolist(), *sums.tolist(), strict=True)
        }

    def symbols(self, ids: npt.NDArray[np.int64]) -> TokenSequences:
        """The words of symbols (int64, one a character, negative ones left out, so that their neighbours are adjacent)."""
        kept = ids >= 0
        offsets = np.concatenate([[0], np.cumsum(kept)])[self.offsets].astype(np.int64)
        return TokenSequences(ids=ids[kept].astype(np.uint32), offsets=offsets, counts=self.counts)


def chosen_characters(weights: dict[str, int], shape: Shape, kept: str = "") -> list[str]:
    """The characters that are learned from, ascending; those of `initial_alphabet` and `kept` whatever the limit."""
    initial = {*"".join(shape.initial_alphabet), *kept}
    others = sorted(
        (char for char in weights if char not in initial), key=lambda char: (-weights[char], char)
    )
    if shape.limit_alphabet is not None:
        others = others[: max(0, shape.limit_alphabet - len(initial))]
    return sorted({*initial, *others})


def learn_merges(
    words: TokenSequences,
    tokens: Sequence[str],
    size: int,
    shape: Shape,
    *,
    taken: Sequence[str] = (),
    min_count: int = 1,
    progress: Progress | None = None,
) -> list[tuple[int, int]]:
    """The merges of words of the first `tokens`, up to `size`: the most frequent pair first, of equals the one of smaller ids.

    None makes a token that is `taken`. RecipeError where there are more first tokens than `size`.
    """
    if len(tokens) > size:
        raise RecipeError(
            f"the special tokens and characters alone are {len(tokens)} tokens, and size is {size}: raise it, or say "
            "limit_alphabet"
        )
    limits = None
    if shape.blocked or taken:
        limits = PairLimits(
            tokens=[token.encode() for token in tokens],
            forbid=shape.blocked_strings,
            blocked=(*shape.blocked_tokens, *(token.encode() for token in taken)),
        )
    longest = None if shape.max_token_length is None else shape.max_token_length + 1
    learner = Learner(
        Layout.of_tokens([words]),
        first=len(tokens),
        merges=size - len(tokens),
        max_token_length=longest,
        limits=limits,
    )
    return [(left, right) for left, right in learner.learn(min_count=min_count, progress=progress).tolist()]
