"""Sets of code points by name, as Oniguruma has them at Unicode 16.0, shipped as data.

`properties.bin` (written by `infra/make_pattern_tables.py`, which describes its layout) holds the general category, the
script and the brackets of every code point. A set is bool[0x110000]. Surrogates, which stand for bytes that are not UTF-8,
are in no category and no script.
"""

import zlib
from functools import lru_cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError

__all__ = [
    "BITS",
    "CATEGORIES",
    "CODE_POINTS",
    "SCRIPTS",
    "Points",
    "bracket",
    "categories_of",
    "property_named",
    "script_numbers",
    "scripts_of",
]

CODE_POINTS = 0x110000
Points: TypeAlias = npt.NDArray[np.bool_]

_CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn"
CATEGORIES = tuple(_CATEGORIES.split())
_SCRIPTS = """Common Inherited Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati Oriya
    Tamil Telugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul Ethiopic Cherokee Canadian_Aboriginal
    Khmer Mongolian Hiragana Katakana Bopomofo Han Yi Tifinagh Nko"""
SCRIPTS = tuple(_SCRIPTS.split())
# The POSIX brackets, of which Oniguruma makes \w (word) and \s (space) too.
BITS = ("alpha", "digit", "alnum", "upper", "lower", "space", "punct", "word")


@lru_cache(maxsize=1)
def _planes() -> npt.NDArray[np.uint8]:
    packed = files("pairloom.operators.text.pretokenize.patterns").joinpath("properties.bin").read_bytes()
    try:
        return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(3, CODE_POINTS)
    except (zlib.error, ValueError) as error:
        raise CorruptionError(f"properties.bin is damaged ({error}): install pairloom again") from error


def property_named(name: str) -> Points | None:
    r"""What `\p{name}` stands for: a category, the first letter of some, or a script; None for any other name.

    >>> int(property_named("Nd").sum()), property_named("Script=Han")
    (760, None)
    """
    categories, scripts, _ = _planes()
    # Oniguruma does not look at case, and neither at blanks, hyphens and underscores
    wanted = name.lower()
    numbers = [i for i, known in enumerate(CATEGORIES, 1) if wanted in {known.lower(), known[0].lower()}]
    if numbers and wanted not in {"c", "cn", "co", "cs"}:
        return np.asarray(np.isin(categories, numbers))
    for i, known in enumerate(SCRIPTS, 1):
        if wanted == known.lower():
            return np.asarray(scripts == i)
    return None


def bracket(name: str) -> Points | None:
    """What `[:name:]` stands for; None for a name that is not in `BITS`.

    >>> bracket("space").nonzero()[0][:5].tolist()
    [9, 10, 11, 12, 13]
    """
    return None if name not in BITS else np.asarray(_planes()[2] >> BITS.index(name) & 1 == 1)


def script_numbers() -> npt.NDArray[np.uint8]:
    """The script of every code point, as its place in `SCRIPTS` from 1 on, 0 for none of these.

    >>> int(script_numbers()[ord("a")]) - 1 == SCRIPTS.index("Latin")
    True
    """
    return _planes()[1]


def scripts_of(points: npt.NDArray[np.uint32]) -> list[str | None]:
    """The scripts of code points, None for those that are in none of `SCRIPTS`.

    >>> scripts_of(np.array([ord("a"), ord("1")], np.uint32))
    ['Latin', 'Common']
    """
    return [(None, *SCRIPTS)[number] for number in _planes()[1][points].tolist()]


def categories_of(points: npt.NDArray[np.uint32]) -> list[str | None]:
    """The general categories of code points, None for surrogates.

    >>> categories_of(np.array([ord("a"), ord("1")], np.uint32))
    ['Ll', 'Nd']
    """
    return [(None, *CATEGORIES)[number] for number in _planes()[0][points].tolist()]
