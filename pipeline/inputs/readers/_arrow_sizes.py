"""How many bytes the batches of an Arrow file or stream decode to, from its metadata, before any of them is decoded.

A compressed buffer begins with its size when decompressed, and a few bytes may stand for any size: Arrow's library asks for that
much memory at once. What a message says of its buffers is a table in the format of flatbuffers; all but these is skipped.
"""

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from pairloom.pipeline.inputs.slices import InputFile

__all__ = ["Block", "CheckedStream", "blocks_of", "check_block"]

_CONTINUES = b"\xff\xff\xff\xff"
_SIZE = 8  # of a number that says how long a buffer or a body is
_DICTIONARY, _BATCH = 2, 3
# Numbers of fields: of a message, of a dictionary, of a batch, of a footer.
_KIND, _HEADER, _BODY_LENGTH = 1, 2, 3
_DATA = 1
_BUFFERS, _COMPRESSION = 2, 3
_DICTIONARIES, _BATCHES = 2, 3
_BUFFER, _BLOCK = struct.Struct("<qq"), struct.Struct("<qi4xq")


class Block(NamedTuple):
    """Where a message is in a file: its first byte, the bytes of its metadata with what is before them, those of its body."""

    offset: int
    metadata: int
    body: int


class _Table:
    """A table of a flatbuffer; raises ValueError where it points out of it."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._number("<i", at)
        self._count = self._number("<H", self._fields) // 2 - 2

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        """The table that a flatbuffer is."""
        return cls(data, _number(data, "<I", 0))

    def number(self, field: int, form: str) -> int:
        """A number of the table; 0 where it is left out."""
        at = self._place(field)
        return 0 if at is None else self._number(form, at)

    def table(self, field: int) -> "_Table | None":
        """A table in the table."""
        at = self._place(field)
        return None if at is None else _Table(self._data, at + self._number("<I", at))

    def structs(self, field: int, of: struct.Struct) -> Iterator[tuple[int, ...]]:
        """The structs of a list in the table."""
        at = self._place(field)
        if at is None:
            return
        start = at + self._number("<I", at)
        count = self._number("<I", start)
        begin, end = start + 4, start + 4 + count * of.size
        if not 0 <= begin <= end <= len(self._data):
            raise ValueError("its metadata has a list that is longer than itself")
        yield from of.iter_unpack(self._data[begin:end])

    def _place(self, field: int) -> int | None:
        if field >= self._count:
            return None
        offset = self._number("<H", self._fields + 4 + 2 * field)
        return self._at + offset if offset else None

    def _number(self, form: str, at: int) -> int:
        return _number(self._data, form, at)


def _number(data: bytes, form: str, at: int) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise ValueError("its metadata points out of itself")
    return int(struct.unpack_from(form, data, at)[0])


def blocks_of(handle: BinaryIO, file: InputFile) -> tuple[list[Block], list[Block]]:
    """Where the dictionaries and the record batches of a file are, from its footer; raises ValueError where that is damaged."""
    behind = 10  # the footer's length, and the mark of the format
    handle.seek(file.size - behind)
    length = _number(handle.read(4), "<i", 0)
    if not 0 < length <= file.size - behind:
        raise ValueError(f"its footer has {length} bytes")
    handle.seek(file.size - behind - length)
    footer = _Table.root(handle.read(length))
    dictionaries, batches = (
        [Block(*b) for b in footer.structs(f, _BLOCK)] for f in (_DICTIONARIES, _BATCHES)
    )
    for block in (*dictionaries, *batches):
        if min(block) < 0 or block.offset + block.metadata + block.body > file.size:
            raise ValueError(f"its footer names bytes behind byte {file.size}")
    return dictionaries, batches


def check_block(handle: BinaryIO, file: InputFile, block: Block) -> None:
    """Raise DataError where the batch at a place in a file decodes to more than its stored bytes may stand for."""
    handle.seek(block.offset)
    head = handle.read(block.metadata)

    def sizes(offset: int) -> bytes:
        handle.seek(block.offset + block.metadata + offset)
        return handle.read(_SIZE)

    metadata = head[8:] if head[:4] == _CONTINUES else head[4:]
    _check(file, _Table.root(metadata), block.body, sizes)


def _check(file: InputFile, message: _Table, body: int, sizes: Any) -> None:
    """Raise DataError where the buffers of a message hold too much, ValueError where they are not in its body."""
    kind, header = message.number(_KIND, "<B"), message.table(_HEADER)
    if header is not None and kind == _DICTIONARY:
        header = header.table(_DATA)
    if header is None or kind not in (_DICTIONARY, _BATCH) or header.table(_COMPRESSION) is None:
        return
    held = 0
    for offset, length in header.structs(_BUFFERS, _BUFFER):
        if length == 0:
            continue
        if offset < 0 or length < _SIZE or offset + length > body:
            raise ValueError(f"a buffer of {length} bytes at byte {offset} is not in its batch of {body}")
        size = _number(sizes(offset), "<q", 0)
        held += length if size < 0 else size  # -1: as it is
        file.check_expansion(held, body)


class CheckedStream(io.RawIOBase):
    """The bytes of an Arrow stream, message by message, each checked before any of it is given."""

    def __init__(self, handle: BinaryIO, file: InputFile) -> None:
        super().__init__()
        self._handle, self._file = handle, file
        self._parts: list[memoryview] = []
        self._given = self._taken = 0
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were given."""
        return self._given

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes of the message that is being read, at most `size`; a part that is asked for whole, as a body is, is not copied."""
        if size is None or size < 0:
            return self.readall()
        if not self._parts and not self._ended:
            self._parts = [memoryview(part) for part in self._next() if part]
        most, taken = size, list[memoryview]()
        while self._parts and most:
            part = self._parts.pop(0)
            if len(part) > most:
                self._parts.insert(0, part[most:])
                part = part[:most]
            taken.append(part)
            most -= len(part)
        self._given += sum(map(len, taken))
        if len(taken) == 1 and isinstance(whole := taken[0].obj, bytes) and len(whole) == len(taken[0]):
            return whole
        return b"".join(taken)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the message goes that is being read."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next(self) -> tuple[bytes, ...]:
        """The next message, with what is before it, in parts; or the mark of the end."""
        head = self._read(8)
        if head[:4] != _CONTINUES:  # as before version 0.15: no mark before the length
            length, behind = head[:4], head[4:]
            head = length
        else:
            length, behind = head[4:], b""
        size = int.from_bytes(length, "little", signed=True)
        if size <= 0:
            self._ended = True
            return head, behind
        metadata = behind + self._read(size - len(behind))
        message = _Table.root(metadata)
        body = self._read(message.number(_BODY_LENGTH, "<q"))
        _check(self._file, message, len(body), lambda offset: body[offset : offset + _SIZE])
        return head, metadata, body

    def _read(self, size: int) -> bytes:
        if not 0 <= size <= self._file.size - self._taken:
            raise ValueError(f"it says that {size} bytes follow byte {self._taken}")
        data = self._handle.read(size)
        if len(data) != size:
            raise ValueError(f"it ends within a message, {size - len(data)} bytes early")
        self._taken += size
        return data
