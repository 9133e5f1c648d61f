"""Pretokenizers: where a text may be cut before merges are learned or applied."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import regex

from pairloom.operators.reference.text.pretokenize.patterns import split_bytes
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.pretokenize.classes import UNICODE_VERSION, classes
from pairloom.operators.text.pretokenize.kernels.scan import POSITION, SCANS, SLACK
from pairloom.operators.text.pretokenize.schemes import DIGITS, LINES, SCHEMES, Rules, patterns, rules

__all__ = ["BLOCK_BYTES", "UNICODE_VERSION", "Pretokenizer"]

# A block's text and its ends (8 bytes a piece, a piece being some 5 bytes of text) stay in a second-level
# cache of 512 KB.
BLOCK_BYTES = 128 << 10

Scalar = TypeVar("Scalar", bound=np.generic)
Block = tuple[int, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretokenizer:
    r"""Cuts documents into pieces (pretokens, "words") that tile them: no byte is dropped, none is added.

    `scheme` names a published pattern (see `schemes.py`); `digits` replaces its rule for numbers. `pattern`
    is a regular expression of your own instead, as Hugging Face's `Split(Regex(pattern), "isolated")`: what
    it does not match is a piece too, and a match of nothing only cuts. The `regex` library runs it, some
    hundred times slower and with the Unicode tables of its own version; the schemes have those of Unicode
    16.0. With `lines`, each line with its ending (`\n`) is cut as a text of its own, so that no piece goes on
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
            try:
                regex.compile(self.pattern)
            except regex.error as error:
                raise ValueError(f"pattern {self.pattern!r} is no regular expression: {error}") from error

    @property
    def patterns(self) -> tuple[str, ...]:
        """The regular expressions that define the cuts, to be applied in turn."""
        found = (self.pattern,) if self.pattern is not None else patterns(self.scheme, self.digits)
        return (LINES, *found) if self.lines else found

    @property
    def identity(self) -> list[str | None]:
        """Everything that decides a cut, for hashes of what was cut."""
        return [self.scheme, self.digits, self.pattern, *(["lines"] if self.lines else [])]

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

    def blocks(self, text: Text, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
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
        if block_bytes < 1:
            raise ValueError(f"a block has at least one byte, got block_bytes={block_bytes}")
        offsets = text.offsets
        if len(text) and (offsets[0] < 0 or offsets[-1] > len(text.data) or (np.diff(offsets) < 0).any()):
            raise ValueError(
                f"the offsets of {len(text)} documents do not ascend within {len(text.data)} bytes of text"
            )
        if self.lines:
            text = _lines(text)
        if self.pattern is not None:
            return _match(text, self.pattern, block_bytes)
        found = rules(self.scheme, self.digits)
        return _whole(text) if found is None else _scan(text, found, block_bytes)


def _scan(text: Text, found: Rules, size: int) -> Iterator[Block]:
    """Blocks cut by the kernel."""
    scan = SCANS[found.family]
    table = classes(found.profile)
    data, offsets = _frozen(text.data), _frozen(text.offsets)
    setup = np.array([*table.addresses, *found.rule()], np.int64)
    state = np.array([0, offsets[0], 0], np.int64)
    room = np.zeros(64, np.uint8)
    ends = np.empty(min(size, text.bytes) + 2 * SLACK, np.int64)
    while True:
        start = int(state[POSITION])
        count = scan(data, offsets, setup, state, size, room, ends)
        if count == 0:
            return
        yield start, ends[:count]


def _frozen(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A read-only, contiguous view, so that numba compiles for one type of array whoever owns the memory."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _lines(text: Text) -> Text:
    """The same text with every line a document."""
    low, high = int(text.offsets[0]), int(text.offsets[-1])
    newlines = np.flatnonzero(text.data[low:high] == ord("\n")) + (low + 1)
    return Text(data=text.data, offsets=np.sort(np.concatenate([text.offsets, newlines]), kind="stable"))


def _whole(text: Text) -> Iterator[Block]:
    """Every document a piece, 16,384 of them a block."""
    edges = text.offsets[np.flatnonzero(np.diff(text.offsets, prepend=text.offsets[0] - 1))]
    for low in range(0, len(edges) - 1, 1 << 14):
        yield int(edges[low]), edges[low + 1 : low + 1 + (1 << 14)]


def _match(text: Text, pattern: str, size: int) -> Iterator[Block]:
    """Blocks of whole documents, cut by the `regex` library."""
    start = position = int(text.offsets[0])
    ends: list[int] = []
    for stop in text.offsets[1:].tolist():
        for piece in split_bytes(text.data[position:stop].tobytes(), (pattern,)):
            position += len(piece)
            ends.append(position)
        if position - start >= size:
            yield start, np.array(ends, np.int64)
            start, ends = position, []
    if ends:
        yield start, np.array(ends, np.int64)
