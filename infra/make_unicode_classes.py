"""Freeze the character classes that pretokenizers need, as the `tokenizers` library sees them.

    python infra/make_unicode_classes.py          write operators/text/pretokenize/unicode16.bin
    python infra/make_unicode_classes.py --check  exit 1 if the file differs from what would be written

Every scalar value is put to `tokenizers` (Oniguruma, Unicode 16.0), because its answers, not those of the
Unicode Character Database of the day, decide where published tokenizers cut; tiktoken 0.14 gives the same
answers.

The file is a header, an index and blocks, all little-endian: 16 bytes of magic (`pairloom classes`), 16 bytes
naming the Unicode version, uint32 number of blocks, 17,408 uint16 (which block holds code points 64 i to 64 i
+ 63), then 64 bytes a block, one class a code point as numbered by `CLASSES`.
"""

import sys
from pathlib import Path

import numpy as np
from tokenizers import Regex, pre_tokenizers

# The order numbers the classes; 0 is everything else (control, format, private, surrogate, unassigned).
CLASSES = (
    r"\p{Lu}",
    r"\p{Ll}",
    r"\p{Lt}",
    r"\p{Lm}",
    r"\p{Lo}",
    r"\p{M}",
    r"\p{N}",
    r"\p{P}",
    r"\p{S}",
    r"\s",
)
VERSION = "16.0"
MAGIC = b"pairloom classes"
CODE_POINTS = 0x110000
TARGET = Path(__file__).parent.parent / "operators" / "text" / "pretokenize" / "unicode16.bin"


def members(pattern: str) -> np.ndarray:
    """Which code points a one-character pattern matches: bool[0x110000]."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    out = np.zeros(CODE_POINTS, bool)
    for low in range(0, CODE_POINTS, 4096):
        points = [p for p in range(low, low + 4096) if not 0xD800 <= p < 0xE000]
        if not points:
            continue
        matched = np.ones(len(points), bool)
        for _, (start, stop) in split.pre_tokenize_str("".join(map(chr, points))):
            matched[start:stop] = False
        out[points] = matched
    return out


def build() -> bytes:
    classes = np.zeros(CODE_POINTS, np.uint8)
    for number, pattern in enumerate(CLASSES, start=1):
        found = members(pattern)
        if classes[found].any():
            raise ValueError(
                f"{pattern} overlaps an earlier class at U+{np.flatnonzero(found & (classes > 0))[0]:04X}"
            )
        classes[found] = number
    if not (members(r"\p{L}") == ((classes >= 1) & (classes <= 5))).all():
        raise ValueError(r"\p{L} is not the union of its five parts")
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(block.tobytes(), len(blocks)) for block in classes.reshape(-1, 64)]
    header = MAGIC + VERSION.encode().ljust(16, b"\0") + np.array(len(blocks), "<u4").tobytes()
    return header + np.array(index, "<u2").tobytes() + b"".join(blocks)


if __name__ == "__main__":
    from shipped import write_or_check

    sys.exit(write_or_check(__doc__, TARGET, build))
