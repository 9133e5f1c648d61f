"""What is to be known of characters where words end: Word_Break of Unicode Standard Annex #29, punctuation, cases.

`unicode17.bin` is written by `infra/make_word_breaks.py`, which describes its layout.
"""

import zlib
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError

__all__ = ["UNICODE_VERSION", "word_breaks"]

UNICODE_VERSION = "17.0"
_CODE_POINTS = 0x110000
_HEAD = 32


@lru_cache(maxsize=1)
def word_breaks() -> npt.NDArray[np.uint16]:
    """Of every code point the number of its Word_Break in the lowest five bits, and bits above: uint16[0x110000].

    The numbers and bits are named in `kernels/hat.py`. Raises CorruptionError if the table that was installed is not the one
    that this version expects.

    >>> [int(word_breaks()[ord(character)]) & 31 for character in "a_ "]
    [8, 12, 7]
    """
    raw = files("pairloom.operators.transforms").joinpath("unicode17.bin").read_bytes()
    version = raw[16:_HEAD].rstrip(b"\0").decode("ascii", "replace")
    if raw[:15] != b"pairloom breaks" or version != UNICODE_VERSION:
        raise CorruptionError(
            f"unicode17.bin is of Unicode {version!r}, not {UNICODE_VERSION!r}: install pairloom again"
        )
    body = zlib.decompress(raw[_HEAD:])
    runs = int.from_bytes(body[:4], "little")
    starts = np.frombuffer(body, "<u4", runs, 4).astype(np.int64)
    values = np.frombuffer(body, "<u2", runs, 4 + 4 * runs)
    return np.repeat(values.astype(np.uint16), np.diff(np.append(starts, _CODE_POINTS)))
