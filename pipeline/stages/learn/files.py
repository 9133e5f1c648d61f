"""What every way of learning leaves: a vocabulary, and the words of its memo, under the receipt of the task that learned."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary, WordCounts
from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.notes import note
from pairloom.pipeline.stages.count.files import WORDS, word_batch, words_of
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["MEMO_WORDS", "most_frequent", "note_merges", "publish", "read_memo"]

# The most frequent words, which tokenize finds encoded already.
MEMO_WORDS = 1 << 20


def most_frequent(counts: WordCounts, limit: int = MEMO_WORDS) -> WordCounts:
    """The `limit` most frequent words, in their order; of equally frequent ones the first."""
    top = np.sort(np.argsort(-counts.counts, kind="stable")[:limit])
    return WordCounts(words=counts.words.take(pa.array(top)), counts=counts.counts[top])


def note_merges(made: int, wanted: int, what: str = "merges") -> None:
    """Say how many merges are made, or what a family makes; see `pipeline.notes`."""
    note(made, wanted, what)


def publish(attempt: Attempt, vocabulary: Vocabulary, top: WordCounts, facts: Mapping[str, int]) -> None:
    """Write the vocabulary that an attempt has learned, and the words of its memo."""
    attempt.file("tokenizer.json", vocabulary.to_json(), role="vocabulary")
    with attempt.arrow("memo", WORDS) as memo:
        memo.write(word_batch(top))
    attempt.facts = {**facts, "tokens": len(vocabulary)}


def read_memo(objects: Objects, stored: StoredFile) -> WordCounts:
    """The most frequent words of the corpus that the vocabulary was learned from."""
    with open_arrow(objects, stored) as reader:
        return words_of(reader.get_batch(0))
