"""A lexicon and its merges laid out in arrays, for the kernel that encodes words.

Characters that the lexicon knows have numbers from 1 on. `letters` has a row of eight uint32 for each: what it is, its small
letter, its capital, its bytes in UTF-8 and how many; `members` a bit for each set of letters that a condition asks for. Lines are
numbered as items are, and forms one after another; `conditions` says where those of each form begin in `tests`, of which each is
what is looked at (2 bits), whether it has to be one of the letters (1 bit), and the set.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.roots.kernels import (
    CAPITAL_LETTER,
    HAS_CAPITAL,
    INSIDE,
    JOINER,
    LETTER_BYTES,
    PART_BYTES,
    TEXT_BYTES,
    TEXT_ROOM,
    VOWEL,
    encode_block,
)
from pairloom.operators.models.roots.lexicon import Form, RootLexicon
from pairloom.operators.models.roots.model import merged_tokens
from pairloom.operators.models.roots.spelling import MARKS
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["FormTables"]

_KEYS = {"vowel": 0, "after": 1, "before": 2}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FormTables:
    """What the kernel reads: `arrays` in its order, the numbers between and behind them, and how the merges encode a text."""

    arrays: tuple[npt.NDArray[np.uint32] | npt.NDArray[np.uint64], ...]
    words: int
    start: int
    lines: int
    grown: int
    ids_a_byte: int
    merges: WordKernel

    @classmethod
    def of(cls, lexicon: RootLexicon, merges: npt.NDArray[np.int32], start: int) -> "FormTables":
        """The tables of a lexicon whose marks begin at the id `start`; ids of `merges` begin at 0, with the bytes."""
        model = ByteLevelBPE(merges=merges)
        fallback = Vocabulary(tokens=merged_tokens(merges), model=model)
        forms = [lexicon.forms(line) for line in lexicon.lines]
        every = [form for one in forms for form in one]
        numbers = _numbers(lexicon, every)
        sets = {
            one: i for i, one in enumerate(dict.fromkeys(test[1] for form in every for test in form.tests))
        }
        words = -(-len(sets) // 64) or 1
        letters = _letters(lexicon, numbers)
        sizes = [len(character.encode(errors="surrogatepass")) for character in numbers]
        small = [sizes[low - 1] for low in letters[1:, 1].tolist()]
        roots = len(lexicon.roots)
        surfaces = [
            {form.text: i + first for i, one in enumerate(part) for form in one}
            for first, part in ((0, forms[:roots]), (roots, forms[roots:]))
        ]
        tries: list[npt.NDArray[np.uint64]] = []
        found = 0
        for part in surfaces:
            texts = TokenTable.of([text.encode(errors="surrogatepass") for text in part])
            tries.append(build_trie(texts, np.arange(found, found + len(part), dtype=np.int64)))
            found += len(part)
        tests = [
            _KEYS[key] | wanted << 2 | sets[one] << 3 for form in every for key, one, wanted in form.tests
        ]
        arrays: tuple[npt.NDArray[np.uint32] | npt.NDArray[np.uint64], ...] = (
            _code_points(numbers),
            letters,
            _members(numbers, list(sets), words),
            *tries,
            _array([x for part in surfaces for text, line in part.items() for x in (line, len(text))]),
            _edges(len(one) for one in forms),
            _edges(len(form.text) for form in every),
            _edges(len(form.tests) for form in every),
            _array(tests),
            _array([numbers[one[-1].text[0]] for one in forms]),
            _array([numbers[letter] for form in every for letter in form.text]),
        )
        return cls(
            arrays=arrays,
            words=words,
            start=start,
            lines=len(forms),
            grown=max((-(-b // a) for a, b in zip(sizes, small, strict=True)), default=1),
            ids_a_byte=max((-(-(1 + max(a, b)) // a) for a, b in zip(sizes, small, strict=True)), default=2),
            merges=model.compiled(fallback).kernel(cut=False),
        )

    def kernel(self) -> WordKernel:
        """How a word is encoded."""
        at = [array.ctypes.data for array in self.arrays]
        before = -(-PART_BYTES // 8) * 8 + self.merges.before
        lexical = self.start + len(MARKS)
        own = (*at[:6], self.words, *at[6:], self.start, lexical, lexical + self.lines, before, self.grown)
        each = (TEXT_BYTES + 1) * self.grown + 4 * self.ids_a_byte
        return WordKernel(
            block=encode_block,
            tables=(*own, *self.merges.tables),
            held=self,
            scratch_bytes=lambda length: TEXT_ROOM + each * length + 64,
            before=before,
            ids_a_byte=self.ids_a_byte,
        )


def _numbers(lexicon: RootLexicon, forms: list[Form]) -> dict[str, int]:
    """The characters that are letters, joiners, capitals, small, or in a form, with their numbers."""
    known = {*lexicon.letters, *lexicon.joiners, *(letter for pair in lexicon.case for letter in pair)}
    known.update(letter for form in forms for letter in form.text)
    return {letter: i for i, letter in enumerate(sorted(known), 1)}


def _letters(lexicon: RootLexicon, numbers: dict[str, int]) -> npt.NDArray[np.uint32]:
    lower = dict(lexicon.case)
    upper = {small: capital for capital, small in lexicon.case}
    vowels, joiners = dict(lexicon.classes).get("vowel", ""), lexicon.joiners
    inside = {*lexicon.letters, *joiners}
    rows = np.zeros((len(numbers) + 1, LETTER_BYTES // 4), np.uint32)
    for letter, i in numbers.items():
        spelled = letter.encode(errors="surrogatepass")
        rows[i, :5] = (
            (letter in inside) * INSIDE
            | (letter in joiners) * JOINER
            | (letter in vowels) * VOWEL
            | (letter in lower) * CAPITAL_LETTER
            | (letter in upper) * HAS_CAPITAL,
            numbers[lower.get(letter, letter)],
            numbers[upper.get(letter, letter)],
            int.from_bytes(spelled, "little"),
            len(spelled),
        )
    return rows


def _members(numbers: dict[str, int], sets: list[frozenset[str]], words: int) -> npt.NDArray[np.uint64]:
    found = np.zeros((len(numbers) + 1, words), np.uint64)
    for i, one in enumerate(sets):
        for letter in one & numbers.keys():
            found[numbers[letter], i >> 6] |= np.uint64(1 << (i & 63))
    return found


def _code_points(numbers: dict[str, int]) -> npt.NDArray[np.uint32]:
    found = np.zeros(0x110000, np.uint32)
    for letter, i in numbers.items():
        found[ord(letter)] = i
    return found


def _array(values: list[int]) -> npt.NDArray[np.uint32]:
    return np.array(values or [0], np.uint32)


def _edges(counts: Iterable[int]) -> npt.NDArray[np.uint32]:
    return np.cumsum([0, *counts]).astype(np.uint32)
