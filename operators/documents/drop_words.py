"""The step that leaves out the words of least impact."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["NEGATIONS", "DropWords"]

_NEGATIONS = """
no not never none nor neither nobody nothing nowhere cannot without can't won't don't doesn't didn't isn't aren't wasn't
weren't hasn't haven't hadn't couldn't shouldn't wouldn't mustn't
"""
NEGATIONS = tuple(_NEGATIONS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class DropWords(DocumentStep):
    """Leaves out the words of least impact, until the share `keep` of a document's words is left; the others stay in order.

    `impact` is a table (a path, glob or URI) with the columns `column` and `value`: a word and how much it says, as its inverse
    document frequency; words that are not in it say most. Without a table, a word says the less the more often the document has it.
    Words with a digit and those of `protected` (negations of English by default) stay. Of equal words the later goes first.

    >>> DropWords(keep=0.5)(DocumentBatch.of(["the cat and the dog not 3"])).content.to_pylist()
    ['cat and not 3']
    """

    name = "drop_words"
    source = (
        "Liu et al., TCRA-LLM: Token Compression Retrieval Augmented Large Language Model (arXiv 2310.15556)"
    )

    keep: float = 0.8
    impact: str | None = None
    column: str = "word"
    value: str = "idf"
    protected: tuple[str, ...] = NEGATIONS

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep is a share above 0, at most 1, got {self.keep}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The table, if there is one."""
        return () if self.impact is None else (Wanted(self.impact, self.column, self.value),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows the table."""
        from pairloom.operators.documents._dropped_words import DroppedWords

        return DroppedWords(step=self, impact=lists[0])

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents without some of their words."""
        from pairloom.operators.documents._dropped_words import DroppedWords

        return DroppedWords(step=self, impact=None)(batch)
