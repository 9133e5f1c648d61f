"""Cutting text before each space, as tokenizers of the kind of SentencePiece do, whose words begin with their space."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from pairloom.operators.text.arrays import Text
    from pairloom.operators.text.pretokenize.blocks import Block

__all__ = ["BeforeSpaces"]

_MARK = "\u2581"


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeSpaces:
    """Cuts before each space; with `prefix`, one is put before each text first.

    U+2581, which stands for a space in tokens, is one in text too.

    >>> import pyarrow as pa
    >>> from pairloom.operators.text.arrays import text_of
    >>> cut = BeforeSpaces()
    >>> text = cut.prepared(pa.array(["a bc", ""], pa.large_string()))
    >>> text.to_pylist(), [ends.tolist() for _, ends in cut.blocks(text_of(text))]
    ([' a bc', ''], [[2, 5]])
    """

    prefix: bool = True

    @property
    def identity(self) -> list[str | bool]:
        """Everything that decides a cut, for hashes of what was cut."""
        return ["before_spaces", self.prefix]

    def prepared(self, texts: "pa.Array") -> "pa.Array":
        """Texts as they are cut (a column of large strings)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.replace_substring(texts.cast(pa.large_string()).fill_null(""), _MARK, " ")
        if not self.prefix:
            return found
        before = pc.if_else(pc.equal(pc.binary_length(found), 0), "", " ").cast(pa.large_string())
        return pc.binary_join_element_wise(before, found, pa.scalar("", pa.large_string()))

    def blocks(self, text: "Text") -> "Iterator[Block]":
        """As `Pretokenizer.blocks`."""
        return iter(_pieces().blocks(text))


@cache
def _pieces() -> Any:
    import numpy as np

    from pairloom.operators.text.front.pieces import Pieces, apart_by

    classes = np.zeros(0x110000, np.uint8)
    classes[ord(" ")] = 1
    return Pieces(classes, apart_by({(0, 1): True, (1, 1): True}))
