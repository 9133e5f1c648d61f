"""The encoder: text columns into token ids, with a table of the words it has met."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.kernels.table import rehash_long, rehash_short
from pairloom.operators.encode.memo import Memo
from pairloom.operators.encode.special import AddedFinder, kinds_of
from pairloom.operators.encode.table import allocate
from pairloom.operators.errors import DataError
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.normalize import normalize
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["TABLE_BYTES", "Cuts", "Encoder", "WordKernel"]

TABLE_BYTES = 128 << 20
# Entries may fill this share of the short table.
_LOAD = 0.62
_GROWN = 8  # marks the entries of words that a table did not begin with
_NO_KINDS = np.zeros(0, np.int32)
_NO_COUNTS = np.zeros((0, 2), np.int64)
# Buckets and slots of an empty table.
_SHORT_START = 1 << 10
_LONG_START = 1 << 12
# The part of the state that belongs to the text rather than to the table.
_PROGRESS = [
    *(
        k.PIECE,
        k.POSITION,
        k.CUT,
        k.DOCUMENT,
        k.SKIP,
        k.OUT,
        k.BASE,
        k.MISSING,
        k.MISSING_AT,
        k.LOOKUPS,
        k.MISSES,
        k.UNKNOWN,
        k.MARK,
    ),
    *range(k.CUTS_AT, k.STATE),
]


# Cuts pieces into words, one encoder's: from the state, the address of the text, the first byte of the pieces and their
# ends, to (first byte, ends) of words, some at a time.
CutPieces: TypeAlias = Callable[
    [npt.NDArray[np.int64], int, int, npt.NDArray[np.int64]], Iterator[tuple[int, npt.NDArray[np.int64]]]
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordKernel:
    """How a family encodes a word.

    `block` is its kernel, the loop of `block.py` bound to the family's words; `tables` are the numbers that it reads, as a
    rule addresses of arrays, which `held` keeps for as long as this is kept. A word of `n` bytes takes `scratch_bytes(n)` bytes
    of scratch, aligned to 8, and `before` bytes in front of them, which begin as zeros and stay; the scratch is made for words of
    `shortest` bytes at first. Where a family puts the tokens of several words together, `joins` are the numbers that it does so
    by, and `cut_pieces` makes what cuts a piece of text into words. A word has at most `ids_a_byte` ids for each of its bytes.
    """

    block: Callable[..., int]
    tables: tuple[int, ...]
    held: object
    scratch_bytes: Callable[[int], int]
    before: int = 0
    shortest: int = 256
    joins: tuple[int, ...] = (0,)
    cut_pieces: Callable[[], CutPieces] | None = None
    ids_a_byte: int = 1


class Cuts(Protocol):
    """What cuts text into pieces that tile it, a block at a time; a Pretokenizer is one, and says more of `blocks`."""

    def blocks(self, text: Text) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """(start, ends) of consecutive pieces."""


class Encoder:
    """Encodes documents with one vocabulary; not to be shared between threads at the same time.

    Memory: at most `table_bytes` for words (half of it for short words, an eighth for the index of longer ones, a
    quarter for what both spill), the scratch of the longest pretoken, and the output. The table starts
    as a copy of the memo and doubles as words come in; when it may not double any more it starts from the memo
    again. With `table_bytes=0` every word is merged anew; ids never depend on any of this.
    """

    def __init__(
        self,
        words: WordKernel,
        *,
        pretokenizer: Cuts,
        dtype: np.dtype[Any],
        normalizer: str = "none",
        added: AddedFinder | None = None,
        memo: Memo | None = None,
        table_bytes: int = TABLE_BYTES,
    ) -> None:
        if table_bytes < 0:
            raise ValueError(f"table_bytes must not be negative, got {table_bytes}")
        self._kernel = words
        self._pieces = None if words.cut_pieces is None else words.cut_pieces()
        self._pretokenizer = pretokenizer
        self._normalizer = normalizer
        self._added = added
        self._dtype = dtype
        self._memo = memo
        # Powers of two: buckets of 64 bytes for short words, slots of 16 bytes for long ones.
        self._most_buckets = 1 << ((table_bytes // 2 // 64).bit_length() - 1) if table_bytes >= 1 << 14 else 0
        self._most_slots = 1 << ((table_bytes // 8 // 16).bit_length() - 1) if table_bytes >= 1 << 14 else 0
        self._arena = allocate(table_bytes // 4 + 64)
        self._plan = np.zeros(5 * k.BATCH + 1, np.uint64)
        self._scratch = np.zeros((words.before + words.scratch_bytes(words.shortest)) // 8 + 1, np.uint64)
        self._state = np.zeros(k.STATE, np.int64)
        self._short = self._slots = np.zeros(0, np.uint64)
        self._generations = 0
        self._seen = _NO_COUNTS
        state = self._state
        state[k.WIDTH] = dtype.itemsize // 2
        state[k.PLAN_AT] = self._plan.ctypes.data
        state[k.SCRATCH_AT] = self._scratch.ctypes.data + words.before
        state[k.SCRATCH_LONGEST] = words.shortest
        state[k.ARENA_AT] = self._arena.ctypes.data
        state[k.ARENA_SIZE] = table_bytes // 4
        state[k.MARK] = _GROWN
        self._reset()

    @property
    def statistics(self) -> dict[str, int]:
        """What the table did of the last text (look-ups, misses, words that the memo does not know) and what it is now.

        That is entries, its bytes, and how often it was emptied so far. Whether the memo knows a word does not depend on
        what the encoder has met before, as a miss does.
        """
        state = self._state
        return {
            "lookups": int(state[k.LOOKUPS]),
            "misses": int(state[k.MISSES]),
            "unknown": int(state[k.UNKNOWN]),
            "entries": int(state[k.SHORT_USED] + state[k.LONG_USED]),
            "bytes": self._short.nbytes + self._slots.nbytes + int(state[k.ARENA_USED]),
            "generations": self._generations,
        }

    @property
    def seen(self) -> npt.NDArray[np.int64]:
        """Of the last texts that `encode_texts` was given, `lookups` and `unknown` before each, int64[texts + 1, 2]."""
        return self._seen

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
        kinds: npt.NDArray[np.int32] | None = None,
        documents: int | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """The ids of an Arrow array of strings, normalized first; see `TextEncoder`.

        With `kinds`, they are segments of so many `documents`; see `encode`.
        """
        if kinds is None:
            kinds, documents = kinds_of(texts), len(texts)
        if self._added is not None:
            text, kinds = self._added.segments(texts, kinds, wanted)
        else:
            text = text_of(normalize(texts, self._normalizer))
        assert documents is not None
        self._seen = np.zeros((documents + 1, 2), np.int64)
        return self.encode(
            text,
            kinds=kinds,
            documents=documents,
            prepend=prepend,
            append=append,
            missing_bytes=missing_bytes,
            seen=self._seen,
        )

    def encode(
        self,
        text: Text,
        *,
        kinds: npt.NDArray[np.int32] = _NO_KINDS,
        documents: int | None = None,
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str = "error",
        seen: npt.NDArray[np.int64] = _NO_COUNTS,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """The ids of all documents one after another, and where each begins (int64, one more than documents).

        Every document of `text` is one document, unless `kinds` says that it is a segment of one (see
        `open_documents`); then `documents` says how many there are. Raises DataError for a byte without a token,
        unless `missing_bytes` is "drop", which leaves it out as `tokenizers` does. `seen`, int64[documents + 1, 2], receives
        what the property says.
        """
        state = self._state
        count = len(text) if documents is None else documents
        around = len(prepend) + len(append) + 1
        lists = np.zeros(count + 1, np.int64)
        cuts = text.offsets[1:]
        out = np.empty(text.bytes // 3 + len(cuts) * around + 4096, self._dtype)
        state[[k.CUT, k.DOCUMENT, k.SKIP, k.MISSING, k.LOOKUPS, k.MISSES, k.UNKNOWN, k.SUM_AT]] = 0
        state[k.BASE] = state[k.OUT] = out.ctypes.data
        self._read(cuts, kinds, prepend, append, lists, seen)
        out = self._room(out, len(cuts) * around)
        k.open_documents(state, int(text.offsets[0]), True)
        self._expect(text.bytes)
        at = text.data.ctypes.data
        for low, ends in self._pretokenizer.blocks(text):
            if not len(ends):
                continue
            high = int(ends[-1])
            closing = int(np.searchsorted(cuts, high, "right")) - int(state[k.CUT]) + 1
            out = self._room(out, (high - low) * self._kernel.ids_a_byte + closing * around)
            self._run_pieces(at, len(text.data), low, np.ascontiguousarray(ends, np.int64))
        if state[k.MISSING] and missing_bytes != "drop":
            raise DataError(
                f"{int(state[k.MISSING])} bytes have no token in this vocabulary, the first in document "
                f"{int(state[k.MISSING_AT])}; learn the vocabulary with all bytes, or pass missing_bytes='drop'"
            )
        used = (int(state[k.OUT]) - int(state[k.BASE])) // self._dtype.itemsize
        return out[:used], lists

    def _expect(self, size: int) -> None:
        # Growing step by step costs a new word some 140 ns. By Heaps' law, a text of `size` bytes has about
        # 3.5 size^0.62 distinct words; the table begins at no less than the power of two below what they need.
        buckets = int(3.5 * size**0.62 / (2 * _LOAD))
        wanted = min(1 << max(1, buckets.bit_length() - 1), self._most_buckets)
        if wanted > len(self._short) // 8:
            self._place_short(rehash_short, wanted)

    def _room(self, out: npt.NDArray[Any], ids: int) -> npt.NDArray[Any]:
        # 16 bytes are written whatever the number of ids.
        state = self._state
        used = (int(state[k.OUT]) - int(state[k.BASE])) // self._dtype.itemsize
        if used + ids + 32 <= len(out):
            return out
        # In place: of a long text there are never two copies, since the system moves its pages.
        out.resize(max(used + ids + 32, len(out) * 5 // 4), refcheck=False)
        state[k.BASE] = out.ctypes.data
        state[k.OUT] = out.ctypes.data + used * self._dtype.itemsize
        return out

    def _read(
        self,
        cuts: npt.NDArray[np.int64],
        kinds: npt.NDArray[np.int32],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        lists: npt.NDArray[np.int64],
        seen: npt.NDArray[np.int64],
    ) -> None:
        # The kernel holds addresses only: whoever calls keeps the arrays alive until it has run.
        state = self._state
        state[k.CUTS_AT], state[k.CUTS] = cuts.ctypes.data, len(cuts)
        state[k.KINDS_AT] = kinds.ctypes.data if len(kinds) else 0
        state[k.PREPEND_AT], state[k.PREPENDS] = prepend.ctypes.data, len(prepend)
        state[k.APPEND_AT], state[k.APPENDS] = append.ctypes.data, len(append)
        state[k.LISTS_AT] = lists.ctypes.data
        state[k.SEEN_AT] = seen.ctypes.data if len(seen) else 0

    def _run_pieces(
        self, at: int, size: int, low: int, ends: npt.NDArray[np.int64], *, refill: bool = True
    ) -> bool:
        """Encode a block of pieces; whether all of it was."""
        if self._pieces is None:
            return self._run(at, size, low, ends, refill=refill)
        return all(
            self._run(at, size, start, words, refill=refill)
            for start, words in self._pieces(self._state, at, low, ends)
        )

    def _run(self, at: int, size: int, low: int, ends: npt.NDArray[np.int64], *, refill: bool = True) -> bool:
        """Encode pretokens; whether it was all of them."""
        state, words = self._state, self._kernel
        block, tables, joins = words.block, words.tables, words.joins
        state[k.PIECE] = 0
        state[k.POSITION] = low
        ends_at, pieces = ends.ctypes.data, len(ends)
        while True:
            status = block(at, size, ends_at, pieces, tables, joins, state)
            if status == k.DONE:
                return True
            if status == k.NEED_SCRATCH:
                longest = int(state[k.SCRATCH_LONGEST]) * 5 // 4
                known = self._scratch[: words.before // 8]
                self._scratch = np.empty((words.before + words.scratch_bytes(longest)) // 8 + 1, np.uint64)
                self._scratch[: len(known)] = known
                state[k.SCRATCH_AT] = self._scratch.ctypes.data + words.before
                state[k.SCRATCH_LONGEST] = longest
            elif status == k.GROW_SHORT and len(self._short) // 8 < self._most_buckets:
                self._place_short(rehash_short, 2 * len(self._short) // 8)
            elif (
                status == k.GROW_LONG
                and state[k.LONG_USED] >= state[k.LONG_LIMIT]
                and len(self._slots) // 2 < self._most_slots
            ):
                self._place_long(rehash_long, len(self._slots))
            elif refill:
                self._generations += 1
                saved = state.copy()
                self._reset()
                state[_PROGRESS] = saved[_PROGRESS]
            else:
                return False

    def _place_short(self, move: Any, buckets: int) -> None:
        state = self._state
        table = allocate(64 * buckets)
        state[k.SHORT_USED] = move(self._short, table) if move else 0
        self._short = table
        state[k.SHORT_AT] = table.ctypes.data
        state[k.SHORT_MASK] = buckets - 1
        state[k.SHORT_LIMIT] = int(2 * buckets * _LOAD) if self._most_buckets else 0

    def _place_long(self, move: Any, slots: int) -> None:
        state = self._state
        bits = slots.bit_length() - 1
        table = allocate(16 * slots)
        state[k.LONG_USED] = move(self._slots, table, bits) if move else 0
        self._slots = table
        state[k.LONG_AT] = table.ctypes.data
        state[k.LONG_BITS] = bits
        state[k.LONG_LIMIT] = slots // 2 if self._most_slots else 0

    def _reset(self) -> None:
        """Begin with the memo, or with an empty table where there is none or it takes more than is allowed."""
        state, memo = self._state, self._memo
        if (
            memo is None
            or len(memo.short) // 8 > self._most_buckets
            or len(memo.slots) // 2 > self._most_slots
            or len(memo.arena) > len(self._arena)
        ):
            self._place_short(None, max(2, min(_SHORT_START, self._most_buckets)))
            self._place_long(None, max(2, min(_LONG_START, self._most_slots)))
            state[k.ARENA_USED] = 0
            return
        self._place_short(lambda _, table: _copy(memo.short, table, memo.short_used), len(memo.short) // 8)
        self._place_long(lambda _, table, __: _copy(memo.slots, table, memo.long_used), len(memo.slots) // 2)
        self._arena[: len(memo.arena)] = memo.arena
        state[k.ARENA_USED] = memo.arena.nbytes

    def remember(self, words: TokenTable) -> None:
        """Encode words, best first, for as long as they fill no more than half of the greatest table."""
        state = self._state
        state[k.MARK] = 0
        most = min(len(words), self._most_buckets)
        while len(self._short) // 8 < self._most_buckets and most > state[k.SHORT_LIMIT]:
            self._place_short(rehash_short, 2 * len(self._short) // 8)
        discarded = np.empty(0, self._dtype)
        for first in range(0, most, 1024):
            ends = words.offsets[first + 1 : min(first + 1024, most) + 1]
            low = int(words.offsets[first])
            ids = (int(ends[-1]) - low) * self._kernel.ids_a_byte
            if ids + 64 > len(discarded):
                discarded = np.empty(2 * ids + 64, self._dtype)
            state[k.BASE] = state[k.OUT] = discarded.ctypes.data
            state[[k.CUT, k.CUTS, k.DOCUMENT, k.SKIP]] = 0
            if not self._run_pieces(words.data.ctypes.data, len(words.data), low, ends, refill=False):
                break
        state[[k.MISSING, k.LOOKUPS, k.MISSES, k.UNKNOWN]] = 0
        state[k.MARK] = _GROWN

    def memo(self) -> Memo:
        """What the table holds now, for other encoders to begin with."""
        state = self._state
        arena = self._arena[: -(-int(state[k.ARENA_USED]) // 8)]
        return Memo(
            short=self._short.copy(),
            slots=self._slots.copy(),
            arena=arena.copy(),
            short_used=int(state[k.SHORT_USED]),
            long_used=int(state[k.LONG_USED]),
        )


def _copy(old: npt.NDArray[np.uint64], new: npt.NDArray[np.uint64], used: int) -> int:
    new[:] = old
    return used
