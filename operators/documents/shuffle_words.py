"""The step that puts words into another order."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["ShuffleWords"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleWords(DocumentStep):
    """Puts the words of a document, or of each `window` words of it, into a random order; white space stays where it is.

    With `into`, the text stays, and that field gets the other: a pair for training sentence vectors. What is drawn is a function
    of `seed` and of the text alone.

    >>> made = ShuffleWords()(DocumentBatch.of(["moor, heath and fen"])).content.to_pylist()
    >>> sorted(made[0].split())
    ['and', 'fen', 'heath', 'moor,']
    """

    name = "shuffle_words"
    source = "Xiao et al., Pixel Sentence Representation Learning (arXiv 2402.08183)"

    window: int | None = None
    seed: int = 0
    into: str | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 2:
            raise ValueError(f"window must be 2 words or more, got {self.window}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, shuffled."""
        import pyarrow as pa

        texts = pa.array([self._of(text) for text in batch.content.to_pylist()], pa.large_string())
        return batch.with_content(texts) if self.into is None else batch.with_fields(**{self.into: texts})

    def _of(self, text: str) -> str:
        import numpy as np

        from pairloom.operators.documents._words import draws, words_in

        words = words_in(text)
        window = self.window or max(1, len(words))
        order = np.lexsort((draws(self.seed, self.name, text, len(words)), np.arange(len(words)) // window))
        end = sum(len(space) + len(word) for space, word in words)
        out = [
            piece
            for (space, _), i in zip(words, order.tolist(), strict=True)
            for piece in (space, words[i][1])
        ]
        return "".join([*out, text[end:]])
