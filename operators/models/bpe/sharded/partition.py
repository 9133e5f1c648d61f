"""One partition's words, and the merges made in them: a worker's part of a sharded learner."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.kernels.pairs import (
    CELLS,
    COUNT,
    FILL,
    OVERFLOW,
    Bounds,
    Lists,
    compact_lists,
    enlarge_pairs,
    place_lists,
    tally,
)
from pairloom.operators.models.bpe.layout import Allocate
from pairloom.operators.models.bpe.limits import NO_LIMITS
from pairloom.operators.models.bpe.sharded.encoded import Words, encode_words
from pairloom.operators.models.bpe.sharded.kernels.applying import (
    Around,
    Made,
    apply_batch,
    batch_room,
    count_neighbours,
    take_back,
)
from pairloom.operators.models.bpe.sharded.kernels.listing import choose_pairs, list_new, mark_cells
from pairloom.operators.models.bpe.sharded.messages import (
    Begin,
    Begun,
    Cells,
    Collect,
    Message,
    Neighbours,
    PairCounts,
    Reply,
    Round,
    Survey,
)

__all__ = ["Partition", "Symbols", "partition_memory"]

_NO_LISTS, _NO_WEIGHTS = np.zeros(0, np.uint32), np.zeros(0, np.int64)


def partition_memory(words: int, symbols: int) -> int:
    """How many bytes a partition of `words` distinct words, `symbols` bytes (or tokens) together, allocates at most.

    A word takes 8 bytes and a symbol 4 in the layout, 5 in lists of positions (up to 12 while these grow) and up to 12 in
    what a batch makes (typically 1 or 2): text in natural languages takes 12 bytes a symbol, words of a few letters up to
    22. The table of listed pairs is counted with 200 MB.
    """
    return 8 * words + 24 * symbols + 200_000_000


@dataclass(slots=True, eq=False)
class Symbols:
    """What there is for each symbol: its slots (`lengths`, int32), and room to add two numbers up in (`around`, int64, zero).

    Partitions in one process that are asked the same share it.
    """

    lengths: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    around: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def resize(self, size: int, known: int) -> None:
        """Have room for so many, and keep the lengths of the `known` first ones."""
        lengths = np.ones(size, np.int32)
        lengths[:known] = self.lengths[:known]
        self.lengths, self.around = lengths, np.zeros(2 * size, np.int64)


class Partition:
    """Words as symbols (see `bpe/symbols.py`), the lists of the pairs worth one, and the batch that is on trial."""

    def __init__(self, words: Words, *, empty: Allocate = np.empty, symbols: Symbols | None = None) -> None:
        """Remember where the words are; `empty` makes the arrays that grow with them."""
        self._words, self._first, self._empty = words, words.first, empty
        self._symbols = symbols or Symbols()
        self._begun = False

    def answer(self, message: Message) -> Reply:
        """Do what the coordinator asks; see `messages`. Raises CapacityError where a count passes 2^63 - 1."""
        match message:
            case Begin():
                return self.begin(message)
            case Survey():
                return self.survey(message)
            case Collect():
                return self.collect(message)
            case Round():
                return self.merge(message)

    def begin(self, message: Begin) -> Begun:
        """Lay the words out with the merges so far; CapacityError where they need more than 2^32 slots."""
        self._layout = layout = self._words.laid_out(self._empty)
        named = int(message.symbols.max(initial=self._first - 1)) + 1
        self._symbols.resize(named + 1024, 0)
        self._table, self._pool, self._listed, self._paired = np.zeros(4, np.uint64), _NO_LISTS, 0, 0
        saved = 0
        if len(message.merges):
            saved = self._adjacent()
            names = np.concatenate([np.arange(self._first, dtype=np.int32), message.symbols])
            for k, (left, right) in enumerate(message.merges.tolist()):
                self._lengths[names[self._first + k]] = (
                    self._lengths[names[left]] + self._lengths[names[right]]
                )
            encode_words(
                self._words, message.merges, names, self._lengths, layout.words.split, layout.words.symbols
            )
            saved -= self._adjacent()
        self._counted: npt.NDArray[np.uint64] | None = None
        self._cells: npt.NDArray[np.int64] | None = None
        self._batch, self._base = np.zeros((0, 2), np.int32), named
        self._positions, self._weights = _NO_LISTS, _NO_WEIGHTS
        self._bounds = np.zeros(1, np.int64)
        self._begun = True
        return Begun(slots=len(layout.words.symbols), weight=layout.weight, saved=saved)

    def _adjacent(self) -> int:
        """How often any symbol stands beside another."""
        cells = np.zeros(1, np.int64)
        self._tally(CELLS, 0, cells, np.zeros(4, np.uint64))
        return int(cells[0])

    def survey(self, message: Survey) -> Cells:
        """Settle the batch on trial; all pairs, added up in cells, of which some are told."""
        self._settle(message.kept)
        cells = self._cells
        if cells is None:
            cells = np.zeros(message.cells, np.int64)
            self._tally(CELLS, 0, cells, np.zeros(4, np.uint64))
        self._cells = cells if message.stop < message.cells else None
        return Cells(sums=cells[message.start : message.stop].copy())

    def collect(self, message: Collect) -> PairCounts:
        """Every pair of the hot cells, ascending; raises CapacityError where a count passes 2^63 - 1."""
        self._settle(np.zeros(0, np.bool_))
        self._counted = self._count(message.hot.astype(np.int64))
        rows = self._counted.reshape(-1, 4)
        rows = rows[np.flatnonzero(rows[:, 0])]
        keys = rows[:, 0] - np.uint64(1)
        order = np.argsort(keys)
        pairs = np.empty((len(keys), 2), np.int32)
        pairs[:, 0], pairs[:, 1] = keys[order] >> np.uint64(32), keys[order] & np.uint64(0xFFFFFFFF)
        return PairCounts(pairs=pairs, counts=rows[order, 1].astype(np.int64))

    def _count(self, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """The table, as in `bpe/pairs.py`, of all pairs whose cell is not zero."""
        slots = 1 << 14
        while True:
            table = np.zeros(4 * slots, np.uint64)
            paired = self._tally(COUNT, 1, cells, table)
            if paired == OVERFLOW:
                raise CapacityError("the count of a pair passes 2^63 - 1")
            if paired >= 0:
                return table
            del table
            slots *= 4

    def _tally(
        self, walk: int, threshold: int, cells: npt.NDArray[np.int64], table: npt.NDArray[np.uint64]
    ) -> int:
        """`tally`, of pairs of whatever length: the coordinator knows which are too long."""
        return tally(
            walk,
            self._layout.words.symbols,
            self._lengths,
            Bounds(first=self._first, longest=1 << 40, threshold=threshold),
            cells,
            NO_LIMITS,
            Lists(table, self._pool),
        )

    def merge(self, message: Round) -> Neighbours:
        """Settle the batch on trial and merge the next one; what stands next to the new symbols."""
        self._settle(message.kept)
        if message.hot is not None:
            self._list_hot(message.hot)
        elif len(message.listed):
            self._list_new(message.listed)
        return self._apply(message.batch, message.base)

    def _settle(self, kept: npt.NDArray[np.bool_]) -> None:
        """Take back what is on trial and not kept; the positions of what is kept stay known."""
        if not self._begun:
            raise ValueError("a partition answers to nothing before it was told where to begin")
        if len(kept) != len(self._batch):
            raise ValueError(f"{len(kept)} pairs are settled, but {len(self._batch)} are on trial")
        take_back(
            self._batch,
            kept,
            self._layout.words.symbols,
            self._lengths,
            self._table,
            self._made,
        )
        self._batch = self._batch[:0]

    def _list_hot(self, hot: npt.NDArray[np.int32]) -> None:
        self._pool = _NO_LISTS  # released before its successor is made
        counted, self._counted = self._counted, None
        if counted is None:  # begun anew meanwhile
            cells = np.zeros(1 << (16 * len(hot) + 1024).bit_length(), np.int64)
            mark_cells(hot, cells)
            counted = self._count(cells)
        most = min(len(hot), int(np.count_nonzero(counted[::4])))  # others occur elsewhere
        self._table = np.zeros(4 << (2 * most + 16).bit_length(), np.uint64)
        self._paired = choose_pairs(hot, counted, self._table)
        del counted
        found = np.zeros(3, np.int64)
        place_lists(self._table, 1, found)
        entries = int(found[0])
        self._pool = self._empty(entries + entries // 4 + 1024, np.uint32)
        self._tally(FILL, 0, np.zeros(1, np.int64), self._table)
        self._table[2::4] -= self._table[3::4]
        self._listed = entries

    def _list_new(self, pairs: npt.NDArray[np.int32]) -> None:
        later = np.unique(pairs.max(axis=1)) - self._base
        need = 2 * int((self._bounds[later + 1] - self._bounds[later]).sum())
        if self._listed + need > len(self._pool):
            self._make_room(need)
        while 4 * (self._paired + len(pairs)) > 3 * (len(self._table) // 4):
            larger = np.zeros(2 * len(self._table), np.uint64)
            enlarge_pairs(self._table, larger)
            self._table = larger
        self._listed, added = list_new(
            pairs,
            self._base,
            self._layout.words.symbols,
            self._lengths,
            self._made,
            self._around,
            np.empty(len(pairs), np.int64),
            Lists(self._table, self._pool),
            self._listed,
        )
        self._paired += added

    def _make_room(self, need: int) -> None:
        """Take out of the pool what merges have overtaken; enlarge it where that leaves it fuller than seven eighths."""
        table = self._table.reshape(-1, 4)
        slots = np.flatnonzero(table[:, 3])
        order = slots[np.argsort(table[slots, 2])]
        self._listed = compact_lists(
            self._table, order, 1, self._layout.words.symbols, self._lengths, self._pool
        )
        if 8 * (self._listed + need) > 7 * len(self._pool):
            pool = self._empty((self._listed + need) * 5 // 4, np.uint32)
            pool[: self._listed] = self._pool[: self._listed]
            self._pool = pool

    def _apply(self, batch: npt.NDArray[np.int32], base: int) -> Neighbours:
        if base + len(batch) >= len(self._lengths):
            self._symbols.resize(2 * (base + len(batch)), len(self._lengths))
        tokens, neighbours = batch_room(batch, base, self._table)
        if tokens > len(self._positions) or 8 * tokens + 8192 < len(self._positions):
            # Released before their successors are made.
            self._positions, self._weights = _NO_LISTS, _NO_WEIGHTS
            self._positions, self._weights = self._empty(tokens, np.uint32), self._empty(tokens, np.int64)
        self._batch, self._base, self._bounds = batch, base, np.zeros(len(batch) + 1, np.int64)
        words, made = self._layout.words, self._made
        apply_batch(batch, base, words, self._lengths, Lists(self._table, self._pool), made)
        out = Around(
            symbols=np.empty(neighbours, np.uint32),
            counts=np.empty(neighbours, np.int64),
            ends=np.zeros(2 * len(batch) + 1, np.int64),
            totals=np.zeros(len(batch), np.int64),
        )
        count_neighbours(base, words.symbols, self._lengths, made, self._around, out)
        found = int(out.ends[-1])
        return Neighbours(
            symbols=out.symbols[:found].copy(),
            counts=out.counts[:found].copy(),
            ends=out.ends,
            totals=out.totals,
        )

    @property
    def _lengths(self) -> npt.NDArray[np.int32]:
        return self._symbols.lengths

    @property
    def _around(self) -> npt.NDArray[np.int64]:
        return self._symbols.around

    @property
    def _made(self) -> Made:
        return Made(positions=self._positions, weights=self._weights, bounds=self._bounds)
