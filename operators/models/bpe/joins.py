"""Encoding in two steps where later merges join words: words first, as ever, then what joins them.

A superword vocabulary has merges that stay inside words, and after them merges that join words. A piece of text is
long then and hardly ever met again, but its words are. Since each merge is made of tokens that merges before it made, all of the
early merges are over before the first late one is made, so that

1. the piece is cut between two bytes that stand side by side in no early token: no early merge crosses there. What is
   between two cuts is about a word; the table of words knows it, or learns it, as with any vocabulary;
2. the late merges are made in the tokens of the piece. Two tokens between which no late token has a seam stay apart
   (a filter says so at once of most), and the short runs between such places are merged, lowest rank first: sixty-four
   tokens at a time, whatever pieces they are of (`kernels/runs.py`).

No merge crosses the ends of a run. So what a run of more than `MOST_RUN` tokens spells is left to `encode_linear`, and a run
that is not over yet waits for the tokens that follow. Early merges are those before the first one whose token has a space
right after a letter of ASCII: the two are cut apart without a look, and where that is decides about nothing but speed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.kernels.state import (
    GOES_ON_AT,
    JOINED,
    JOINED_SEEN,
    JOINED_TEXT_AT,
    OUT,
    WHOLE_AT,
)
from pairloom.operators.models.bpe.kernels.joins import (
    LONGEST,
    PLACE,
    ROOM,
    cut_words,
    fill_cuts,
    fill_seams,
    first_joined,
)
from pairloom.operators.models.bpe.kernels.linear import MEMO_BYTES
from pairloom.operators.models.bpe.kernels.word import SHORT, fill_ranks
from pairloom.operators.models.bpe.linear import linear_bytes
from pairloom.operators.models.bpe.word import PairTable
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["JoinCutter", "JoinTable", "holds_joined"]

# Early merges are worth a step of their own where they are at least this share of all.
_LEAST_EARLY = 1 / 16
# Words that pieces are cut into at a time.
_WORDS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTable:
    """The two steps of a vocabulary; all arrays are read-only once built.

    `early` are the early merges, `full` all of them. `cuts` (uint8[65536]) has 1 at 256 x + y where no early token holds byte
    x before byte y, and `kinds` (uint8[768]) what is so of kinds of bytes (`_kinds`). `seams` (uint64, a power of two of them) is
    a filter of one bit a hash of the pairs of early tokens that meet in a late token, `slots` (uint64) the ranks of the late
    merges, as in `PairTable`.
    """

    early: PairTable
    full: PairTable
    cuts: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.uint8]
    seams: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, full: PairTable, merges: npt.NDArray[np.int32], *, whole: bool) -> "JoinTable | None":
        """Part `merges` (int32[m, 2], ids), those of `full`, in two, or None where one step does as well.

        That is where merges do not allow for encoding from left to right, where nearly all of them are late, and, unless
        the pretokenizer leaves words together (`whole`), where none is.
        """
        tokens = full.tokens
        if full.linear is None or len(full.whole):
            return None
        data, offsets = np.array(tokens.data), np.array(tokens.offsets)
        products, byte_ids = (array.astype(np.int64) for array in (full.products, full.byte_ids))
        early = int(first_joined(data, offsets, products))
        if early < _LEAST_EARLY * len(merges) or (early == len(merges) and not whole):
            return None
        cuts = np.ones(1 << 16, np.uint8)
        fill_cuts(data, offsets, products[:early], cuts)
        late = np.ascontiguousarray(merges[early:], np.int32)
        seams = np.zeros(max(1, (1 << (16 * len(late)).bit_length()) // 64), np.uint64)
        fill_seams(late, products[early:], len(tokens), seams)
        slots = np.zeros(1 << max(4, (3 * len(late)).bit_length()), np.uint64)
        fill_ranks(slots, late, np.arange(early, len(merges), dtype=np.uint32))
        table = PairTable.of(byte_ids, merges[:early], products[:early], tokens=tokens)
        return cls(early=table, full=full, cuts=cuts, kinds=_kinds(cuts, data), seams=seams, slots=slots)

    @property
    def addresses(self) -> tuple[int, ...]:
        """What kernels read: `seams`, its hash shift, `slots`, their mask and hash shift, products, tokens, `full.linear`."""
        assert self.full.linear is not None
        tokens = self.full.tokens
        bits = (64 * len(self.seams)).bit_length() - 1
        slot_bits = len(self.slots).bit_length() - 1
        ours = (
            self.seams.ctypes.data,
            32 - bits,
            self.slots.ctypes.data,
            len(self.slots) - 1,
            64 - slot_bits,
        )
        spelled = (tokens.data.ctypes.data, tokens.offsets.ctypes.data)
        return (*ours, self.full.products.ctypes.data, *spelled, *self.full.linear.addresses)


def _kinds(cuts: npt.NDArray[np.uint8], data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Which cuts hold before all bytes of a kind, for every byte that stands before them: nearly all that text has.

    Bytes are of eight kinds, a bit each. For every byte, before which kinds there is a cut whichever byte of it follows; before
    which there mostly is (by how often `data` has bytes), so that it is worth a look (`cut_words`); and of which kind it is.
    Two letters of ASCII are not looked at, nor what is inside of a character.
    """
    apart = cuts.reshape(256, 256).astype(np.bool_)
    often = np.bincount(data, minlength=256) + 1
    always, looked, kind = (np.zeros(256, np.uint8) for _ in range(3))
    kind[:32], kind[32], kind[33:128], kind[48:58] = 1, 2, 4, 8
    kind[65:91], kind[97:123], kind[128:192], kind[192:] = 16, 32, 64, 128
    letters = np.isin(kind, [16, 32])  # letters of ASCII
    for bit in range(8):
        of = kind == 1 << bit
        every, mostly = apart[:, of].all(axis=1), 2 * (apart[:, of] @ often[of]) > often[of].sum()
        looked_at = mostly & ~every & ~(letters & letters[of].all()) & (bit != 6)
        always |= every.astype(np.uint8) << bit
        looked |= looked_at.astype(np.uint8) << bit
    return np.concatenate([always, looked, kind])


