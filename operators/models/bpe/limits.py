"""What a merge may not make: tokens of too many words, that contain a forbidden string, that are blocked, or of a used-up script.

A pair that would make such a token is passed over for good (Liu et al., "SuperBPE: Space Travel for Language Models", 2025).
That depends on the two tokens alone, so that it is decided where a pair is about to be listed; a script may be used up later, so
that pairs are looked at again when it is their turn. Of each token the kernels
know how many words it has (parts between spaces that are not empty), whether it begins and ends inside a word, whether it
contains a forbidden string, and as many of its first and last bytes as a forbidden string across the seam could take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.kernels.limits import ANOTHER, ENDS, HOLDS, STARTS, Rule

__all__ = ["NO_LIMITS", "PairLimits", "TokenFacts", "capped_scripts"]

# The rule of a learner without limits: addresses that are never read.
NO_LIMITS = Rule(*(0,) * 14)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLimits:
    """Limits on what merges make: at most `max_words` words (None: any number), none of `forbid` inside, none of `blocked`.

    `caps` are scripts, and how many tokens merges may make of each. `tokens` are the bytes of the ids that there are before the
    first merge, special tokens included, and of those of the first `made` merges.
    Raises ValueError for fewer than one word and for an empty forbidden string.
    """

    tokens: Sequence[bytes]
    max_words: int | None = None
    forbid: tuple[bytes, ...] = ()
    blocked: tuple[bytes, ...] = ()
    caps: Mapping[str, int] = field(default_factory=dict)
    made: int = 0

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
    scripts: npt.NDArray[np.uint8]
    script: npt.NDArray[np.uint8]
    room: npt.NDArray[np.int64]
    most_words: int
    whole: int
    rule: Rule = field(init=False)

    def __post_init__(self) -> None:
        facts = (self.words, self.sizes, self.flags, self.heads, self.tails, self.forbidden, self.bounds)
        arrays = (*facts, self.script, self.room)
        addresses = (int(array.ctypes.data) for array in arrays)
        reach, strings = self.heads.shape[1], len(self.bounds) - 1
        scripts = int(self.scripts.ctypes.data) if len(self.scripts) else 0
        self.rule = Rule(*(self.most_words, reach, strings, self.whole, *addresses, scripts))

    @classmethod
    def of(cls, limits: PairLimits, ids: int) -> "TokenFacts":
        """The facts of the tokens that there are, with room for `ids` tokens in all."""
        strings = limits.blocked + limits.forbid
        reach = max(max(map(len, strings), default=1) - 1, 3 if limits.caps else 0)
        scripts, room = capped_scripts(limits.caps)
        facts = cls(
            words=np.zeros(ids, np.uint32),
            sizes=np.zeros(ids, np.uint32),
            flags=np.zeros(ids, np.uint8),
            heads=np.zeros((ids, reach), np.uint8),
            tails=np.zeros((ids, reach), np.uint8),
            forbidden=np.frombuffer(b"".join(strings) or b"\0", np.uint8).copy(),
            bounds=np.cumsum([0, *map(len, strings)]).astype(np.uint32),
            scripts=scripts,
            script=np.zeros(ids if limits.caps else 1, np.uint8),
            room=room,
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
            if limits.caps:
                facts.script[i] = _script_of(token, scripts)
        for script in (
            facts.script[len(limits.tokens) - limits.made : len(limits.tokens)] if limits.caps else ()
        ):
            facts.room[script] -= 1
        return facts


def capped_scripts(caps: Mapping[str, int]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The script of each code point: from 1 on, those of `caps`, `ANOTHER`, or 0 for none; and the room for tokens of each."""
    room = np.full(256, 1 << 62, np.int64)
    if not caps:
        return np.zeros(0, np.uint8), room
    from pairloom.operators.text.pretokenize.patterns.properties import SCRIPTS, script_numbers

    named = np.full(len(SCRIPTS) + 1, ANOTHER, np.uint8)
    named[[0, 1 + SCRIPTS.index("Common"), 1 + SCRIPTS.index("Inherited")]] = 0
    for number, (name, cap) in enumerate(caps.items(), 1):
        named[1 + SCRIPTS.index(name)] = number
        room[number] = cap
    return named[script_numbers()], room


def _script_of(token: bytes, scripts: npt.NDArray[np.uint8]) -> int:
    """The script of the first whole character that is of one."""
    return next((int(scripts[ord(char)]) for char in token.decode(errors="ignore") if scripts[ord(char)]), 0)
