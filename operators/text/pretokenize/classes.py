"""Character classes: what a letter, a number or a space is, at one Unicode version, shipped as data.

`unicode16.bin` (written by `infra/make_unicode_classes.py`, which describes its layout) numbers ten classes
of the Unicode Character Database. A scheme looks at coarser ones, so each `profile` maps them to one byte a
code point, whose bits are the constants below, in two levels: `blocks[block_of[point // 64], point % 64]`, some
60 KB that stay in a core's cache. For a UTF-8 sequence `point // 64` is what all its bytes but the last
spell, and `point % 64` is its last byte's low six bits.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError

__all__ = [
    "BLANK",
    "CJK",
    "DIGIT",
    "LETTER",
    "LOWER",
    "MARK",
    "NEWLINE",
    "PROFILES",
    "PUNCTUATION",
    "SPACE",
    "UNICODE_VERSION",
    "UPPER",
    "Classes",
    "category_numbers",
    "classes",
]

UNICODE_VERSION = "16.0"

# What a byte of `Classes.blocks` says. UPPER, LOWER and MARK belong to the profile "cased", PUNCTUATION and
# CJK to "segmented".
LETTER = 1  # continues a word
DIGIT = 2
SPACE = 4  # White_Space, newlines and U+0020 included
NEWLINE = 8  # \r or \n
BLANK = 16  # U+0020
UPPER = 32  # may stand in the first half of a cased word: Lu, Lt, Lm, Lo, M
LOWER = 64  # may stand in its second half: Ll, Lm, Lo, M
MARK = 128  # a combining mark, which is a letter inside a word and a symbol outside
PUNCTUATION = 32  # P or S
CJK = 64  # in the ideographs and kana that DeepSeek isolates, whatever else it is

_CODE_POINTS = 0x110000
_INDEX = _CODE_POINTS // 64
_OTHER, _LU, _LL, _LT, _LM, _LO, _M, _N, _P, _S, _SPACE = range(11)

# profile -> the class bits of each category; what has none is a symbol, as a byte that is not UTF-8
_WORDS = {_LU: LETTER, _LL: LETTER, _LT: LETTER, _LM: LETTER, _LO: LETTER, _N: DIGIT, _SPACE: SPACE}
PROFILES: dict[str, dict[int, int]] = {
    "words": _WORDS,
    "marked": _WORDS | {_M: LETTER},
    "cased": {
        _LU: LETTER | UPPER,
        _LT: LETTER | UPPER,
        _LL: LETTER | LOWER,
        _LM: LETTER | UPPER | LOWER,
        _LO: LETTER | UPPER | LOWER,
        _M: LETTER | UPPER | LOWER | MARK,
        _N: DIGIT,
        _SPACE: SPACE,
    },
    "segmented": _WORDS | {_M: LETTER, _P: PUNCTUATION, _S: PUNCTUATION},
    "spaces": {_SPACE: SPACE},
    "spaces_digits": {_SPACE: SPACE, _N: DIGIT},
    "digits": {_N: DIGIT},
}
_CJK_RANGES = ((0x4E00, 0x9FA5), (0x3040, 0x309F), (0x30A0, 0x30FF))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """A two-level table: `blocks[block_of[point // 64] * 64 + point % 64]` is the class byte of a code point.

    `block_of` is uint16[17408], `blocks` uint8, all read-only; the first 128 entries of `blocks` are ASCII.

    `bits` is uint64, the same by planes: word `24 + 8 * block + k` holds bit `k` of the class bytes of a
    block, a bit a code point. Word `lead - 0xE0` below 16 has a bit for each second byte after that first
    byte of three, set where all 64 third bytes make characters of the class byte in word 16, which is that of
    the ideographs.
    """

    block_of: npt.NDArray[np.uint16]
    blocks: npt.NDArray[np.uint8]
    bits: npt.NDArray[np.uint64]

    @property
    def addresses(self) -> tuple[int, int, int]:
        """Where the three arrays are, for the scanner; good for as long as this value is."""
        return self.block_of.ctypes.data, self.blocks.ctypes.data, self.bits.ctypes.data

    def expand(self) -> npt.NDArray[np.uint8]:
        """The class byte of every code point: uint8[0x110000]."""
        return self.blocks.reshape(-1, 64)[self.block_of].reshape(-1)


@lru_cache(maxsize=1)
def category_numbers() -> npt.NDArray[np.uint8]:
    """The number of every code point's category: uint8[0x110000].

    They are, from 0: other, Lu, Ll, Lt, Lm, Lo, M, N, P, S, White_Space. Raises CorruptionError if the table that
    was installed is not the one that this version expects.
    """
    raw = files("pairloom.operators.text.pretokenize").joinpath("unicode16.bin").read_bytes()
    version = raw[16:32].rstrip(b"\0").decode("ascii", "replace")
    count = int.from_bytes(raw[32:36], "little")
    size = 36 + 2 * _INDEX + 64 * count
    if raw[:16] != b"pairloom classes" or version != UNICODE_VERSION or len(raw) != size:
        raise CorruptionError(
            f"unicode16.bin holds {len(raw)} bytes of Unicode {version!r}, "
            f"expected {size} of {UNICODE_VERSION!r}: install pairloom again"
        )
    index = np.frombuffer(raw, "<u2", _INDEX, 36)
    blocks = np.frombuffer(raw, np.uint8, 64 * count, 36 + 2 * _INDEX)
    return blocks.reshape(-1, 64)[index].reshape(-1)


@lru_cache(maxsize=len(PROFILES))
def classes(profile: str) -> Classes:
    """The table of a profile, built once a process in a few milliseconds."""
    lookup = np.zeros(11, np.uint8)
    for category, bits in PROFILES[profile].items():
        lookup[category] = bits
    points = lookup[category_numbers()]
    if profile == "segmented":
        for low, high in _CJK_RANGES:
            points[low : high + 1] |= CJK
    if points[0x20] & SPACE:
        points[[0x0A, 0x0D]] |= NEWLINE
        points[0x20] |= BLANK
    distinct: dict[bytes, int] = {}
    ascii_first = [points[:64].tobytes(), points[64:128].tobytes()]
    rows = points.reshape(-1, 64)
    index = np.zeros(_INDEX, np.uint16)
    # The two ASCII blocks are stored apart, even when equal, so that a byte below 128 is its own position in
    # `blocks`.
    for i, row in enumerate(rows[2:], start=2):
        index[i] = distinct.setdefault(row.tobytes(), len(distinct) + 2)
    index[:2] = (0, 1)
    blocks = np.frombuffer(b"".join([*ascii_first, *distinct]), np.uint8)
    index.setflags(write=False)
    planes = _planes(index, blocks.reshape(-1, 64), points)
    planes.setflags(write=False)
    return Classes(block_of=index, blocks=blocks, bits=planes)


def _planes(
    index: npt.NDArray[np.uint16], rows: npt.NDArray[np.uint8], points: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint64]:
    """`Classes.bits`, from the index, the blocks as uint8[n, 64] and the class byte of every code point."""
    ideograph = points[0x4E00]
    plain = (rows == ideograph).all(axis=1)[index[:1024]]
    plain[: 0x800 // 64] = False  # overlong in three bytes
    plain[0xD800 // 64 : 0xE000 // 64] = False  # surrogates
    head = np.packbits(plain.reshape(16, 64), axis=1, bitorder="little").view("<u8").reshape(16)
    planes = [np.packbits(rows >> bit & 1, axis=1, bitorder="little").view("<u8") for bit in range(8)]
    pad = np.array([ideograph, 0, 0, 0, 0, 0, 0, 0], np.uint64)
    return np.concatenate([head, pad, np.concatenate(planes, axis=1).reshape(-1)]).astype(np.uint64)
