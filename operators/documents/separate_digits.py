"""The step that writes long numbers with separators, so that any tokenizer cuts them there."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pyarrow as pa

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["SeparateDigits", "join_digits", "separate_digits"]

_NUMBER = re.compile(r"\d{4,}")

Direction = Literal["r2l", "l2r"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparateDigits(DocumentStep):
    """Puts a separator between each three digits of a number, counted from its end (`r2l`) or from its start (`l2r`).

    What it does can be undone: `join_digits` gives back the text of every document whose field `separated` is true, and the
    other documents are as they were. Those are the documents without a long number, and those that held such separators
    before, where nobody could tell which ones to take out again; `ambiguous: drop` leaves the latter out, and counts them.
    """

    name = "separate_digits"
    source = (
        "Singh and Strouse, Tokenization counts: the impact of tokenization on arithmetic (arXiv 2402.14903)"
    )

    separator: str = ","
    direction: Direction = "r2l"
    ambiguous: Literal["keep", "drop"] = "keep"

    def __post_init__(self) -> None:
        if not self.separator or any(c.isdigit() for c in self.separator):
            raise ValueError(f"separator must be characters that are no digits, got {self.separator!r}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, and which of them were changed."""
        texts = batch.content.to_pylist()
        made = [separate_digits(text, self.separator, self.direction) for text in texts]
        exact = [
            join_digits(new, self.separator, self.direction) == text
            for text, new in zip(texts, made, strict=True)
        ]
        changed = [same and new != text for text, new, same in zip(texts, made, exact, strict=True)]
        out = batch.with_content(
            [new if some else text for text, new, some in zip(texts, made, changed, strict=True)]
        )
        out = out.with_fields(separated=pa.array(changed, pa.bool_()))
        if self.ambiguous == "drop":
            out = out.drop([not same for same in exact], "has such separators already")
        return out


def separate_digits(text: str, separator: str = ",", direction: Direction = "r2l") -> str:
    """A text with separators in its numbers of four and more digits.

    >>> separate_digits("2307350+6058422="), separate_digits("1234567", " ", "l2r")
    ('2,307,350+6,058,422=', '123 456 7')
    """

    def cut(number: re.Match[str]) -> str:
        digits = number[0]
        first = len(digits) % 3 if direction == "r2l" else 0
        parts = [digits[:first]] if first else []
        return separator.join([*parts, *(digits[k : k + 3] for k in range(first, len(digits), 3))])

    return _NUMBER.sub(cut, text)


def join_digits(text: str, separator: str = ",", direction: Direction = "r2l") -> str:
    """A text without the separators that `separate_digits` puts in.

    >>> join_digits("2,307,350+6,058,422=")
    '2307350+6058422='
    """
    return _separated(separator, direction).sub(lambda number: number[0].replace(separator, ""), text)


@lru_cache
def _separated(separator: str, direction: Direction) -> re.Pattern[str]:
    """A number as `separate_digits` writes it."""
    mark = re.escape(separator)
    if direction == "r2l":
        return re.compile(rf"(?<!\d)\d{{1,3}}(?:{mark}\d{{3}})+(?!\d)")
    return re.compile(rf"(?<!\d)\d{{3}}(?:{mark}\d{{3}})*{mark}\d{{1,3}}(?!\d)")
