"""Supertokens: cutting text into chunks of random lengths, for learning tokens that pay no heed to words.

A chunk's length is drawn in two steps, a range of lengths by its share and then a length inside it, all alike; the last chunk
of a document is what is left of it. By default shares are a bell over 4 to 23 characters
(Sharthak et al., "Achieving Tokenizer Flexibility in Language Models through Heuristic Adaptation and Supertoken Learning",
2025). Nothing is taken out of the text. The draws of a document are functions of the seed and of its bytes, so that it is cut
the same way wherever it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pairloom.operators.text.arrays import Text
    from pairloom.operators.text.pretokenize.blocks import Block

__all__ = ["BELL", "RandomChunks", "RandomSpaces"]

# (least, most characters, share)
BELL = (
    (4, 5, 0.044),
    (6, 7, 0.091),
    (8, 9, 0.146),
    (10, 11, 0.171),
    (12, 13, 0.185),
    (14, 15, 0.171),
    (16, 17, 0.146),
    (18, 19, 0.091),
    (20, 21, 0.044),
    (22, 23, 0.011),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomChunks:
    """Cuts documents into chunks of random lengths, counted in characters; the pieces tile them.

    `lengths` are (least, most, share) with any positive shares, of which only the ratios matter.
    Raises ValueError for lengths that are not 1 <= least <= most or shares that are not positive.

    >>> import numpy as np
    >>> from pairloom.operators.text.arrays import Text
    >>> text = Text(data=np.frombuffer(b"abcdefgh", np.uint8), offsets=np.array([0, 8]))
    >>> [ends.tolist() for _, ends in RandomChunks(lengths=((3, 3, 1.0),)).blocks(text)]
    [[3, 6, 8]]
    """

    seed: int = 0
    lengths: tuple[tuple[int, int, float], ...] = BELL

    def __post_init__(self) -> None:
        if not self.lengths:
            raise ValueError("chunks need at least one range of lengths")
        for least, most, share in self.lengths:
            if not 1 <= least <= most < 1 << 31 or not 0 < share < float("inf"):
                raise ValueError(f"lengths from {least} to {most} with a share of {share} cannot be drawn")

    @property
    def identity(self) -> list[Any]:
        """Everything that decides a cut, for hashes of what was cut."""
        return ["chunks", self.seed, [list(one) for one in self.lengths]]

    def blocks(self, text: "Text") -> "Iterator[Block]":
        """Cut documents, some at a time; as `Pretokenizer.blocks`. A byte that is no UTF-8 may join any character."""
        from pairloom.operators.text.pretokenize.blocks import cut_at_random

        return cut_at_random(text, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSpaces:
    """Cuts documents before white space, each time with the probability `share`; the pieces tile them.

    The draw for a place depends on the seed, the document's bytes and the place alone. Raises ValueError for a share that is not
    above 0 and up to 1.

    >>> import numpy as np
    >>> from pairloom.operators.text.arrays import Text
    >>> text = Text(data=np.frombuffer(b"a bc d", np.uint8), offsets=np.array([0, 6]))
    >>> [ends.tolist() for _, ends in RandomSpaces(share=1.0).blocks(text)]
    [[1, 4, 6]]
    """

    seed: int = 0
    share: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of white space to cut at is above 0 and up to 1, not {self.share}")

    @property
    def identity(self) -> list[Any]:
        """Everything that decides a cut, for hashes of what was cut."""
        return ["spaces", self.seed, self.share]

    def blocks(self, text: "Text") -> "Iterator[Block]":
        """Cut documents, some at a time; as `Pretokenizer.blocks`."""
        from pairloom.operators.text.pretokenize.blocks import cut_at_spaces

        return cut_at_spaces(text, self)
