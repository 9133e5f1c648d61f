"""The quality rules of Gopher."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["GopherQuality"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherQuality(DocumentStep):
    """Leaves out documents that are not prose by the quality rules of Gopher.

    Words stand between white space. Those without a letter or digit are not counted for `min_words`, `max_words` and the mean
    length of words, as in datatrove, whose reasons these are in its order. `min_stop_words` of the `stop_words` must be there,
    as they are written. A line that begins with "-" or a bullet has one. A rule that is null is not asked for.

    >>> dict(GopherQuality()(DocumentBatch.of(["too short"])).dropped)
    {'too few words': 1}
    """

    name = "gopher_quality"
    compiled = True
    source = "Rae et al., Scaling Language Models: Methods, Analysis & Insights from Training Gopher (arXiv 2112.11446), A.1.1"

    min_words: int | None = 50
    max_words: int | None = 100_000
    min_word_length: float | None = 3.0
    max_word_length: float | None = 10.0
    max_symbols: float | None = 0.1
    max_bullet_lines: float | None = 0.9
    max_ellipsis_lines: float | None = 0.3
    min_alphabetic_words: float | None = 0.8
    min_stop_words: int | None = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def __post_init__(self) -> None:
        for key in ("min_words", "max_words", "min_word_length", "max_word_length", "max_symbols"):
            if (value := getattr(self, key)) is not None and value < 0:
                raise ValueError(f"{key} must not be negative, got {value}")
        for key in ("max_bullet_lines", "max_ellipsis_lines", "min_alphabetic_words"):
            if (value := getattr(self, key)) is not None and not 0 <= value <= 1:
                raise ValueError(f"{key} is a share from 0 to 1, got {value}")
        if len(set(self.stop_words)) > 64 or not all(self.stop_words):
            raise ValueError(
                f"stop_words are at most 64 words, got {len(set(self.stop_words))}, or an empty one"
            )
        if self.min_stop_words is not None and not 0 <= self.min_stop_words <= len(set(self.stop_words)):
            raise ValueError(
                f"min_stop_words is at most the number of stop_words, {len(set(self.stop_words))}, got {self.min_stop_words}"
            )

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that break none of the rules."""
        from pairloom.operators.documents._lines import lines_of
        from pairloom.operators.documents._rules import above, below, measured, ratio, without_broken
        from pairloom.operators.documents.kernels import lines as of_lines
        from pairloom.operators.documents.kernels import words as of_words

        found = measured(batch, tuple(dict.fromkeys(self.stop_words)))
        lines = lines_of(batch, found[:, of_words.NEWLINES])
        proper, words = found[:, of_words.PROPER], found[:, of_words.WORDS]
        mean = ratio(found[:, of_words.PROPER_CHARACTERS], proper)
        hashes, ellipses = (ratio(found[:, k], words) for k in (of_words.HASHES, of_words.ELLIPSES))
        bullets, trailing = (
            ratio(lines[:, k], lines[:, of_lines.LINES]) for k in (of_lines.BULLETS, of_lines.TRAILING)
        )
        alphabetic = ratio(found[:, of_words.ALPHABETIC], words)

        return without_broken(
            batch,
            [
                ("too few words", below(proper, self.min_words)),
                ("too many words", above(proper, self.max_words)),
                ("words too short", below(mean, self.min_word_length)),
                ("words too long", above(mean, self.max_word_length)),
                ("too many hashes", above(hashes, self.max_symbols)),
                ("too many ellipses", above(ellipses, self.max_symbols)),
                ("too many bullet lines", above(bullets, self.max_bullet_lines)),
                ("too many lines end in an ellipsis", above(trailing, self.max_ellipsis_lines)),
                ("too few alphabetic words", below(alphabetic, self.min_alphabetic_words)),
                ("too few stop words", below(found[:, of_words.STOPS], self.min_stop_words)),
            ],
        )
