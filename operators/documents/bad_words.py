"""The step that leaves out documents with words of a list."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["BadWords"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadWords(DocumentStep):
    """Leaves out documents that have a word of a list, as C4 does; of them the share `keep` stays.

    `words` is a path, a glob or a URI: the `column` of Parquet, Arrow, JSON Lines or CSV, or plain text with a word, or words, to a
    line. Case does not matter. With `whole`, no letter, digit or underscore stands beside a word; languages without spaces need
    `whole: false`. Which documents stay is a function of `seed` and of the text alone.
    """

    name = "bad_words"
    source = (
        "Raffel et al., Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer (JMLR 21, 2020), 2.2; "
        "a share that stays: datatrove"
    )

    words: str
    column: str = "word"
    whole: bool = True
    keep: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("words must not be empty: a path, a glob or a URI of a list")
        if not 0 <= self.keep <= 1:
            raise ValueError(f"keep is a share from 0 to 1, got {self.keep}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The words, as they are written."""
        return (Wanted(self.words, self.column, names=True),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that knows the words."""
        from pairloom.operators.documents._bad_words import FoundWords

        return FoundWords.of(self, lists[0])

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the list: see `with_lists`."""
        raise TypeError(f"{self.name} was called without its list: this is a bug")
