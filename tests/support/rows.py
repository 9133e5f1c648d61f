"""Small packed rows for row steps, and what says whether draws are of a distribution."""

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from pairloom.operators.text.pretokenize import Pretokenizer


def rows_of(rows: Sequence[Sequence[Sequence[int]]], seq_len: int, dtype: type = np.uint16) -> pa.RecordBatch:
    """Rows of segments of ids, with zeros on what they leave."""
    ids = np.zeros((len(rows), seq_len), dtype)
    for r, segments in enumerate(rows):
        flat = [token for segment in segments for token in segment]
        ids[r, : len(flat)] = flat
    lengths = pa.array([[len(s) for s in segments] for segments in rows], pa.list_(pa.int32()))
    column = pa.FixedSizeListArray.from_arrays(pa.array(ids.reshape(-1)), seq_len)
    return pa.record_batch([column, lengths, lengths], names=["input_ids", "segment_lengths", "document"])


def matrix(rows: pa.RecordBatch, name: str) -> np.ndarray:
    """A column of rows as a matrix."""
    column = rows.column(name)
    return column.flatten().to_numpy().reshape(len(rows), column.type.list_size)


def chi_square(seen: Sequence[float], expected: Sequence[float]) -> float:
    """Pearson's statistic, in standard deviations above its mean."""
    value = sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True))
    free = len(seen) - 1
    return (value - free) / math.sqrt(2 * free)


class Words:
    """A vocabulary that steps are prepared with: special tokens first, then ordinary ones as they are given."""

    def __init__(self, special: Sequence[str], ordinary: Sequence[bytes]) -> None:
        self.special_tokens = self.reserved_tokens = tuple(special)
        self.tokens = (*(token.encode() for token in special), *ordinary)
        self.special_ids = self.reserved_ids = tuple(range(len(special)))
        self.pretokenizer = Pretokenizer()
        self.model = SimpleNamespace(name="bpe", spells=True)

    def __len__(self) -> int:
        return len(self.tokens)

    def special_id(self, token: str) -> int:
        return self.special_tokens.index(token)
