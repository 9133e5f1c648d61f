"""The step that makes mistakes in typing."""

from dataclasses import dataclass
from typing import Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["Typos"]

Kind = Literal["swap", "delete", "insert", "neighbour"]

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typos(DocumentStep):
    """Makes a mistake in the share `rate` of words: two letters swapped, one left out, one added, or a key beside the right one.

    A word has one mistake at most, so that its edit distance from the right one is 1 (a swap of neighbours counted as one edit);
    words without two letters of a to z have none. With `into`, the text stays, and that field gets the other: a pair for training
    sentence vectors. What is drawn is a function of `seed` and of the text alone.
    """

    name = "typos"
    source = "Xiao et al., Pixel Sentence Representation Learning (arXiv 2402.08183)"

    rate: float = 0.1
    kinds: tuple[Kind, ...] = ("swap", "delete", "insert", "neighbour")
    seed: int = 0
    into: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate is a share from 0 to 1, got {self.rate}")
        if not self.kinds:
            raise ValueError("kinds must not be empty: swap, delete, insert, neighbour")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents with mistakes."""
        import pyarrow as pa

        texts = pa.array([self._of(text) for text in batch.content.to_pylist()], pa.large_string())
        return batch.with_content(texts) if self.into is None else batch.with_fields(**{self.into: texts})

    def _of(self, text: str) -> str:
        from pairloom.operators.documents._words import draws, words_in
        from pairloom.operators.steps import in_53rds

        words = words_in(text)
        drawn = draws(self.seed, self.name, text, 2 * len(words))
        chosen = (drawn[: len(words)] >> 11) < in_53rds(self.rate)
        out = []
        end = 0
        for (space, word), hit, bits in zip(words, chosen, drawn[len(words) :].tolist(), strict=True):
            out += [space, mistyped(word, self.kinds, bits) if hit else word]
            end += len(space) + len(word)
        return "".join([*out, text[end:]])


def mistyped(word: str, kinds: tuple[Kind, ...], bits: int) -> str:
    """A word with one mistake, drawn by 64 bits; as it is where no mistake can be made.

    >>> mistyped("word", ("swap",), 0), mistyped("word", ("delete",), 1), mistyped("12", ("swap",), 0)
    ('owrd', 'wrd', '12')
    """
    letters = [i for i, c in enumerate(word) if c.isascii() and c.isalpha()]
    if len(letters) < 2:
        return word
    kind, bits = kinds[bits % len(kinds)], bits // len(kinds)
    if kind == "swap":
        pairs = [i for i in letters if i + 1 in letters and word[i] != word[i + 1]]
        if not pairs:
            return word
        at = pairs[bits % len(pairs)]
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    at, bits = letters[bits % len(letters)], bits // len(letters)
    if kind == "delete":
        return word[:at] + word[at + 1 :]
    if kind == "insert":
        return word[:at] + "abcdefghijklmnopqrstuvwxyz"[bits % 26] + word[at:]
    beside = _beside(word[at].lower())
    other = beside[bits % len(beside)]
    return word[:at] + (other.upper() if word[at].isupper() else other) + word[at + 1 :]


def _beside(letter: str) -> str:
    """The letters beside one, on a keyboard of the United States."""
    row = next(keys for keys in _KEYS if letter in keys)
    at = row.index(letter)
    near = row[max(0, at - 1) : at + 2].replace(letter, "")
    for other in (_KEYS[_KEYS.index(row) - 1] if row != _KEYS[0] else "", *_KEYS[_KEYS.index(row) + 1 :][:1]):
        near += other[at : at + 1]
    return near
