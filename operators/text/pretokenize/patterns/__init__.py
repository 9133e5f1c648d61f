r"""Patterns of one's own and of other people's files: read as Oniguruma reads them, and run so.

What a `Split` of a `tokenizer.json` means is defined by Oniguruma, as `tokenizers` has it. A pattern whose every element is
translated (`syntax.py`) runs here (`translated.py`); any other is run by `tokenizers` itself (`owner.py`); one that Oniguruma
refuses, or that needs `tokenizers` where it is not installed, is refused by the element. Both ways cut the same.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pairloom.operators.text.pretokenize.patterns.escapes import UntranslatedError
from pairloom.operators.text.pretokenize.patterns.owner import Owner
from pairloom.operators.text.pretokenize.patterns.translated import Translated

__all__ = ["cutter", "ends_of_pieces", "is_translated"]


@lru_cache(maxsize=8)
def cutter(pattern: str) -> Translated | Owner:
    """What runs a pattern; raises ValueError for one that cannot be run as Oniguruma does.

    >>> cutter("(?P<x>a)")
    Traceback (most recent call last):
    ...
    ValueError: pattern '(?P<x>a)' is not one for Oniguruma: undefined group option, at or after position 0, '(?P<x>a)'
    """
    try:
        return Translated(pattern)
    except UntranslatedError as error:
        where = f"position {error.position}, {error.element!r}"
        try:
            return Owner(pattern)
        except ImportError as missing:
            raise ValueError(
                f"pattern {pattern!r} needs the `tokenizers` library, because of {where}: pip install 'pairloom[hf]', "
                "or write that otherwise"
            ) from missing
        except ValueError as refused:
            raise ValueError(
                f"pattern {pattern!r} is not one for Oniguruma: {refused}, at or after {where}"
            ) from refused


def is_translated(pattern: str) -> bool:
    """Whether a pattern runs here, and not by `tokenizers`."""
    return isinstance(cutter(pattern), Translated)


def ends_of_pieces(data: bytes, pattern: str) -> npt.NDArray[np.int64]:
    r"""Where the pieces of a document end, in bytes: at each start and end of a match, and at the end.

    A byte that begins no valid sequence of UTF-8 is a character of its own, of no category.

    >>> ends_of_pieces("né 1".encode(), r" ?\p{L}+").tolist()
    [3, 5]
    """
    text = data.decode(errors="surrogateescape")
    cuts = np.append(cutter(pattern).cuts(text), len(text))
    cuts = cuts[np.diff(cuts, prepend=0) > 0]
    if len(text) == len(data):
        return cuts
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    widths = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    widths[(points >= 0xD800) & (points < 0xE000)] = 1
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)])
    return bounds[cuts]
