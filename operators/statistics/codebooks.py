"""How codes are used: of each codebook, or of each modality, how many of its ids, and how evenly."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import KeyCounter
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import add_keys, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["Codebooks"]

_BOOK = "codebook"
_STREAM = "codes_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codebooks(Statistic):
    """The use and the entropy of each codebook of codes that are given.

    Codebooks are told apart by the column `codebook` where there is one, from 1 on (0 is none), or are `input_ids` and the
    columns `codes_1` and so on, 1 being the first. `by` names another column that tells them apart, such as `modality`. Ids
    from `below` on, as special tokens and what fills a delay, are left out.

    The table has `codebook` (uint32), `tokens` and `used` (int64: how many there are, and how many different ones) and
    `entropy` (float64, bits a token); rows are by codebook.
    """

    name: ClassVar[str] = "codebooks"

    by: str = _BOOK
    below: int | None = None

    def __post_init__(self) -> None:
        if self.below is not None and not 1 <= self.below < 1 << 32:
            raise ValueError(f"below must be from 1 to 2^32 - 1, not {self.below}")

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        fields = [
            ("codebook", pa.uint32()),
            ("tokens", pa.int64()),
            ("used", pa.int64()),
            ("entropy", pa.float64()),
        ]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count (codebook, id) of each token."""
        if self.by in batch.columns:
            self._count(counter, batch.flat(self.by).astype(np.uint32), batch.flat(INPUT_IDS))
            return
        streams = [INPUT_IDS, *sorted((n for n in batch.columns if n.startswith(_STREAM)), key=_number)]
        for number, name in enumerate(streams, start=1):
            self._count(counter, np.full(batch.tokens, number, np.uint32), batch.flat(name))

    def _count(self, counter: KeyCounter, book: np.ndarray, ids: np.ndarray) -> None:
        wanted = book > 0
        if self.below is not None:
            wanted &= ids < self.below
        add_keys(counter, 1, np.stack([book[wanted], ids[wanted].astype(np.uint32)], 1))

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once."""
        found = [ids_of(counts, 1, 2) for counts in partitions()]
        keys = np.concatenate([np.zeros((0, 2), np.uint32), *(ids for ids, _ in found)])
        counts = np.concatenate([np.zeros(0, np.int64), *(count for _, count in found)])
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        books, counts = keys[order, 0], counts[order]
        rows = []
        for book in np.unique(books).tolist():
            here = counts[books == book]
            share = here / here.sum()
            rows.append((book, int(here.sum()), len(here), float(-(share * np.log2(share)).sum()) + 0.0))
        if rows:
            columns = zip(*rows, strict=True)
            arrays = [
                pa.array(list(one), field.type) for one, field in zip(columns, self.schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _number(name: str) -> int:
    rest = name.removeprefix(_STREAM)
    return int(rest) if rest.isdecimal() else 0
