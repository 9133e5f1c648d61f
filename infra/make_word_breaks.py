"""Freeze what is to be known of characters where words end by Unicode Standard Annex #29, as the `regex` library sees them.

    python infra/make_word_breaks.py          write operators/transforms/unicode17.bin
    python infra/make_word_breaks.py --check  exit 1 if the file differs from what would be written

The file is 16 bytes of magic (`pairloom breaks`), 16 bytes naming the Unicode version, and a zlib stream, all little-endian: the
number of runs of code points that are alike as uint32, the first code point of each as uint32, and the value of each as uint16:
the place of its Word_Break in `BREAKS` of the kernel's twin, from 1 on, and the bits of `BITS`, from 32 on.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
import regex

from pairloom.operators.reference.transforms.hat import BREAKS

VERSION = "17.0"
MAGIC = b"pairloom breaks".ljust(16, b"\0")
CODE_POINTS = 0x110000
BITS = (r"\p{Extended_Pictographic}", r"\p{P}", r"\p{Ll}", r"\p{Lu}", r"\p{White_Space}")
TARGET = Path(__file__).parent.parent / "operators" / "transforms" / "unicode17.bin"


def members(pattern: str) -> np.ndarray:
    """Which code points a pattern of one character matches: bool[0x110000]."""
    points = [point for point in range(CODE_POINTS) if not 0xD800 <= point < 0xE000]
    text = "".join(map(chr, points))
    out = np.zeros(CODE_POINTS, bool)
    for found in regex.finditer(f"{pattern}+", text):
        out[points[found.start()] : points[found.end() - 1] + 1] = True
    out[0xD800:0xE000] = False
    return out


def build() -> bytes:
    values = np.zeros(CODE_POINTS, np.uint16)
    for number, name in enumerate(BREAKS[1:], start=1):
        found = members(rf"\p{{Word_Break={name}}}")
        if values[found].any():
            raise ValueError(f"a code point of {name} has another Word_Break too")
        values[found] = number
    for bit, pattern in enumerate(BITS, start=5):
        values[members(pattern)] |= 1 << bit
    starts = np.flatnonzero(np.diff(values.astype(np.int64), prepend=-1))
    head = np.array([len(starts)], "<u4").tobytes()
    runs = starts.astype("<u4").tobytes() + values[starts].astype("<u2").tobytes()
    return MAGIC + VERSION.encode().ljust(16, b"\0") + zlib.compress(head + runs, 9)


def opened(content: bytes) -> bytes:
    """The table of a file, not compressed."""
    head = len(MAGIC) + 16
    return content[:head] + zlib.decompress(content[head:])


if __name__ == "__main__":
    from shipped import write_or_check

    sys.exit(write_or_check(__doc__, TARGET, build, opened))
