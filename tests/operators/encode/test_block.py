"""The loop over words, bound to the words of each family."""

from types import ModuleType
from typing import Any

from pairloom.operators.encode.kernels.batch import emit_by
from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.encode.warm import encode_words
from pairloom.operators.models.bpe.kernels import word as bpe
from pairloom.operators.models.character_bpe import kernels as character_bpe
from pairloom.operators.models.lzw import kernels as lzw
from pairloom.operators.models.unigram import kernels as unigram
from pairloom.operators.models.wordpiece import kernels as wordpiece
from pairloom.operators.models.wordpiece.tables import WordPieceTable

FAMILIES: tuple[ModuleType, ...] = (bpe, character_bpe, lzw, unigram, wordpiece)


def names(bound: Any) -> set[str]:
    """The names of a loop and of what it closes over that is made with it."""
    function = bound.py_func
    closed = [cell.cell_contents for cell in function.__closure__ or ()]
    made = [
        one.py_func for one in closed if hasattr(one, "py_func") and "block_by" in one.py_func.__qualname__
    ]
    return {one.__qualname__ for one in (function, *made)}


def test_no_two_families_have_symbols_of_one_name() -> None:
    """Compiled in two processes and loaded by a third, the one would run the other's code."""
    found = [names(block_by(family.encode_word)) for family in FAMILIES]
    assert all(len(one) == 3 for one in found)
    assert len(set().union(*found)) == 3 * len(FAMILIES)
    assert emit_by(True).py_func.__qualname__ != emit_by(False).py_func.__qualname__


def test_a_word_without_any_id_is_remembered_as_such() -> None:
    table = WordPieceTable.of([b"?", b"a"], unknown=0, prefix="##", longest=9)
    assert encode_words(table.kernel(), [" ", "a", " "]) == [[], [1], []]
