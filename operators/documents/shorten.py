"""The step that leaves out words which say little."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["STOP_WORDS", "Shorten"]

_STOP_WORDS = """
a about above after again against all am an and any are as at be because been before being below between both but by can did
do does doing down during each few for from further had has have having he her here hers herself him himself his how i if in
into is it its itself just me more most my myself nor now of off on once only or other our ours ourselves out over own same
she should so some such than that the their theirs them themselves then there these they this those through to too under
until up very was we were what when where which while who whom why will with you your yours yourself yourselves
"""
STOP_WORDS = tuple(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shorten(DocumentStep):
    """Leaves out stop words, and if it is asked to punctuation, rare and repeated words, and what follows the first words.

    `stop_words` are compared in small letters, without punctuation around them (those of English by default, without negations).
    `frequent` is a list (a path, glob or URI; the column `word`, or a word to a line): words that are not on it are rare and go.
    `repeated` leaves of each word the first. At last `max_words` stay. To shorten twice changes nothing more.

    >>> Shorten(punctuation=True)(DocumentBatch.of(["This is the end, my friend."])).content.to_pylist()
    ['end friend']
    """

    name = "shorten"
    source = "Mutasodirin et al., Simple Hack for Transformers against Heavy Long-Text Classification (arXiv 2403.12563)"

    stop_words: tuple[str, ...] = STOP_WORDS
    punctuation: bool = False
    repeated: bool = False
    frequent: str | None = None
    column: str = "word"
    max_words: int | None = None

    def __post_init__(self) -> None:
        if self.max_words is not None and self.max_words < 1:
            raise ValueError(f"max_words must be positive, got {self.max_words}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The frequent words, if there are any."""
        return () if self.frequent is None else (Wanted(self.frequent, self.column),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows the frequent words."""
        from pairloom.operators.documents._shortened import Shortened

        return Shortened(step=self, frequent=lists[0].numbers)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, shortened."""
        from pairloom.operators.documents._shortened import Shortened

        return Shortened(step=self, frequent=None)(batch)
