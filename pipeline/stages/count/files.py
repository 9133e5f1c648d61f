"""Counts as files: a word and how often it occurs, a pair of bytes and how often it occurs."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import WordCounts
from pairloom.pipeline.store.files import StoredFile, one_array, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["PAIRS", "WORDS", "read_pairs", "read_words", "word_batch", "words_of"]

WORDS = pa.schema(
    [pa.field("word", pa.large_binary(), nullable=False), pa.field("count", pa.int64(), nullable=False)]
)
PAIRS = pa.schema(
    [
        pa.field("left", pa.uint8(), nullable=False),
        pa.field("right", pa.uint8(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)


def word_batch(counts: WordCounts) -> pa.RecordBatch:
    """Words and their counts as a record batch of `WORDS`."""
    return pa.RecordBatch.from_arrays([counts.words, pa.array(counts.counts)], schema=WORDS)


def words_of(batch: pa.RecordBatch) -> WordCounts:
    """What `word_batch` made a record batch of."""
    return WordCounts(words=batch.column("word"), counts=batch.column("count").to_numpy())


def read_words(objects: Objects, stored: StoredFile) -> WordCounts:
    """All words of a file, as of a merged partition."""
    with open_arrow(objects, stored) as reader:
        table = reader.read_all()
    return WordCounts(words=one_array(table.column("word")), counts=table.column("count").to_numpy())


def read_pairs(objects: Objects, stored: StoredFile) -> npt.NDArray[np.int64]:
    """The pairs of a merged partition, as int64[256, 256]."""
    pairs = np.zeros((256, 256), np.int64)
    with open_arrow(objects, stored) as reader:
        table = reader.read_all()
    left, right, count = (table.column(name).to_numpy() for name in ("left", "right", "count"))
    pairs[left, right] = count
    return pairs
