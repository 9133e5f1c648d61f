"""What every way of learning leaves: a vocabulary, and the words of its memo, under the receipt of the task that learned."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary, WordCounts
from pairloom.pipeline.execution.base import Task
from pairloom.pipeline.stages.count.files import WORDS, word_batch, words_of
from pairloom.pipeline.store.files import StoredFile, attempt_path, open_arrow, write_arrow, write_bytes
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, claim

__all__ = ["MEMO_WORDS", "most_frequent", "publish", "read_memo"]

# The most frequent words, which tokenize finds encoded already.
MEMO_WORDS = 1 << 20


def most_frequent(counts: WordCounts, limit: int = MEMO_WORDS) -> WordCounts:
    """The `limit` most frequent words, in their order; of equally frequent ones the first."""
    top = np.sort(np.argsort(-counts.counts, kind="stable")[:limit])
    return WordCounts(words=counts.words.take(pa.array(top)), counts=counts.counts[top])


def publish(
    objects: Objects, task: Task, vocabulary: Vocabulary, top: WordCounts, facts: Mapping[str, int]
) -> Receipt:
    """Write the vocabulary of a task and the words of its memo, and claim its unit."""
    path = attempt_path(task.stage, task.unit, "tokenizer.json")
    stored = write_bytes(objects, path, vocabulary.to_json(), role="vocabulary")
    with write_arrow(objects, attempt_path(task.stage, task.unit, "memo.arrow"), WORDS, role="memo") as memo:
        memo.write(word_batch(top))
    assert memo.stored is not None
    receipt = Receipt(
        stage=task.stage,
        unit=task.unit,
        files=(stored, memo.stored),
        facts={**facts, "tokens": len(vocabulary)},
    )
    return claim(objects, receipt)


def read_memo(objects: Objects, stored: StoredFile) -> WordCounts:
    """The most frequent words of the corpus that the vocabulary was learned from."""
    with open_arrow(objects, stored) as reader:
        return words_of(reader.get_batch(0))
