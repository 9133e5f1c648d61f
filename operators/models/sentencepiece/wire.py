"""Protocol buffers on the wire: the fields of a message, one after another."""

import struct
from collections.abc import Iterator
from typing import TypeAlias

from pairloom.operators.errors import DataError

__all__ = ["Field", "field", "fields", "signed"]

Field: TypeAlias = tuple[int, int | float | bytes, int]
"""The number of a field, its value, and the byte of the file at which it begins."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def fields(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Field]:
    r"""The fields of the message from byte `at` to `end` of a file; raises DataError where it is cut or no message.

    Integers are as they are on the wire, numbers of four bytes are floats, and strings and messages are bytes.

    >>> [(number, value) for number, value, _ in fields(b"\n\x02hi\x10\x05")]
    [(1, b'hi'), (2, 5)]
    """
    stop = len(data) if end is None else end
    while at < stop:
        begin = at
        tag, at = _varint(data, at, stop)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise DataError(f"byte {begin}: a field has the number 0")
        if kind == _VARINT:
            value, at = _varint(data, at, stop)
            yield number, value, begin
            continue
        if kind == _BYTES:
            size, at = _varint(data, at, stop)
        elif kind in (_FOUR, _EIGHT):
            size = 4 if kind == _FOUR else 8
        else:
            raise DataError(f"byte {begin}: field {number} is of kind {kind}, which there is not")
        if size > stop - at:
            raise DataError(f"byte {begin}: field {number} has {size} bytes, and {stop - at} are left")
        part = data[at : at + size]
        at += size
        yield number, (struct.unpack("<f", part)[0] if kind == _FOUR else part), begin


def signed(value: int | float | bytes) -> int:
    """An integer of 32 bits of the wire, with its sign."""
    number = int(value) & 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number


def field(number: int, value: int | float | bytes) -> bytes:
    r"""A field of a message as it is on the wire, the contrary of `fields`: integers may be negative, floats have four bytes.

    >>> field(1, b"hi") + field(2, 5), len(field(3, -1)), field(4, 1.0)
    (b'\n\x02hi\x10\x05', 11, b'%\x00\x00\x80?')
    """
    if isinstance(value, bytes):
        return _written(number << 3 | _BYTES) + _written(len(value)) + value
    if isinstance(value, float):
        return _written(number << 3 | _FOUR) + struct.pack("<f", value)
    return _written(number << 3 | _VARINT) + _written(int(value) & (1 << 64) - 1)


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _varint(data: bytes, at: int, stop: int) -> tuple[int, int]:
    value = 0
    for i in range(10):
        if at + i >= stop:
            raise DataError(f"byte {at}: an integer is cut")
        byte = data[at + i]
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value, at + i + 1
    raise DataError(f"byte {at}: an integer has more than 10 bytes")
