"""Pretokenizers: where a text may be cut before merges are learned or applied."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.pretokenize.classes import UNICODE_VERSION, classes
from pairloom.operators.pretokenize.scan import SCANS, SLACK
from pairloom.operators.pretokenize.schemes import DIGITS, SCHEMES, Rules, patterns, rules
from pairloom.operators.reference.pretokenize import split_bytes
from pairloom.operators.text import Text

__all__ = ["BLOCK_BYTES", "UNICODE_VERSION", "Pretokenizer"]

# A block's text and its ends (8 bytes a piece, a piece being some 5 bytes of text) stay in a second-level cache of 512 KB.
BLOCK_BYTES = 128 << 10

Block = tuple[int, npt.NDArray[np.int64]]


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
        data = text.encode(errors="surrogateescape")
        whole = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)], np.int64))
        pieces: list[str] = []
        for start, ends in self.blocks(whole):
            edges = [start, *ends.tolist()]
            pieces += [
                data[low:high].decode(errors="surrogateescape") for low, high in itertools.pairwise(edges)
            ]
        return pieces

    def blocks(self, text: Text) -> Iterator[Block]:
        """Cut documents, a cache-sized block at a time.

        Yields (start, ends): `ends` are the ascending end positions, in `text.data`, of consecutive pieces, the first of
        which starts at `start`. Blocks follow each other without a gap, from the first document's first byte to the last
        one's last. Every end of a non-empty document is the end of a piece; an empty document has none.
        `ends` is a view of a buffer that the next block overwrites.
        """
        if self.pattern is not None:
            return _match(text, self.pattern)
        found = rules(self.scheme, self.digits)
        return _whole(text) if found is None else _scan(text, found, BLOCK_BYTES)


def _scan(text: Text, found: Rules, size: int) -> Iterator[Block]:
    """Blocks of at least `size` bytes, but for the last, cut by the kernel."""
    scan = SCANS[found.family]
    table = classes(found.profile)
    numbers = found.numbers()
    state = np.array([0, text.offsets[0], 0], np.int64)
    window = np.zeros(64, np.uint8)
    ends = np.empty(min(size, text.bytes) + 2 * SLACK, np.int64)
    while True:
        start = int(state[1])
        count = scan(text.data, text.offsets, table.index, table.blocks, numbers, state, size, window, ends)
        if count == 0:
            return
        yield start, ends[:count]


def _whole(text: Text) -> Iterator[Block]:
    """Every document a piece, 16,384 of them a block."""
    edges = text.offsets[np.flatnonzero(np.diff(text.offsets, prepend=text.offsets[0] - 1))]
    for low in range(0, len(edges) - 1, 1 << 14):
        yield int(edges[low]), edges[low + 1 : low + 1 + (1 << 14)]


def _match(text: Text, pattern: str) -> Iterator[Block]:
    """Every document that is not empty a block, cut by the `regex` library."""
    offsets = text.offsets
    for i in range(len(text)):
        start, stop = int(offsets[i]), int(offsets[i + 1])
        if start < stop:
            pieces = split_bytes(text.data[start:stop].tobytes(), (pattern,))
            yield start, start + np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
