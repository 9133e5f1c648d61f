"""Cutting texts, a cache-sized block at a time."""

from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, hash_text, mixed
from pairloom.operators.steps import in_53rds
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.pretokenize.chunks import RandomChunks, RandomSpaces
from pairloom.operators.text.pretokenize.classes import classes
from pairloom.operators.text.pretokenize.kernels.chunks import POSITION as PLACE
from pairloom.operators.text.pretokenize.kernels.chunks import cut_chunks
from pairloom.operators.text.pretokenize.kernels.lines import SPARE, cut_lines
from pairloom.operators.text.pretokenize.kernels.scan import POSITION, SCANS, SLACK
from pairloom.operators.text.pretokenize.patterns import ends_of_pieces
from pairloom.operators.text.pretokenize.pretokenizer import Pretokenizer
from pairloom.operators.text.pretokenize.rules import Rules, rules

__all__ = ["Block", "cut", "cut_at_random", "cut_at_spaces"]

CHUNKS = 1 << 17

Scalar = TypeVar("Scalar", bound=np.generic)
Block: TypeAlias = tuple[int, npt.NDArray[np.int64]]


def cut(text: Text, pretokenizer: Pretokenizer, size: int) -> Iterator[Block]:
    """Blocks of about `size` bytes; see `Pretokenizer.blocks`."""
    if size < 1:
        raise ValueError(f"a block has at least one byte, got block_bytes={size}")
    offsets = text.offsets
    if len(text) and (offsets[0] < 0 or offsets[-1] > len(text.data) or (np.diff(offsets) < 0).any()):
        raise ValueError(
            f"the offsets of {len(text)} documents do not ascend within {len(text.data)} bytes of text"
        )
    if pretokenizer.lines:
        text = _lines(text)
    if pretokenizer.pattern is not None:
        return _match(text, pretokenizer.pattern, size)
    found = rules(pretokenizer.scheme, pretokenizer.digits)
    return _whole(text) if found is None else _scan(text, found, size)


def cut_at_random(text: Text, chunks: RandomChunks) -> Iterator[Block]:
    """Blocks of up to 131,072 chunks; see `RandomChunks.blocks`."""
    ranges = np.array([(least, most) for least, most, _ in chunks.lengths], np.int64)
    shares = np.array([share for _, _, share in chunks.lengths])
    # The upper bounds of the ranges' parts of [0, 2^32).
    bounds = np.round(np.cumsum(shares) / shares.sum() * 2.0**32).astype(np.uint64)
    bounds[-1] = 1 << 32
    keys = hash_text(text, chunks.seed & ((1 << 64) - 1))
    data, offsets = text.data, text.offsets
    state = np.array([0, text.offsets[0], 0], np.int64)
    ends = np.empty(min(CHUNKS, max(1, text.bytes)) + 1, np.int64)
    while True:
        start = int(state[PLACE])
        count = cut_chunks(data, offsets, keys, ranges, bounds, state, ends)
        if count == 0:
            return
        yield start, ends[:count]


def cut_at_spaces(text: Text, chosen: RandomSpaces) -> Iterator[Block]:
    """Blocks of the words of a block of the pretokenizer `whitespace`, put together; see `RandomSpaces.blocks`."""
    keys = hash_text(text, chosen.seed & ((1 << 64) - 1))
    start = int(text.offsets[0])
    for _, ends in Pretokenizer(scheme="whitespace").blocks(text):
        owner = np.searchsorted(text.offsets, ends, side="left") - 1
        place = (ends - text.offsets[owner]).astype(np.uint64)
        drawn = mixed(keys[owner] + place * GOLDEN) >> np.uint64(11) < in_53rds(chosen.share)
        kept = ends[drawn | (ends == text.offsets[owner + 1])]
        if len(kept):
            yield start, kept
            start = int(kept[-1])


def _scan(text: Text, found: Rules, size: int) -> Iterator[Block]:
    """Blocks cut by the kernel."""
    scan = SCANS[found.family]
    table = classes(found.profile)
    data, offsets = text.data, text.offsets
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


def _lines(text: Text) -> Text:
    """The same text with every line a document, and no document that is empty."""
    offsets = np.ascontiguousarray(text.offsets, np.int64)
    where = (text.data.ctypes.data, len(text.data), offsets.ctypes.data, len(text))
    found = np.empty(cut_lines(*where, 0, 0) + SPARE, np.int64)
    return Text(data=text.data, offsets=found[: cut_lines(*where, found.ctypes.data, len(found))])


def _whole(text: Text) -> Iterator[Block]:
    """Every document a piece, 16,384 of them a block."""
    edges = text.offsets[np.flatnonzero(np.diff(text.offsets, prepend=text.offsets[0] - 1))]
    for low in range(0, len(edges) - 1, 1 << 14):
        yield int(edges[low]), edges[low + 1 : low + 1 + (1 << 14)]


def _match(text: Text, pattern: str, size: int) -> Iterator[Block]:
    """Blocks of whole documents, cut by a pattern."""
    start = position = int(text.offsets[0])
    found: list[npt.NDArray[np.int64]] = []
    for stop in text.offsets[1:].tolist():
        found.append(ends_of_pieces(text.data[position:stop].tobytes(), pattern) + position)
        position = stop
        if position - start >= size:
            yield start, np.concatenate(found)
            start, found = position, []
    if position > start:
        yield start, np.concatenate(found)
