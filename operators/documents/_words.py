r"""Words of a text with the white space before them, and the text without some of them.

Words are what stands between white space (`\s` of Python).
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, hash_bytes, mixed
from pairloom.operators.text.pretokenize.patterns.properties import property_named

__all__ = ["draws", "plain", "punctuation", "rejoined", "words_in"]

_WORD = re.compile(r"(\s*)(\S+)")


def words_in(text: str) -> list[tuple[str, str]]:
    r"""The words, each behind the white space before it.

    >>> words_in(" a\nb ")
    [(' ', 'a'), ('\n', 'b')]
    """
    return [(found[1], found[2]) for found in _WORD.finditer(text)]


def rejoined(words: Sequence[tuple[str, str]], keep: Sequence[bool] | npt.NDArray[np.bool_]) -> str:
    r"""A text of the words that are kept. Where some are left out between two, the white space with most newlines stays.

    >>> rejoined(words_in("a b\nc d"), [True, False, False, True])
    'a\nd'
    """
    out: list[str] = []
    gap = ""
    for (space, word), kept in zip(words, keep, strict=True):
        if not gap or space.count("\n") > gap.count("\n"):
            gap = space
        if kept:
            out += [gap, word] if out else [word]
            gap = ""
    return "".join(out)


@lru_cache(maxsize=1)
def punctuation() -> dict[int, None]:
    """For `str.translate`: takes out what is punctuation in Unicode 16."""
    return dict.fromkeys(np.flatnonzero(np.asarray(property_named("P"))).tolist())


@lru_cache(maxsize=1 << 16)
def plain(word: str) -> str:
    """A word in small letters without punctuation around it, as lists of words have it.

    >>> plain("(Peat-Moor)."), plain("!?")
    ('peat-moor', '')
    """
    return (word if word.isalnum() else word.strip(_marks())).lower()


@lru_cache(maxsize=1)
def _marks() -> str:
    return "".join(map(chr, punctuation()))


def draws(seed: int, name: str, text: str, count: int) -> npt.NDArray[np.uint64]:
    """Uniform numbers of 64 bits, a function of a seed, of a step's name and of the text alone: of no file, place or batch."""
    key = hash_bytes(text.encode(), hash_bytes(name.encode(), seed))
    with np.errstate(over="ignore"):
        return mixed(np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * GOLDEN)