def holds_joined(tokens: TokenTable) -> bool:
    r"""Whether some token has a space right after a letter of ASCII: only then may merges join words that are cut before spaces.

    >>> holds_joined(TokenTable.of([b"in the"])), holds_joined(TokenTable.of([b"in", b" the", b"   "]))
    (True, False)
    """
    letters = tokens.data[:-1] | 32
    found = (tokens.data[1:] == 32) & (letters >= 97) & (letters <= 122)
    inside = np.ones(len(tokens.data) + 1, np.bool_)
    inside[tokens.offsets] = False
    return bool((found & inside[1:-1]).any())


class JoinCutter:
    """Cuts pieces of text into words for one encoder, and holds the scratch that joining them takes."""

    def __init__(
        self, cuts: npt.NDArray[np.uint8], kinds: npt.NDArray[np.uint8], *, words: int = _WORDS
    ) -> None:
        self._cuts, self._kinds = cuts, kinds
        self._text = np.zeros(0, np.uint8)
        self._whole = np.zeros(MEMO_BYTES // 8, np.uint64)
        self._cursor = np.zeros(4, np.int64)
        self._words = np.zeros(words + ROOM, np.int64)
        self._goes_on = np.zeros(words + ROOM, np.uint8)

    def __call__(
        self, state: npt.NDArray[np.int64], at: int, low: int, ends: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """The words of the pieces that end at `ends`, the first of which begins at `low`: (where they begin, their ends)."""
        state[GOES_ON_AT] = self._goes_on.ctypes.data
        state[JOINED], state[JOINED_SEEN] = state[OUT], 0
        cursor, total = self._cursor, int(ends[-1])
        cursor[:] = (0, low, low, 0)
        while cursor[PLACE] < total:
            count = cut_words(at, ends, self._cuts, self._kinds, cursor, self._words, self._goes_on)
            self._make_room(state, int(cursor[LONGEST]))
            yield low, self._words[:count]
            low = int(self._words[count - 1])

    def _make_room(self, state: npt.NDArray[np.int64], longest: int) -> None:
        # For joining pieces of so many bytes.
        if longest > len(self._text):
            known = self._whole[: MEMO_BYTES // 8]
            self._text = np.empty(max(SHORT, longest * 5 // 4), np.uint8)
            self._whole = np.empty((MEMO_BYTES + linear_bytes(len(self._text))) // 8 + 1, np.uint64)
            self._whole[: len(known)] = known
        state[JOINED_TEXT_AT] = self._text.ctypes.data
        state[WHOLE_AT] = self._whole.ctypes.data + MEMO_BYTES
