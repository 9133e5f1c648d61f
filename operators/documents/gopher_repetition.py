"""The repetition rules of Gopher."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["GopherRepetition"]

Shares = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherRepetition(DocumentStep):
    r"""Leaves out documents that repeat themselves by the repetition rules of Gopher.

    `max_paragraphs` and `max_lines` are the largest shares of paragraphs and lines that stood there before, the other two those of
    their characters. `max_top` are numbers of words with the largest share of characters that the most frequent run of so many
    words may have, `max_repeated` those of all runs that stood there before, none of which is counted twice. Shares are of the
    characters of the document; a rule that is null is not asked for. As datatrove has them, whose words are others. What
    repeats is compared by 64 bits of a hash. Memory: some thirteen times the longest document.

    >>> dict(GopherRepetition()(DocumentBatch.of(["the same\n" * 9])).dropped)
    {'repeated lines': 1}
    """

    name = "gopher_repetition"
    compiled = True
    source = (
        "Rae et al., Scaling Language Models: Methods, Analysis & Insights from Training Gopher (arXiv 2112.11446), A.1.2 "
        "and Table A1"
    )

    max_paragraphs: float | None = 0.3
    max_paragraph_characters: float | None = 0.2
    max_lines: float | None = 0.3
    max_line_characters: float | None = 0.2
    max_top: Shares = ((2, 0.2), (3, 0.18), (4, 0.16))
    max_repeated: Shares = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1))

    def __post_init__(self) -> None:
        for key in ("max_paragraphs", "max_paragraph_characters", "max_lines", "max_line_characters"):
            if (value := getattr(self, key)) is not None and not 0 <= value <= 1:
                raise ValueError(f"{key} is a share from 0 to 1, got {value}")
        for key in ("max_top", "max_repeated"):
            for n, share in getattr(self, key):
                if n < 1 or not 0 <= share <= 1:
                    raise ValueError(f"{key} are numbers of words and shares from 0 to 1, got [{n}, {share}]")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that break none of the rules."""
        import numpy as np

        from pairloom.operators.documents._rules import letters, measured, table_for, texts_of, without
        from pairloom.operators.documents.kernels.repetition import judge_repetition
        from pairloom.operators.documents.kernels.words import NEWLINES, WORDS

        sizes = measured(batch)[:, [WORDS, NEWLINES]]
        most = int(sizes.max(initial=0)) + 2
        keys, stamps = table_for(most)
        text, table = texts_of(batch), letters()
        asked = (self.max_paragraphs, self.max_paragraph_characters, self.max_lines, self.max_line_characters)
        broken = np.zeros(len(batch), np.int64)
        judge_repetition(
            text.data,
            text.offsets,
            table.block_of,
            table.blocks,
            np.array([np.inf if share is None else share for share in asked], np.float64),
            np.array(self.max_top, np.float64).reshape(-1, 2),
            np.array(self.max_repeated, np.float64).reshape(-1, 2),
            sizes.max(axis=1) + 1,
            np.zeros(most, np.uint64),
            np.zeros(most, np.int32),
            keys,
            stamps,
            np.zeros(len(keys), np.int32),
            np.zeros(len(keys), np.int32),
            broken,
        )
        return without(batch, broken, self._reasons())

    def _reasons(self) -> list[str]:
        return [
            "repeated paragraphs",
            "characters in repeated paragraphs",
            "repeated lines",
            "characters in repeated lines",
            *(f"most frequent {n} words" for n, _ in self.max_top),
            *(f"repeated {n} words" for n, _ in self.max_repeated),
        ]
