"""Whole lines out of a range of bytes or out of a stream, in blocks of bounded size."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers import reader_of
from pairloom.pipeline.inputs.slices import InputFile, Slice
from pairloom.pipeline.inputs.storage import open_input, open_stream
from pairloom.pipeline.inputs.streams import Stream, ended_early
from pairloom.pipeline.phases import phase

__all__ = ["PADDING", "Block", "line_blocks", "too_long"]

PADDING = 128
_BOM = b"\xef\xbb\xbf"
_STEP = 1 << 20
_BEYOND = 1 << 16  # bytes that are read at once beyond a range, for the end of its last line
_SMALLEST = 64
_LARGE = 32 << 20
_RESTING = 4  # blocks that are kept for the next range: the pages of a new one cost as much as reading it
_blocks_at_rest: list[bytearray] = []  # taking one out and putting it back are atomic


class Block(NamedTuple):
    """Whole lines, `data[start:stop]`; only the last line of a file may lack its newline.

    At least `PADDING` newlines follow. `data[0]` is byte `position` of the decompressed file; `consumed` stored bytes
    were used since the block before. The next block is written over this one. A line that is longer than a block makes it as
    long as that: whoever has read it says so (`spent`) before the documents are worked on.
    """

    data: bytearray
    start: int
    stop: int
    position: int
    consumed: int

    def spent(self) -> None:
        """Nothing of this block is needed any more: gives back the memory of one that a long line has made large."""
        if len(self.data) > _LARGE:
            self.data.clear()


def too_long(file: InputFile, place: str, limit: int) -> DataError:
    """The error for a record that memory was not meant for."""
    return DataError(
        f"{file.uri}: the record at {place} is longer than {limit} bytes (max_record_bytes); "
        "split the document, raise the limit, or exclude the file"
    )


def line_blocks(
    piece: Slice, block_bytes: int, longest: int, through: Callable[[Stream], Stream] | None = None
) -> Iterator[Block]:
    """The lines that start in the slice, in blocks of `block_bytes`, or larger ones around a line that is longer than that.

    `through` makes lines of what has none.

    The byte order mark at the start of a file is left out. A line of more than `longest` bytes raises DataError if it
    does not fit in a block (a shorter one is for the caller to check), and so does a file that is of another format.
    """
    if reader_of(piece.file).anywhere and piece.file.plain:
        with open_input(piece.file) as handle:
            stop = min(piece.stop, piece.file.size)
            position = _first_line(handle, piece.start, stop, piece.file)

            def fill_range(view: memoryview) -> int:
                with phase("read"):
                    got: int = handle.readinto(view)  # type: ignore[attr-defined]
                if not got and handle.tell() < piece.file.size:
                    raise ended_early(piece.file, handle.tell())
                return got

            if position is None:
                yield Block(bytearray(b"\n" * PADDING), 0, 0, stop, stop - piece.start)
                return
            yield from _blocks(
                piece.file,
                fill_range,
                lambda at: min(at, stop) - piece.start,
                position,
                stop,
                piece.file.size,
                block_bytes,
                longest,
            )
    else:
        with open_stream(piece.file) as opened:
            stream = opened if through is None else through(opened)

            def fill(view: memoryview) -> int:
                part = stream.read(len(view))
                view[: len(part)] = part
                return len(part)

            yield from _blocks(
                piece.file, fill, lambda _: stream.consumed, 0, sys.maxsize, sys.maxsize, block_bytes, longest
            )


def _first_line(handle: BinaryIO, start: int, stop: int, file: InputFile) -> int | None:
    """Where the first line that starts in [start, stop) does, the file set to it; None if there is none."""
    handle.seek(max(start - 1, 0))
    if start == 0:
        return 0
    at = start - 1
    while at < stop - 1:  # a line starts behind each newline of [start - 1, stop - 1)
        part = handle.read(min(_STEP, stop - 1 - at))
        if not part:
            raise ended_early(file, at)
        newline = part.find(b"\n")
        if newline >= 0:
            handle.seek(at + newline + 1)
            return at + newline + 1
        at += len(part)
    return None


def _blocks(
    file: InputFile,
    fill: Callable[[memoryview], int],
    consumed: Callable[[int], int],
    at: int,
    stop: int,
    size: int,
    block_bytes: int,
    longest: int,
) -> Iterator[Block]:
    """The lines that start in [at, stop), where `at` is the start of a line and the next byte that `fill` gives.

    `size` is where the file ends, as far as that is known.

    `consumed(at)` is how many stored bytes were used for everything before byte `at`.
    """
    block_bytes = max(_SMALLEST, min(block_bytes, min(stop, size) - at + _BEYOND))
    capacity = block_bytes  # on this all depends, not on how large a block at rest happens to be
    buffer = _block(capacity + PADDING)
    filled = reported = 0
    ended = False
    while not ended and at < stop:
        if filled == capacity:  # a quarter more: a long line is in memory with little beside it
            capacity += max(block_bytes, min(filled // 4, size - at - filled))
            buffer += bytes(max(0, capacity + PADDING - len(buffer)))
        room = block_bytes if filled < block_bytes else capacity  # more only for a long line
        beyond = at + filled - stop
        room = min(room, stop - at if beyond < 0 else filled + max(_BEYOND, beyond))
        with memoryview(buffer) as view:
            got = fill(view[filled:room])
        if at == filled == 0:
            check_head(file, bytes(buffer[: min(got, HEAD_BYTES)]))
        fresh, filled = filled, filled + got
        if at + filled >= stop:  # the last line ends at the first newline from the last byte of the range on
            cut = buffer.find(b"\n", max(fresh, stop - 1 - at), filled) + 1
            ended = cut > 0 or not got
        else:
            cut = buffer.rfind(b"\n", fresh, filled) + 1
            ended = not got
        if not got:
            cut = filled
        if not ended and filled - (line := buffer.rfind(b"\n", 0, filled) + 1) > longest:
            raise too_long(file, f"byte {at + line}", longest)
        if cut == 0 and not ended:
            continue
        carry = b"" if ended else bytes(buffer[cut:filled])
        buffer[cut : cut + PADDING] = b"\n" * PADDING
        used = consumed(at + cut)
        start = len(_BOM) if at == 0 and buffer.startswith(_BOM, 0, cut) else 0
        yield Block(buffer, start, cut, at, used - reported)
        if ended:
            break
        reported = used
        if len(buffer) < len(carry) + PADDING:  # it was given back
            capacity = max(block_bytes, len(carry))
            buffer += bytes(capacity + PADDING)
        buffer[: len(carry)] = carry
        at, filled = at + cut, len(carry)
    nobody_looks = sys.getrefcount(buffer) <= _ALONE  # what was read may be asked for later
    if nobody_looks and block_bytes <= len(buffer) <= _LARGE and len(_blocks_at_rest) < _RESTING:
        _blocks_at_rest.append(buffer)


def _alone() -> int:
    """What this Python counts for something that one name alone has, seen from where it is: 2, from 3.14 on 1."""
    something = bytearray()
    return sys.getrefcount(something)


_ALONE = _alone()


def _block(size: int) -> bytearray:
    """A block of at least so many bytes, of whatever was in it."""
    with suppress(IndexError):
        if len(found := _blocks_at_rest.pop()) >= size:
            return found
    return bytearray(size)
