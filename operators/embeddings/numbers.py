"""How a vocabulary cuts numbers: rows that follow another way of cutting them are the main failure of arithmetic."""

import numpy as np
import pyarrow as pa

from pairloom.operators.evaluate.numbers import KINDS, count_numbers, tally_numbers
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["numbers_cut"]

_NUMBERS = 200  # of each length
_LENGTHS = (4, 5, 7, 8, 10, 11)  # in threes, the two directions cut these otherwise


def numbers_cut(vocabulary: Vocabulary) -> str:
    """The way in which most of some numbers are cut: in single digits, in threes from the left or the right, whole, otherwise.

    >>> from pairloom.operators import Pretokenizer, count_words, learn_bpe
    >>> numbers_cut(learn_bpe(count_words(pa.array(["none"]), Pretokenizer()), 256))
    'single'
    """
    draws = np.random.default_rng(0)
    numbers = [
        str(one)
        for length in _LENGTHS
        for one in draws.integers(10 ** (length - 1), 10**length, _NUMBERS).tolist()
    ]
    sums = tally_numbers(vocabulary, count_numbers(pa.array(numbers)))
    return KINDS[int(np.argmax(sums[4:]))]
