"""Freeze the tables of Unicode normalization, as the `tokenizers` library sees them.

    python infra/make_normal_forms.py          write operators/text/normalize/unicode9.bin
    python infra/make_normal_forms.py --check  exit 1 if the file differs from what would be written

Every scalar value is put to `tokenizers`, whose answers are those of Unicode 9.0: of the marks and compatibility characters that
later versions assigned, the first of which are U+1DF6 to U+1DF9 (10.0), it knows none, and of those of 9.0 (U+08D4 to U+08E1)
all. A class of combining is taken from Python's `unicodedata`, where `tokenizers` moves the mark at all: what is assigned keeps
its class and its decomposition for ever, so that a later version is the same with less left out.

The file is 16 bytes of magic (`pairloom normals`), 16 bytes naming the Unicode version, and a zlib stream of uint32, all
little-endian: how many entries there are; then of each the code point, its combining class, 1 if its canonical decomposition is
put together again, the lengths of its full canonical and its full compatibility decomposition (0 where it has none, or the second
is the first), and these. Hangul syllables are left out: their rule is arithmetic.
"""

import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np
from tokenizers import normalizers

VERSION = "9.0"
MAGIC = b"pairloom normals"
HANGUL = range(0xAC00, 0xAC00 + 11172)
TARGET = Path(__file__).parent.parent / "operators" / "text" / "normalize" / "unicode9.bin"


def entries() -> list[list[int]]:
    nfc, nfd, nfkd = normalizers.NFC(), normalizers.NFD(), normalizers.NFKD()
    found = []
    for point in range(0x110000):
        if 0xD800 <= point < 0xE000 or point in HANGUL:
            continue
        text = chr(point)
        canonical, compatible = nfd.normalize_str(text), nfkd.normalize_str(text)
        # A mark of a class above 1 and below 240 is moved by one of these two, and one of another by the other.
        moved = (
            nfd.normalize_str(f"a\u0345{text}") != f"a\u0345{canonical}"
            or nfd.normalize_str(f"a{text}\u0334") != f"a{canonical}\u0334"
        )
        ccc = unicodedata.combining(text) if moved and len(canonical) == 1 else 0
        if moved and canonical == text and not ccc:
            raise ValueError(
                f"U+{point:04X} is moved, and Python {unicodedata.unidata_version} has no class of it"
            )
        first = [] if canonical == text else list(map(ord, canonical))
        second = [] if compatible == canonical else list(map(ord, compatible))
        if ccc or first or second:
            again = bool(first) and nfc.normalize_str(text) == text
            found.append([point, ccc, int(again), len(first), len(second), *first, *second])
    return found


def build() -> bytes:
    found = entries()
    numbers = np.array([len(found), *(number for entry in found for number in entry)], "<u4")
    return MAGIC + VERSION.encode().ljust(16, b"\0") + zlib.compress(numbers.tobytes(), 9)


def opened(content: bytes) -> bytes:
    """The table of a file, not compressed."""
    head = len(MAGIC) + 16
    return content[:head] + zlib.decompress(content[head:])


if __name__ == "__main__":
    from shipped import write_or_check

    sys.exit(write_or_check(__doc__, TARGET, build, opened))
