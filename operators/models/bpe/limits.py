"""What a merge may not make: tokens of too many words, tokens that contain a forbidden string, and tokens that are blocked.

A pair that would make such a token is passed over for good (Liu et al., "SuperBPE: Space Travel for Language Models", 2025).
That depends on the two tokens alone, so that it is decided where a pair is about to be listed. Of each token the kernels
know how many words it has (parts between spaces that are not empty), whether it begins and ends inside a word, whether it
contains a forbidden string, and as many of its first and last bytes as a forbidden string across the seam could take.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.kernels.limits import ENDS, HOLDS, STARTS, Rule

__all__ = ["NO_LIMITS", "PairLimits", "TokenFacts"]

# The rule of a learner without limits: addresses that are never read.
NO_LIMITS = Rule(*(0,) * 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLimits:
    """Limits on what merges make: at most `max_words` words (None: any number), none of `forbid` inside, none of `blocked`.

    `tokens` are the bytes of the ids that there are before the first merge, special tokens included.
    Raises ValueError for fewer than one word and for an empty forbidden string.
    """

    tokens: Sequence[bytes]
    max_words: int | None = None
    forbid: tuple[bytes, ...] = ()
    blocked: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.max_words is not None and self.max_words < 1:
            raise ValueError(f"max_words must be at least 1, got {self.max_words}")
        if not all((*self.forbid, *self.blocked)):
            raise ValueError("a forbidden string is empty")


@dataclass(slots=True, kw_only=True, eq=False)
class TokenFacts:
    """What the limits need to know of each token, in arrays that merges add to; `rule` has their addresses, for kernels."""

    words: npt.NDArray[np.uint32]
    sizes: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint8]
    heads: npt.NDArray[np.uint8]
    tails: npt.NDArray[np.uint8]
    forbidden: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.uint32]
    most_words: int
    whole: int
    rule: Rule = field(init=False)

    def __post_init__(self) -> None:
        arrays = (self.words, self.sizes, self.flags, self.heads, self.tails, self.forbidden, self.bounds)
        reach, strings = self.heads.shape[1], len(self.bounds) - 1
        self.rule = Rule(
            self.most_words, reach, strings, self.whole, *(int(array.ctypes.data) for array in arrays)
        )

    @classmethod
    def of(cls, limits: PairLimits, ids: int) -> "TokenFacts":
        """The facts of the tokens that there are, with room for `ids` tokens in all."""
        strings = limits.blocked + limits.forbid
        reach = max(map(len, strings), default=1) - 1
        facts = cls(
            words=np.zeros(ids, np.uint32),
            sizes=np.zeros(ids, np.uint32),
            flags=np.zeros(ids, np.uint8),
            heads=np.zeros((ids, reach), np.uint8),
            tails=np.zeros((ids, reach), np.uint8),
            forbidden=np.frombuffer(b"".join(strings) or b"\0", np.uint8).copy(),
            bounds=np.cumsum([0, *map(len, strings)]).astype(np.uint32),
            most_words=limits.max_words or 1 << 31,
            whole=len(limits.blocked),
        )
        for i, token in enumerate(limits.tokens):
            facts.words[i] = sum(1 for part in token.split(b" ") if part)
            facts.sizes[i] = len(token)
            facts.flags[i] = (
                STARTS * (token[:1] != b" ")
                | ENDS * (token[-1:] != b" ")
                | HOLDS * any(string in token for string in limits.forbid)
            )
            if reach:
                head, tail = token[:reach], token[-reach:]
                facts.heads[i, : len(head)] = list(head)
                facts.tails[i, reach - len(tail) :] = list(tail)
        return facts
