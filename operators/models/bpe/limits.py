"""What a merge may not make: tokens of too many words, and tokens that contain a forbidden string.

A pair that would make such a token is passed over for good (Liu et al., "SuperBPE: Space Travel for Language Models", 2025).
That depends on the two tokens alone, so that it is decided where a pair is about to be listed. Of each token the kernels
know how many words it has (parts between spaces that are not empty), whether it begins and ends inside a word, whether it
contains a forbidden string, and as many of its first and last bytes as a forbidden string across the seam could take.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u32, signed, store_u8, store_u32

__all__ = ["NO_LIMITS", "PairLimits", "TokenFacts", "adopt", "mark_rejected", "rejected"]

_SPACE = 32
# Bits of a token's flags.
_STARTS, _ENDS, _HOLDS = 1, 2, 4

# The rule of a learner without limits: addresses that are never read.
NO_LIMITS = (0,) * 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLimits:
    """Limits on what merges make: at most `max_words` words (None: any number) and none of `forbid` inside.

    `tokens` are the bytes of the ids that there are before the first merge, special tokens included.
    Raises ValueError for fewer than one word and for an empty forbidden string.
    """

    tokens: Sequence[bytes]
    max_words: int | None = None
    forbid: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.max_words is not None and self.max_words < 1:
            raise ValueError(f"max_words must be at least 1, got {self.max_words}")
        if not all(self.forbid):
            raise ValueError("a forbidden string is empty")


@dataclass(slots=True, kw_only=True, eq=False)
class TokenFacts:
    """What the limits need to know of each token, in arrays that merges add to; `rule` is what kernels take."""

    words: npt.NDArray[np.uint32]
    sizes: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint8]
    heads: npt.NDArray[np.uint8]
    tails: npt.NDArray[np.uint8]
    forbidden: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.uint32]
    most_words: int
    rule: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        arrays = (self.words, self.sizes, self.flags, self.heads, self.tails, self.forbidden, self.bounds)
        reach, strings = self.heads.shape[1], len(self.bounds) - 1
        self.rule = (self.most_words, reach, strings, *(int(array.ctypes.data) for array in arrays))

    @classmethod
    def of(cls, limits: PairLimits, ids: int) -> "TokenFacts":
        """The facts of the tokens that there are, with room for `ids` tokens in all."""
        reach = max((len(string) for string in limits.forbid), default=1) - 1
        facts = cls(
            words=np.zeros(ids, np.uint32),
            sizes=np.zeros(ids, np.uint32),
            flags=np.zeros(ids, np.uint8),
            heads=np.zeros((ids, reach), np.uint8),
            tails=np.zeros((ids, reach), np.uint8),
            forbidden=np.frombuffer(b"".join(limits.forbid) or b"\0", np.uint8).copy(),
            bounds=np.cumsum([0, *map(len, limits.forbid)]).astype(np.uint32),
            most_words=limits.max_words or 1 << 31,
        )
        for i, token in enumerate(limits.tokens):
            facts.words[i] = sum(1 for part in token.split(b" ") if part)
            facts.sizes[i] = len(token)
            facts.flags[i] = (
                _STARTS * (token[:1] != b" ")
                | _ENDS * (token[-1:] != b" ")
                | _HOLDS * any(string in token for string in limits.forbid)
            )
            if reach:
                head, tail = token[:reach], token[-reach:]
                facts.heads[i, : len(head)] = list(head)
                facts.tails[i, reach - len(tail) :] = list(tail)
        return facts


@inner
def _words(rule: Any, left: int, right: int) -> int:
    words, flags = rule[3], rule[5]
    together = signed(load_u32(words + 4 * left)) + signed(load_u32(words + 4 * right))
    if signed(load_u8(flags + left)) & _ENDS and signed(load_u8(flags + right)) & _STARTS:
        together -= 1
    return together


@inner
def _holds_forbidden(rule: Any, left: int, right: int) -> bool:
    _, reach, strings, _, sizes, flags, heads, tails, forbidden, bounds = rule
    if (signed(load_u8(flags + left)) | signed(load_u8(flags + right))) & _HOLDS:
        return True
    left_size, right_size = signed(load_u32(sizes + 4 * left)), signed(load_u32(sizes + 4 * right))
    tail, head = tails + reach * (left + 1), heads + reach * right
    for k in range(strings):
        string = forbidden + signed(load_u32(bounds + 4 * k))
        length = signed(load_u32(bounds + 4 * k + 4)) - signed(load_u32(bounds + 4 * k))
        for before in range(max(1, length - right_size), min(length - 1, left_size) + 1):
            i = 0
            while i < before and load_u8(tail - before + i) == load_u8(string + i):
                i += 1
            while before <= i < length and load_u8(head + i - before) == load_u8(string + i):
                i += 1
            if i == length:
                return True
    return False


@inner
def rejected(rule: Any, left: int, right: int) -> bool:
    """Whether a pair makes a token that is past the limits; `rule` is `TokenFacts.rule`, or NO_LIMITS."""
    if rule[0] == 0:
        return False
    return _words(rule, left, right) > rule[0] or _holds_forbidden(rule, left, right)


@inner
def adopt(rule: Any, left: int, right: int, product: int) -> None:
    """Write the facts of the token that a merge makes."""
    _, reach, _, words, sizes, flags, heads, tails, _, _ = rule
    if rule[0] == 0:
        return
    left_flags, right_flags = signed(load_u8(flags + left)), signed(load_u8(flags + right))
    left_size, right_size = signed(load_u32(sizes + 4 * left)), signed(load_u32(sizes + 4 * right))
    together = _words(rule, left, right)
    holds = np.uint8(_HOLDS if _holds_forbidden(rule, left, right) else 0)
    store_u32(words + 4 * product, np.uint32(together))
    store_u32(sizes + 4 * product, np.uint32(left_size + right_size))
    store_u8(flags + product, np.uint8((left_flags & _STARTS) | (right_flags & _ENDS)) | holds)
    for i in range(reach):
        here = heads + reach * product + i
        if i < left_size:
            store_u8(here, load_u8(heads + reach * left + i))
        elif i - left_size < right_size:
            store_u8(here, load_u8(heads + reach * right + i - left_size))
        # From the end backwards.
        here = tails + reach * (product + 1) - 1 - i
        if i < right_size:
            store_u8(here, load_u8(tails + reach * (right + 1) - 1 - i))
        elif i - right_size < left_size:
            store_u8(here, load_u8(tails + reach * (left + 1) - 1 - (i - right_size)))


@kernel
def mark_rejected(rule: Any, pairs: npt.NDArray[np.int32], marks: npt.NDArray[np.bool_]) -> None:
    """Which of `pairs` (int32[n, 2], ids) make a token that is past the limits; `marks` is bool[n]."""
    for i in range(len(pairs)):
        marks[i] = rejected(rule, signed(pairs[i, 0]), signed(pairs[i, 1]))
