"""The quality rules of FineWeb."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["FineWebQuality"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FineWebQuality(DocumentStep):
    r"""Leaves out documents whose lines are those of lists and menus, by the rules that FineWeb adds to those of C4 and Gopher.

    Of the lines that are not blank, at least `min_ended_lines` end with one of `ends` (null: what ends sentences in Unicode), at
    most `max_short_lines` have up to `short_line` characters; of all characters but newlines, at most `max_repeated_characters`
    are in lines that stood there before (0.01 in datatrove, by which FineWeb was made; its paper says 0.1); for each word, which
    stands between white space, there are at most `max_newlines` newlines. A rule that is null is not asked for.

    >>> dict(FineWebQuality()(DocumentBatch.of(["Home\nAbout\n"])).dropped)
    {'too few lines end a sentence': 1}
    """

    name = "fineweb_quality"
    compiled = True
    source = (
        "Penedo et al., The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale (arXiv 2406.17557), 3.5; "
        "the fourth rule is datatrove's"
    )

    min_ended_lines: float | None = 0.12
    max_short_lines: float | None = 0.67
    short_line: int = 30
    max_repeated_characters: float | None = 0.01
    max_newlines: float | None = 0.3
    ends: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for key in ("min_ended_lines", "max_short_lines", "max_repeated_characters"):
            if (value := getattr(self, key)) is not None and not 0 <= value <= 1:
                raise ValueError(f"{key} is a share from 0 to 1, got {value}")
        if self.max_newlines is not None and self.max_newlines < 0:
            raise ValueError(f"max_newlines must not be negative, got {self.max_newlines}")
        if self.ends is not None and any(len(end) != 1 for end in self.ends):
            raise ValueError(f"ends are single characters, got {list(self.ends)}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that break none of the rules."""
        from pairloom.operators.documents._lines import SENTENCE_ENDS, lines_of
        from pairloom.operators.documents._rules import Rule, above, below, measured, ratio, without_broken
        from pairloom.operators.documents.kernels import lines as of_lines
        from pairloom.operators.documents.kernels.words import CHARACTERS, NEWLINES, WORDS

        found = measured(batch)
        newlines = found[:, NEWLINES]
        ends = SENTENCE_ENDS if self.ends is None else self.ends
        lines = lines_of(batch, newlines, ends, self.short_line)
        filled = lines[:, of_lines.FILLED]
        ended, short = (ratio(lines[:, k], filled) for k in (of_lines.ENDED, of_lines.SHORT))
        repeated = ratio(lines[:, of_lines.REPEATED], found[:, CHARACTERS] - newlines)
        rules: list[Rule] = [
            ("no line with text", filled == 0),
            ("too few lines end a sentence", below(ended, self.min_ended_lines)),
            ("too many short lines", above(short, self.max_short_lines)),
            ("characters in repeated lines", above(repeated, self.max_repeated_characters)),
            ("too many newlines", above(ratio(newlines, found[:, WORDS]), self.max_newlines)),
        ]
        return without_broken(batch, rules)
