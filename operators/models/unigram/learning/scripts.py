"""How many pieces there may be of a script: at every pruning its share of what stays, and at last no more than its cap."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.limits import capped_scripts
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["NO_CAPS", "ScriptCaps"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScriptCaps:
    """`points` (uint8) has the script of each code point, from 1 on those that have a cap; `most` (int64) the caps.

    Both are empty where no script has one.
    """

    points: npt.NDArray[np.uint8]
    most: npt.NDArray[np.int64]

    @classmethod
    def of(cls, caps: Mapping[str, int]) -> "ScriptCaps":
        """The caps of scripts by their names in Unicode."""
        points, room = capped_scripts(caps)
        return cls(points=points, most=room[1 : len(caps) + 1])

    def scripts(self, tokens: TokenTable) -> npt.NDArray[np.uint8]:
        """The script of each token, uint8: that of its first character that is of one; 0 for none and for single characters.

        >>> caps = ScriptCaps.of({"Han": 2, "Cyrillic": 1})
        >>> caps.scripts(TokenTable.of([" 1. да".encode(), "本語".encode(), "本".encode(), b"the"])).tolist()
        [2, 1, 0, 255]
        """
        if not len(self.most):
            return np.zeros(len(tokens), np.uint8)
        letters = np.frombuffer(tokens.data.tobytes().decode().encode("utf-32-le"), np.uint32)
        begun = np.append(0, np.cumsum(tokens.data >> 6 != 2))  # characters before each byte
        first, behind = begun[tokens.offsets[:-1]], begun[tokens.offsets[1:]]
        of_letters = self.points[letters]
        tells = np.append(np.flatnonzero(of_letters), len(letters))
        at = tells[np.searchsorted(tells, first)]
        found = np.append(of_letters, np.uint8(0))[np.minimum(at, len(letters))]
        return np.where((at < behind) & (behind - first > 1), found, 0).astype(np.uint8)

    def within(
        self,
        scripts: npt.NDArray[np.uint8],
        room: int,
        size: int,
        *,
        taken: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.bool_]:
        """Which of pieces, best first, stay where `room` do for every `size` of a vocabulary: of a script the best up to its share.

        `scripts` are those of the pieces; what is `taken` is there anyway, and counts for nothing.

        >>> caps = ScriptCaps.of({"Han": 2})
        >>> caps.within(np.array([1, 1, 255, 1, 1, 0], np.uint8), 15, 10).tolist()
        [True, True, True, True, False, True]
        """
        stay = np.ones(len(scripts), np.bool_)
        for number, most in enumerate(self.most.tolist(), 1):
            of_script = np.flatnonzero(scripts == number if taken is None else (scripts == number) & ~taken)
            stay[of_script[most * room // max(1, size) :]] = False
        return stay


NO_CAPS = ScriptCaps.of({})
"""As many of each script as there come."""
