"""Counts of the groups of a corpus in one multiset of keys: each key behind the name of its group.

A name is a byte that says whether there is one, its bytes with a byte 255 after every 0, and two bytes 0: so none is the
beginning of another, and groups ascend as their names do, those without a name first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.counts import KeyCounter, WordCounts, merge_counts
from pairloom.operators.counts.sifting import sift
from pairloom.operators.errors import CorruptionError

if TYPE_CHECKING:
    from pairloom.operators.documents import DocumentBatch
    from pairloom.operators.tokens import TokenBatch

__all__ = [
    "END",
    "Counters",
    "behind",
    "by_name",
    "groups_of",
    "joined",
    "name_of",
    "prefix_of",
    "stripped",
]

END = 1 << 40
"""Behind the end of any key: Arrow 26 may fail to slice keys where none is given."""
_END = b"\0\0"
_BINARY = pa.large_binary()

Batch = TypeVar("Batch", "TokenBatch", "DocumentBatch")


def prefix_of(name: str | None) -> bytes:
    r"""What stands before the keys of a group.

    >>> prefix_of("web"), prefix_of(None)
    (b'\x01web\x00\x00', b'\x00\x00\x00')
    """
    return b"\0" + _END if name is None else b"\1" + name.encode().replace(b"\0", b"\0\xff") + _END


def name_of(prefix: bytes) -> str | None:
    """The group of a prefix."""
    return None if not prefix[0] else prefix[1:-2].replace(b"\0\xff", b"\0").decode()


@dataclass(slots=True, kw_only=True, eq=False)
class Counters:
    """Counts of keys: of everything, or of each group by itself, where they are `grouped`.

    With a `share`, keys of the `kinds` that are no more than it may be left out of those of their kind (`sifting`).
    """

    grouped: bool = False
    kinds: tuple[int, ...] = ()
    share: float = 0.0
    counters: dict[str | None, KeyCounter] = field(default_factory=dict)

    def of(self, name: str | None) -> KeyCounter:
        """The counter of a group."""
        if name not in self.counters:
            self.counters[name] = KeyCounter()
        return self.counters[name]

    def parts(self, batch: Batch, names: pa.Array | None) -> Iterator[tuple[Batch, KeyCounter]]:
        """The documents of each group with its counter; `names` has the group of each, and without it they are of one."""
        if names is None:
            yield batch, self.of(None)
            return
        for part, name in by_name(batch, names):
            yield part, self.of(name)

    def finish(self, *, sifted: bool) -> WordCounts:
        """The keys of all groups; where `sifted`, without what is rare in its group."""
        found = []
        for name in sorted(self.counters, key=prefix_of):
            counts = self.counters.pop(name).finish()
            if self.share:
                counts = sift(counts, self.kinds, self.share if sifted else 0.0)
            found.append(behind(prefix_of(name), counts) if self.grouped else counts)
        return joined(found)


def joined(parts: Iterable[WordCounts]) -> WordCounts:
    """Counts whose keys ascend from each to the next, as one."""
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return some[0] if some else merge_counts(())
    return WordCounts(
        words=pa.concat_arrays([part.words for part in some]),
        counts=np.concatenate([part.counts for part in some]),
    )


def by_name(batch: Batch, names: pa.Array) -> Iterator[tuple[Batch, str | None]]:
    """The documents of each group, whose name `names` has for each document."""
    coded: Any = names.cast(pa.large_string()).dictionary_encode()
    index = coded.indices.fill_null(len(coded.dictionary)).to_numpy()
    values: list[str | None] = [*coded.dictionary.to_pylist(), None]
    for place in np.unique(index).tolist():
        order = np.flatnonzero(index == place)
        yield batch if len(order) == len(batch) else batch.take(order), values[place]


def behind(prefix: bytes, counts: WordCounts) -> WordCounts:
    """The keys of a group, behind its prefix."""
    words = pc.binary_join_element_wise(
        pa.scalar(prefix, _BINARY), counts.words, pa.scalar(b"", _BINARY), null_handling="emit_null"
    )
    return WordCounts(words=words, counts=counts.counts)


def groups_of(words: pa.LargeBinaryArray) -> Iterator[tuple[bytes, int, int]]:
    """The prefix of each group of ascending keys, and its keys: those from a place up to another."""
    start = 0
    while start < len(words):
        first = words[start].as_py()
        stop = first.find(_END, 1)
        if stop < 0:
            raise CorruptionError(f"the key {first[:40]!r} is of no group: a file of counts was changed")
        prefix = first[: stop + 2]
        low, high = start, len(words)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if words[middle].as_py().startswith(prefix) else (low, middle)
        yield prefix, start, low
        start = low


def stripped(counts: WordCounts, prefix: bytes, start: int, stop: int) -> WordCounts:
    """The keys of a group as they were counted."""
    words = counts.words.slice(start, stop - start)
    return WordCounts(words=pc.binary_slice(words, len(prefix), END), counts=counts.counts[start:stop])
