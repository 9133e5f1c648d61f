"""What a reader hands on: clean text, and a dead letter for every record that is not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Batch", "DeadLetter", "batch_of", "excerpt_of", "large_strings"]

_EXCERPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that cannot be used, where it is and why.

    `position` is "byte 1234" (in the decompressed file) or "row 17"; `row` is the record's index in its slice, as in
    `Batch.rows`. `reason` is a short stable slug, `detail` what the parser said, `excerpt` at most 200 printable
    characters of the record, other characters written as escapes.
    """

    uri: str
    position: str
    row: int
    reason: str
    detail: str
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Some consecutive records of a slice: each is in `texts` or in `rejected`, both in the order of the file.

    `texts` holds valid UTF-8 and no nulls; a text may be empty. `ids`, of the same length, is None when no id is asked
    for and for text files. `rows[i]` (int64) is the index within the slice of the record of `texts[i]`, counting
    rejected ones. `bytes_read` is how many stored bytes were consumed since the batch before: over a slice they sum to
    `Slice.bytes`.
    """

    texts: pa.LargeStringArray
    ids: pa.LargeStringArray | None
    rows: npt.NDArray[np.int64]
    rejected: tuple[DeadLetter, ...]
    bytes_read: int

    @property
    def records(self) -> int:
        """How many records were read, kept and rejected together."""
        return len(self.texts) + len(self.rejected)


def large_strings(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> pa.LargeStringArray:
    """An Arrow array over buffers that are valid UTF-8 already: text `i` is `data[offsets[i]:offsets[i + 1]]`."""
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def batch_of(
    texts: list[str], ids: list[str] | None, rows: list[int], rejected: list[DeadLetter], bytes_read: int
) -> Batch:
    """A batch from Python values, for the formats that are read record by record."""
    return Batch(
        texts=pa.array(texts, pa.large_string()),
        ids=None if ids is None else pa.array(ids, pa.large_string()),
        rows=np.array(rows, dtype=np.int64),
        rejected=tuple(rejected),
        bytes_read=bytes_read,
    )


def excerpt_of(record: Any) -> str:
    r"""The first 200 printable characters of a record; everything else as an escape.

    >>> excerpt_of(b"caf\xc3\xa9\xff\n")
    'café\\xff\\n'
    """
    head = (
        record
        if isinstance(record, str)
        else bytes(record[: 4 * _EXCERPT]).decode("utf-8", "backslashreplace")
    )
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in head[:_EXCERPT])
    return "".join(shown)[:_EXCERPT]
