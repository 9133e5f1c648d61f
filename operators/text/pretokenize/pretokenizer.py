"""A pretokenizer as a value: which scheme or pattern cuts a text. What cuts (`blocks.py`) is imported by the first cut."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.text.pretokenize.schemes import DIGITS, LINES, SCHEMES, patterns

if TYPE_CHECKING:
    from pairloom.operators.text.arrays import Text
    from pairloom.operators.text.pretokenize.blocks import Block

__all__ = ["BLOCK_BYTES", "Pretokenizer"]

# A block's text and its ends (8 bytes a piece, a piece being some 5 bytes of text) stay in a second-level
# cache of 512 KB.
BLOCK_BYTES = 128 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretokenizer:
    r"""Cuts documents into pieces (pretokens, "words") that tile them: no byte is dropped, none is added.

    `scheme` names a published pattern (see `schemes.py`); `digits` replaces its rule for numbers. `pattern`
    is a regular expression of your own instead, as Hugging Face's `Split(Regex(pattern), "isolated")`: what
    it does not match is a piece too, and a match of nothing only cuts. It is Oniguruma's, as there, and runs
    some hundred times slower (see `patterns/`). With
    `lines`, each line with its ending (`\n`) is cut as a text of its own, so that no piece goes on
    after a newline.

    >>> Pretokenizer(scheme="gpt2").split_text("it's 42")
    ['it', "'s", ' 42']
    """

    scheme: str = "gpt2"
    digits: str = "keep"
    pattern: str | None = None
    lines: bool = False

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"unknown pretokenizer scheme {self.scheme!r}; known: {', '.join(SCHEMES)}")
        if self.digits != "keep" and self.digits not in DIGITS:
            raise ValueError(f"unknown digits rule {self.digits!r}; known: keep, {', '.join(DIGITS)}")
        if self.pattern is not None:
            from pairloom.operators.text.pretokenize.patterns import cutter

            cutter(self.pattern)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The regular expressions that define the cuts, to be applied in turn."""
        found = (self.pattern,) if self.pattern is not None else patterns(self.scheme, self.digits)
        return (LINES, *found) if self.lines else found

    @property
    def identity(self) -> list[str | None]:
        """Everything that decides a cut, for hashes of what was cut."""
        own = [] if self.pattern is None else ["oniguruma"]  # once they were run in another dialect
        return [self.scheme, self.digits, self.pattern, *own, *(["lines"] if self.lines else [])]

    def split_text(self, text: str) -> list[str]:
        """The pieces of one string."""
        import numpy as np

        from pairloom.operators.text.arrays import Text

        data = text.encode(errors="surrogateescape")
        whole = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)], np.int64))
        pieces: list[str] = []
        for start, ends in self.blocks(whole):
            edges = [start, *ends.tolist()]
            pieces += [
                data[low:high].decode(errors="surrogateescape") for low, high in itertools.pairwise(edges)
            ]
        return pieces

    def blocks(self, text: "Text", *, block_bytes: int = BLOCK_BYTES) -> "Iterator[Block]":
        """Cut documents, a cache-sized block at a time.

        Yields (start, ends): `ends` (int64) are the ascending end positions, in `text.data`, of consecutive
        pieces, the first of which starts at `start`. Blocks follow each other without a gap, from the first
        document's first byte to the last one's last. Every end of a non-empty document is the end of a piece;
        an empty document has none. `ends` is a view of a buffer that the next block overwrites.

        A block ends with the first piece by which it has `block_bytes` or a little more, whatever document
        that is in. Bytes that are not UTF-8 are cut as well: each byte that begins no valid sequence is a
        symbol of its own, neither letter nor number, space or punctuation. Raises ValueError where the
        offsets do not ascend within the data.
        """
        from pairloom.operators.text.pretokenize.blocks import cut

        return cut(text, self, block_bytes)
