"""Which lines and paragraphs occur more than once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch

__all__ = ["Duplicates"]

KINDS = ("line", "paragraph")
_LENGTH = 8  # bytes of a key that say how long the piece is, behind its hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates(TextStatistic):
    """The lines and paragraphs that occur most often, in the same document or in others.

    A line is what is between newlines, a paragraph what is between blank lines; white space at their ends does not matter, and
    those with nothing else are none. They are compared by hashes of 128 bits. The table has `of` (line or paragraph), `text`, its
    first 160 bytes (to a whole character), `bytes` of all of it, `count`, and `copied` (int64 each), the bytes of all but one.
    Those of less than `min_count` are left out, and `top` of each are kept. `least_share` leaves out what is no more than that
    share of all lines, or of all paragraphs, which then takes no more room than that allows. Rows are by `of`, then by falling
    count, falling `bytes`, and hash.

    Raises ValueError for a `top` or `min_count` below 1, and a share that is none.
    """

    name: ClassVar[str] = "duplicates"

    top: int | None = 100_000
    min_count: int = 2
    least_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("top", "min_count"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.least_share < 1:
            raise ValueError(f"least_share must be a share from 0 up to 1, not {self.least_share:g}")

    @property
    def sifted(self) -> tuple[int, ...]:
        """Lines and paragraphs."""
        return (1, 2)

    @property
    def share(self) -> float:
        """As the recipe says."""
        return self.least_share

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        numbers = [pa.field(name, pa.int64(), nullable=False) for name in ("bytes", "count", "copied")]
        texts = [pa.field(name, pa.string(), nullable=False) for name in ("of", "text")]
        return pa.schema([*texts, *numbers])

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Count the lines and the paragraphs of texts."""
        import numpy as np

        from pairloom.operators.statistics._texts import add_texts, pieces_of

        for kind, of in enumerate(KINDS, start=1):
            pieces = pieces_of(batch.content, of)
            length = pieces.bytes.astype(">i8").view(np.uint8).reshape(-1, _LENGTH)
            add_texts(counter, kind, np.concatenate([pieces.key(), length], 1), pieces.shown)

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once for each of both, and holds four times `top`."""
        import numpy as np

        from pairloom.operators.counts.sifting import common, totals_of
        from pairloom.operators.statistics._texts import HASH, values_of

        empty = pa.array([], pa.large_binary())
        total = [0] * (len(KINDS) + 1)
        for counts in partitions() if self.least_share else ():
            for kind, one in totals_of(counts).items():
                total[kind] += one
        for kind, of in enumerate(KINDS, start=1):
            keys, count = empty, np.zeros(0, np.int64)
            for counts in partitions():
                more, times = values_of(counts, kind)
                kept = times >= self.min_count
                if self.least_share:
                    kept &= common(times, self.least_share, total[kind])
                keys = pa.concat_arrays([keys, more.filter(pa.array(kept))])
                count = np.concatenate([count, times[kept]])
                if self.top is not None and len(count) > 4 * self.top:
                    keys, count = _first(keys, count, self.top)
            keys, count = _first(keys, count, self.top)
            if len(count):
                size = _bytes(keys)
                shown = [key[HASH + _LENGTH :].decode("utf-8", "ignore") for key in keys.to_pylist()]
                columns = [[of] * len(count), shown, size, count, size * (count - 1)]
                arrays = [pa.array(one, field.type) for one, field in zip(columns, self.schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _bytes(keys: pa.LargeBinaryArray) -> "npt.NDArray[np.int64]":
    """How long the pieces of keys are."""
    import numpy as np

    from pairloom.operators.statistics._texts import HASH

    return np.array([int.from_bytes(key[HASH : HASH + _LENGTH], "big") for key in keys.to_pylist()], np.int64)


def _first(
    keys: pa.LargeBinaryArray, count: "npt.NDArray[np.int64]", top: int | None
) -> tuple[pa.LargeBinaryArray, "npt.NDArray[np.int64]"]:
    """The first `top`: by falling count, falling length, and hash."""
    import numpy as np
    import pyarrow.compute as pc

    # Keys are different in their hashes: their order is that of ranks.
    rank = np.empty(len(keys), np.int64)
    rank[np.asarray(pc.array_sort_indices(keys).to_numpy(), np.int64)] = np.arange(len(keys))
    order = np.lexsort((rank, -_bytes(keys), -count))[:top]
    return keys.take(pa.array(order)), count[order]
