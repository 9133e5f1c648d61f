"""Encoding in two steps where later merges join words: words first, as ever, then what joins them.

A superword vocabulary has merges that stay inside words, and after them merges that join words. A piece of text is
long then and hardly ever met again, but its words are. Since each merge is made of tokens that merges before it made, all of the
early merges are over before the first late one is made, so that

1. the piece is cut between two bytes that stand side by side in no early token: no early merge crosses there. What is
   between two cuts is about a word; the table of words knows it, or learns it, as with any vocabulary;
2. the late merges are made in the tokens of the piece. Two tokens between which no late token has a seam stay apart
   (a filter says so at once of most), and the short runs between such places are merged pair by pair, lowest rank first.

A run of more than `MOST_RUN` tokens is left to `encode_linear`, which takes the piece as a whole. Early merges are those before
the first one whose token has a space right after a letter of ASCII; nothing but speed depends on where that is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.kernel import GOES_ON_AT, JOINED, JOINED_FROM, OUT, WHOLE_AT
from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u16,
    load_u32,
    load_u64,
    signed,
    store_u16,
    store_u32,
)
from pairloom.operators.models.bpe.linear import MEMO_BYTES, encode_linear, linear_bytes
from pairloom.operators.models.bpe.word import NO_RANK, SHORT, PairTable, fill_ranks, pair_rank

Int = int | np.int64

__all__ = ["MOST_RUN", "NO_JOINS", "JoinCutter", "JoinTable", "cut_words", "join_tokens"]

MOST_RUN = 32
_MIX = 0x9E3779B97F4A7C15
# Early merges are worth a step of their own where they are at least this share of all.
_LEAST_EARLY = 1 / 16
# Words that pieces are cut into at a time.
_WORDS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTable:
    """The two steps of a vocabulary; all arrays are read-only once built.

    `early` are the early merges, `full` all of them. `cuts` (uint8[65536]) has 1 at 256 x + y where no early token holds byte
    x before byte y. `seams` (uint64, a power of two of them) is a filter of one bit a hash of the pairs of early tokens that meet
    in a late token, `slots` (uint64) the ranks of the late merges, as in `PairTable`.
    """

    early: PairTable
    full: PairTable
    cuts: npt.NDArray[np.uint8]
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
        early = int(_first_joined(data, offsets, products))
        if early < _LEAST_EARLY * len(merges) or (early == len(merges) and not whole):
            return None
        cuts = np.ones(1 << 16, np.uint8)
        _fill_cuts(data, offsets, products[:early], cuts)
        late = np.ascontiguousarray(merges[early:], np.int32)
        seams = np.zeros(max(1, (1 << (16 * len(late)).bit_length()) // 64), np.uint64)
        _fill_seams(late, products[early:], len(tokens), seams)
        slots = np.zeros(1 << max(4, (3 * len(late)).bit_length()), np.uint64)
        fill_ranks(slots, late, np.arange(early, len(merges), dtype=np.uint32))
        table = PairTable.of(byte_ids, merges[:early], products[:early], tokens=tokens)
        return cls(early=table, full=full, cuts=cuts, seams=seams, slots=slots)

    @property
    def addresses(self) -> tuple[int, ...]:
        """What kernels read: `seams` and its hash shift, `slots`, their mask and hash shift, the products, then `full.linear`."""
        assert self.full.linear is not None
        bits = (64 * len(self.seams)).bit_length() - 1
        slot_bits = len(self.slots).bit_length() - 1
        ours = (
            self.seams.ctypes.data,
            64 - bits,
            self.slots.ctypes.data,
            len(self.slots) - 1,
            64 - slot_bits,
        )
        return (*ours, self.full.products.ctypes.data, *self.full.linear.addresses)


# The rule of a vocabulary whose words are all there is: addresses that are never read.
NO_JOINS = (0,) * 14


class JoinCutter:
    """Cuts pieces of text into words for one encoder, and holds the scratch that joining them takes."""

    def __init__(self, cuts: npt.NDArray[np.uint8], *, words: int = _WORDS) -> None:
        self._cuts = cuts
        self._whole = np.zeros((MEMO_BYTES + linear_bytes(SHORT)) // 8 + 1, np.uint64)
        self._words = np.zeros(words, np.int64)
        self._goes_on = np.zeros(words, np.uint8)

    def __call__(
        self, state: npt.NDArray[np.int64], at: int, low: int, ends: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """The words of the pieces that end at `ends`, the first of which begins at `low`: (where they begin, their ends)."""
        longest = int(np.diff(ends, prepend=low).max(initial=0))
        if MEMO_BYTES + linear_bytes(longest) > self._whole.nbytes:
            known = self._whole[: MEMO_BYTES // 8]
            self._whole = np.empty((MEMO_BYTES + linear_bytes(longest * 5 // 4)) // 8 + 1, np.uint64)
            self._whole[: len(known)] = known
        state[WHOLE_AT] = self._whole.ctypes.data + MEMO_BYTES
        state[GOES_ON_AT] = self._goes_on.ctypes.data
        state[JOINED], state[JOINED_FROM] = state[OUT], low
        cursor = np.array([0, low], np.int64)
        while count := cut_words(at, ends, self._cuts, cursor, self._words, self._goes_on):
            yield low, self._words[:count]
            low = int(self._words[count - 1])


@kernel
def _first_joined(data: Any, offsets: Any, products: Any) -> int:
    """The first merge whose token has a space right after a letter of ASCII; the number of merges where there is none."""
    for k in range(len(products)):
        token = products[k]
        for i in range(offsets[token] + 1, offsets[token + 1]):
            letter = data[i - 1] | 32
            if data[i] == 32 and 97 <= letter <= 122:
                return k
    return len(products)


@kernel
def _fill_cuts(data: Any, offsets: Any, products: Any, cuts: Any) -> None:
    for k in range(len(products)):
        token = products[k]
        for i in range(offsets[token] + 1, offsets[token + 1]):
            cuts[np.int64(data[i - 1]) << 8 | np.int64(data[i])] = 0


@inner
def _seam(left: Int, right: Int, shift: Int) -> Any:
    key = (np.uint64(left) << np.uint64(21)) ^ np.uint64(right)
    return np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))


@kernel
def _fill_seams(late: Any, products: Any, tokens: int, seams: Any) -> None:
    shift = 58
    while (1 << (64 - shift)) < 64 * len(seams):
        shift -= 1
    # The first and the last of the early tokens that each token is made of.
    heads = np.arange(tokens)
    tails = np.arange(tokens)
    for k in range(len(late)):
        left, right = late[k, 0], late[k, 1]
        heads[products[k]] = heads[left]
        tails[products[k]] = tails[right]
        place = _seam(tails[left], heads[right], shift)
        seams[place >> 6] |= np.uint64(1) << np.uint64(place & 63)


@kernel
def cut_words(data: int, ends: Any, cuts: Any, state: Any, finer: Any, goes_on: Any) -> int:
    """Cut pieces of text between bytes that no early token holds side by side.

    `data` is the address of the text, `ends` (int64) where its pieces end, `state` (int64[2]) the piece and the position to go
    on from. Writes the ends of words to `finer` (int64) until that is full, and to `goes_on` (uint8) whether the piece goes on
    after them; returns how many. None are left where it returns 0.
    """
    table = address(cuts)
    piece, at = state[0], state[1]
    count, room = signed(0), len(finer)
    while piece < len(ends) and count < room:
        end = ends[piece]
        if at < end:
            before = np.int64(load_u8(data + at)) << 8
            at += 1
            while at < end and count < room - 1:
                # Where words end cannot be guessed: each byte is taken for an end, and counted where it is one.
                byte = np.int64(load_u8(data + at))
                finer[count] = at
                goes_on[count] = 1
                count += signed(load_u8(table + (before | byte)))
                before = byte << 8
                at += 1
            if at < end:
                at -= 1
                break
        finer[count] = end
        goes_on[count] = 0
        count += 1
        piece += 1
    state[0], state[1] = piece, at
    return count


@inner
def _load_id(place: Int, width: Int) -> Any:
    if width == 1:
        return np.int64(load_u16(place))
    return np.int64(load_u32(place))


@inner
def _store_id(place: Int, width: Int, token: Int) -> None:
    if width == 1:
        store_u16(place, np.uint16(token))
    else:
        store_u32(place, np.uint32(token))


@inner
def _merge_run(ids: Int, count: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # Merge `count` <= MOST_RUN ids (uint32 from `ids` on), the ranks of whose pairs go behind them; how many are left.
    ranks = ids + 4 * MOST_RUN
    none = np.uint32(NO_RANK)
    for i in range(count - 1):
        left, right = np.int64(load_u32(ids + (i << 2))), np.int64(load_u32(ids + (i << 2) + 4))
        store_u32(ranks + (i << 2), pair_rank(slots, mask, shift, left, right))
    while count > 1:
        best, place = none, np.int64(0)
        for i in range(count - 1):
            rank = load_u32(ranks + (i << 2))
            if rank < best:
                best, place = rank, np.int64(i)
        if best == none:
            break
        product = np.int64(load_u32(products + (np.int64(best) << 2)))
        store_u32(ids + (place << 2), np.uint32(product))
        count -= 1
        for i in range(place + 1, count):
            store_u32(ids + (i << 2), load_u32(ids + (i << 2) + 4))
            store_u32(ranks + (i << 2) - 4, load_u32(ranks + (i << 2)))
        if place > 0:
            left = np.int64(load_u32(ids + (place << 2) - 4))
            store_u32(ranks + (place << 2) - 4, pair_rank(slots, mask, shift, left, product))
        if place < count - 1:
            right = np.int64(load_u32(ids + (place << 2) + 4))
            store_u32(ranks + (place << 2), pair_rank(slots, mask, shift, product, right))
    return count


@inner
def join_tokens(
    first: Int, out: Int, width: Int, joins: Any, scratch: Int, word: Int, length: Int, whole: Int
) -> Any:
    """Make the late merges in the early tokens of one piece, ids from the address `first` up to `out`; the new end.

    An id takes `2^width` bytes. `joins` is `JoinTable.addresses`, `scratch` the address of 8 * MOST_RUN bytes. The piece is the
    `length` bytes at `word`, and `whole` the scratch that `encode_linear` needs for it.
    """
    seams, seam_shift, slots, mask, shift, products = joins[:6]
    read = write = first
    step = np.int64(1) << width
    while read < out:
        stop = read + step
        last = _load_id(read, width)
        run = np.int64(1)
        store_u32(scratch, np.uint32(last))
        while stop < out:
            following = _load_id(stop, width)
            place = _seam(last, following, seam_shift)
            if load_u64(seams + ((place >> 6) << 3)) >> np.uint64(place & 63) & np.uint64(1) == np.uint64(0):
                break
            if run < MOST_RUN:
                store_u32(scratch + (run << 2), np.uint32(following))
            last = following
            run += 1
            stop += step
        if run > MOST_RUN:
            count = encode_linear(word, length, joins[6:], whole)
            for i in range(count):
                _store_id(first + (i << width), width, np.int64(load_u32(whole + (i << 2))))
            return first + (count << width)
        if run > 1:
            run = _merge_run(scratch, run, slots, mask, shift, products)
        for i in range(run):
            _store_id(write, width, np.int64(load_u32(scratch + (i << 2))))
            write += step
        read = stop
    return write
