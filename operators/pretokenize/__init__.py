"""Pretokenizers: where a text may be cut before merges are learned or applied."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.pretokenize.schemes import DIGITS, SCHEMES, patterns
from pairloom.operators.reference.pretokenize import split
from pairloom.operators.text import Text

__all__ = ["Pretokenizer"]

UNICODE_VERSION = "16.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretokenizer:
    """Cuts documents into pieces (pretokens, "words") that tile them: no byte is dropped, none is added.

    `scheme` names a published pattern (see `schemes.py`); `digits` replaces its rule for numbers. `pattern` is a regular
    expression of your own instead, run by the `regex` library, which is slower.

    >>> Pretokenizer(scheme="gpt2").split_text("it's 42")
    ['it', "'s", ' 42']
    """

    scheme: str = "gpt2"
    digits: str = "keep"
    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"unknown pretokenizer scheme {self.scheme!r}; known: {', '.join(SCHEMES)}")
        if self.digits != "keep" and self.digits not in DIGITS:
            raise ValueError(f"unknown digits rule {self.digits!r}; known: keep, {', '.join(DIGITS)}")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The regular expressions that define the cuts, to be applied in turn."""
        return (self.pattern,) if self.pattern is not None else patterns(self.scheme, self.digits)

    def split_text(self, text: str) -> list[str]:
        """The pieces of one string."""
        return split(text, self.patterns)

    def blocks(self, text: Text) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Cut documents, a cache-sized block at a time.

        Yields (start, ends): `ends` are the ascending end positions, in `text.data`, of consecutive pieces, the first of
        which starts at `start`. Blocks follow each other without a gap, from the first document's first byte to the last
        one's last. Every end of a non-empty document is the end of a piece; an empty document has none.
        `ends` is a view of a buffer that the next block overwrites.
        """
        offsets = text.offsets
        for i in range(len(text)):
            start, stop = int(offsets[i]), int(offsets[i + 1])
            if start == stop:
                continue
            pieces = split(bytes(text.data[start:stop]).decode(), self.patterns)
            yield start, start + np.cumsum([len(piece.encode()) for piece in pieces], dtype=np.int64)
