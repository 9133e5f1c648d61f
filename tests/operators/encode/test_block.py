"""The loop over words, bound to the words of each family."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary
from pairloom.operators.encode import Tokenizer
from pairloom.operators.encode.kernels.batch import emit_by
from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.encode.kernels.state import WIDTH
from pairloom.operators.encode.warm import encode_words
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.models.bpe.kernels import word as bpe
from pairloom.operators.models.character_bpe import kernels as character_bpe
from pairloom.operators.models.lzw import kernels as lzw
from pairloom.operators.models.unigram.kernels.block import encode_part
from pairloom.operators.models.wordpiece import kernels as wordpiece
from pairloom.operators.models.wordpiece.tables import WordPieceTable
from pairloom.operators.text.arrays import text_of

LOOPS = [
    *(block_by(family.encode_word) for family in (bpe, character_bpe, lzw, wordpiece)),
    block_by(encode_part, carries=True),
]


def names(bound: Any) -> set[str]:
    """The names of a loop and of all that is made with it, in what it closes over."""
    function = bound.py_func
    closed = [cell.cell_contents for cell in function.__closure__ or ()]
    made = [one for one in closed if hasattr(one, "py_func") and "block_by" in one.py_func.__qualname__]
    return {function.__qualname__}.union(*map(names, made))


def test_no_two_families_have_symbols_of_one_name() -> None:
    """Compiled in two processes and loaded by a third, the one would run the other's code."""
    found = [names(loop) for loop in LOOPS]
    assert [len(one) for one in found] == [4, 4, 4, 4, 3]
    assert len(set().union(*found)) == 4 * 4 + 3
    assert emit_by(True).py_func.__qualname__ != emit_by(False).py_func.__qualname__


def test_a_word_without_any_id_is_remembered_as_such() -> None:
    table = WordPieceTable.of([b"?", b"a"], unknown=0, prefix="##", longest=9)
    assert encode_words(table.kernel(), [" ", "a", " "]) == [[], [1], []]


@pytest.mark.parametrize("width", [np.uint16, np.uint32])
def test_long_words_are_remembered_with_any_number_of_ids(width: type) -> None:
    """Those whose ids stand in the entry and those whose ids are spilled, found in the batch that they come first in and later."""
    tokens = [bytes([byte]) for byte in range(256)] + [b"a" * (1 << power) for power in range(1, 5)]
    merges = [[97 if power == 0 else 255 + power] * 2 for power in range(4)]
    vocabulary = Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=np.array(merges, np.int32)),
        pretokenizer=Pretokenizer(scheme="gpt2"),
    )
    words = ["a" * 16 * some + "b" * others for some in range(1, 9) for others in (0, 1, 7)]
    expected = [[259] * some + [98] * others for some in range(1, 9) for others in (0, 1, 7)]
    encoder = Tokenizer(vocabulary).tables.encoder(memo=None, table_bytes=1 << 20)
    encoder._dtype = np.dtype(width)
    encoder._state[WIDTH] = encoder._dtype.itemsize // 2
    nothing = np.zeros(0, np.uint32)
    for _ in range(2):
        ids, lists = encoder.encode(text_of(pa.array(20 * words)), prepend=nothing, append=nothing)
        found = [ids[low:high].tolist() for low, high in itertools.pairwise(lists)]
        assert found == 20 * expected
    assert encoder.statistics["misses"] == 0
    assert encoder.statistics["entries"] == len(words)
