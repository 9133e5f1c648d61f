"""extend: learning that goes on from a vocabulary that exists, whose ids never move."""

from dataclasses import dataclass
from typing import Literal

from pairloom.operators import (
    Vocabulary,
    WordCounts,
    append_tokens,
    extend_bpe,
    learn_bpe,
    learn_superwords,
    merge_counts,
    segment_words,
)
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.recipe import Superwords
from pairloom.pipeline.stages.count.files import read_words
from pairloom.pipeline.stages.learn.cost import extend_memory
from pairloom.pipeline.stages.learn.files import most_frequent, note_merges, publish
from pairloom.pipeline.store.files import StoredFile

__all__ = ["ExtendTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendTask(UnitTask):
    """Go on learning from the merged partitions. Handed the vocabulary that is extended."""

    words: tuple[StoredFile, ...]
    base: str  # its fingerprint
    base_size: int
    size: int
    min_count: int
    limits: Superwords | None  # on what is made, where the base has superwords
    by: Literal["merges", "tokens"] = "merges"
    step = "learn"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        identity: dict[str, object] = {
            "words": [file.sha256 for file in self.words],
            "extend": self.base,
            "size": self.size,
            "min_count": self.min_count,
        }
        if self.limits is not None:
            identity["limits"] = [self.limits.max_words, self.limits.forbid]
        if self.by != "merges":
            identity["by"] = self.by
        return identity

    @property
    def label(self) -> str:
        """The sizes before and after."""
        return f"{self.base_size} to {self.size} tokens"

    def need(self) -> int:
        """The words and their symbols."""
        return extend_memory(sum(file.bytes for file in self.words))

    def work(self, attempt: Attempt, shared: Vocabulary) -> None:
        """Learn; write `tokenizer.json` and the most frequent words, which superwords have none of."""
        counts = merge_counts(read_words(attempt.objects, file) for file in self.words)
        facts = {"words": len(counts), "pretokens": counts.total}
        if self.limits is None:
            extended = self._with_tokens if self.by == "tokens" else self._with_merges
            vocabulary = extended(shared, counts)
            publish(attempt, vocabulary, most_frequent(counts), facts)
            return
        vocabulary = learn_superwords(
            shared,
            [segment_words(shared, counts)],
            self.size,
            pretokenizer=shared.pretokenizer,
            max_words=self.limits.max_words,
            forbid=self.limits.forbid,
            min_count=self.min_count,
            progress=note_merges,
        )
        # What was counted are pieces, which hardly repeat; the words in them were counted with the base.
        publish(attempt, vocabulary, merge_counts([]), facts)

    def _with_merges(self, base: Vocabulary, counts: WordCounts) -> Vocabulary:
        """Learning goes on where the merges of the base end."""
        return extend_bpe(base, counts, self.size, min_count=self.min_count, progress=note_merges)

    def _with_tokens(self, base: Vocabulary, counts: WordCounts) -> Vocabulary:
        """A vocabulary of the text alone, whose tokens are appended in the order in which they were learned, as in Cabrita."""
        own = learn_bpe(
            counts,
            self.size,
            pretokenizer=base.pretokenizer,
            normalizer=base.normalizer,
            min_count=self.min_count,
            progress=note_merges,
        )
        return append_tokens(base, own.tokens, self.size, repair=True).vocabulary
