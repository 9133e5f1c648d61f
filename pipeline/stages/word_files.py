"""How word counts are stored: an Arrow file with a row for each word, in record batches whose words ascend."""

import pyarrow as pa

from pairloom.operators import WordCounts

__all__ = ["WORDS", "counts_of", "word_batch"]

WORDS = pa.schema(
    [pa.field("word", pa.large_binary(), nullable=False), pa.field("count", pa.int64(), nullable=False)]
)


def word_batch(counts: WordCounts) -> pa.RecordBatch:
    """Words and their counts as a record batch of `WORDS`."""
    return pa.RecordBatch.from_arrays([counts.words, pa.array(counts.counts)], schema=WORDS)


def counts_of(batch: pa.RecordBatch) -> WordCounts:
    """The words and counts of a record batch."""
    return WordCounts(words=batch.column("word"), counts=batch.column("count").to_numpy())
