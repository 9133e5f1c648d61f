"""`.model` files of SentencePiece, written by hand."""

import struct
from collections.abc import Sequence

__all__ = ["PLAIN", "bytes_pieces", "field", "piece_model"]

PLAIN = (("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3))


def piece_model(
    pieces: Sequence[tuple[str, float, int]],
    *,
    family: int = 2,
    byte_fallback: bool = False,
    suffix: bool = False,
    charsmap: bytes = b"",
    dummy: bool = True,
    remove: bool = True,
) -> bytes:
    """The file; pieces are (text, score, kind), and of the families 1 is unigram, 2 bpe."""
    parts = [
        field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + field(3, kind))
        for text, score, kind in pieces
    ]
    trainer = field(3, family) + field(24, int(suffix)) + field(35, int(byte_fallback))
    normalizer = field(2, charsmap) + field(3, int(dummy)) + field(4, int(remove))
    return b"".join([*parts, field(2, trainer), field(3, normalizer)])


def field(number: int, value: int | bytes) -> bytes:
    """A field of a message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def bytes_pieces() -> list[tuple[str, float, int]]:
    """The 256 pieces of bytes."""
    return [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
