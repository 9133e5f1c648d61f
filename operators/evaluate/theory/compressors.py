"""What compressors make of text, as tokens of so many bits: beside tokenizers (Lester et al., 2024, arXiv:2404.03626)."""

import zlib

import numpy as np
import numpy.typing as npt

__all__ = ["static_ac_ratio", "zlib_ratio"]


def static_ac_ratio(data: bytes, frequencies: npt.NDArray[np.int64], bits: int = 8) -> float:
    """Bytes of text a token of `bits` bits of an arithmetic coder that knows how frequent bytes are (int64[256]).

    The length is that of the ideal code, which a coder reaches but for the last token. Raises ValueError where a byte of the
    text has no frequency.

    >>> static_ac_ratio(b"abab", np.bincount([97, 98], minlength=256))
    8.0
    """
    seen = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    if (frequencies[seen > 0] <= 0).any():
        raise ValueError("a byte of the text has no frequency, so that the coder has no code for it")
    share = frequencies[seen > 0] / frequencies.sum()
    length = float(-(seen[seen > 0] * np.log2(share)).sum())
    return len(data) * bits / length if length else float("inf")


def zlib_ratio(data: bytes, bits: int = 8, window: int = 10_240) -> float:
    """Bytes of text a token of `bits` bits, of text that zlib compresses `window` bytes at a time.

    >>> zlib_ratio(b"ab" * 5120) > 100
    True
    """
    packed = sum(len(zlib.compress(data[at : at + window])) for at in range(0, len(data), window))
    return len(data) * bits / (8 * packed) if packed else float("inf")
