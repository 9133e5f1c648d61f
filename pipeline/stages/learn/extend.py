"""extend: learning that goes on from a vocabulary that exists, whose ids never move."""

from dataclasses import dataclass

from pairloom.operators import Vocabulary, extend_bpe, learn_superwords, merge_counts, segment_words
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
            vocabulary = extend_bpe(shared, counts, self.size, min_count=self.min_count, progress=note_merges)
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
