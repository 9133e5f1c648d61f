"""Freeze the properties that patterns may name, as the `tokenizers` library sees them.

    python infra/make_pattern_tables.py          write operators/text/pretokenize/patterns/properties.bin
    python infra/make_pattern_tables.py --check  exit 1 if the file differs from what would be written

Every scalar value is put to `tokenizers` (Oniguruma, Unicode 16.0), as `make_unicode_classes.py` does.

The file is zlib over three planes of 0x110000 bytes, a byte a code point: the number of its general category, from
`CATEGORIES`, that of its script, from `SCRIPTS`, counted from 1, and bits for `BITS`, the first being the lowest. What
Oniguruma cannot be asked about, surrogates, is 0.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
from make_unicode_classes import CODE_POINTS, members

from pairloom.operators.text.pretokenize.patterns.properties import BITS, CATEGORIES, SCRIPTS

TARGET = Path(__file__).parent.parent / "operators" / "text" / "pretokenize" / "patterns" / "properties.bin"


def numbered(names: tuple[str, ...]) -> np.ndarray:
    plane = np.zeros(CODE_POINTS, np.uint8)
    for number, name in enumerate(names, start=1):
        found = members(rf"\p{{{name}}}")
        if plane[found].any():
            raise ValueError(f"{name} overlaps another at U+{np.flatnonzero(found & (plane > 0))[0]:04X}")
        plane[found] = number
    return plane


def build() -> bytes:
    bits = np.zeros(CODE_POINTS, np.uint8)
    for place, name in enumerate(BITS):
        bits |= members(f"[[:{name}:]]").astype(np.uint8) << place
    planes = np.stack([numbered(CATEGORIES), numbered(SCRIPTS), bits])
    return zlib.compress(planes.tobytes(), 9)


if __name__ == "__main__":
    from shipped import write_or_check

    sys.exit(write_or_check(__doc__, TARGET, build, zlib.decompress))
