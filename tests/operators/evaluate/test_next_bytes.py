"""Covers of texts, next bytes and pairs that never occur, against sums over everything that there is."""

import itertools
import random
from collections.abc import Iterator, Sequence
from functools import cache
from math import isclose

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.next_bytes import Covers
from pairloom.operators.ngram import NgramModel, counted

TEXT = "banana band and a bandana, nab a ban\n\nand  abba" * 3


@cache
def toy() -> Covers:
    """Tokens of bytes and of merges over four letters and a space, as ids of a whole vocabulary."""
    words = count_words(pa.array([TEXT]), Pretokenizer())
    return Covers.of(learn_bpe(words, 256 + 12, pretokenizer=Pretokenizer()))


def few(covers: Covers) -> list[int]:
    """Tokens of a small alphabet."""
    return [k for k in covers.ids if set(covers.tokens[k]) <= set(b"abn ")]


class Markov:
    """A model over some ids that looks at the last one; the others have no probability."""

    def __init__(self, covers: Covers, *, only_valid: bool) -> None:
        ids, rng = few(covers), np.random.default_rng(0)
        size = len(covers.vocabulary)
        self.first = np.zeros(size)
        self.first[ids] = rng.random(len(ids))
        self.first /= self.first.sum()
        self.after = np.zeros((size, size))
        for a in ids:
            for b in ids:
                if not only_valid or covers.valid([a, b]):
                    self.after[a, b] = rng.random()
            self.after[a] /= self.after[a].sum()

    def __call__(self, history: Sequence[int]) -> npt.NDArray[np.float64]:
        return self.after[history[-1]] if history else self.first

    def of(self, ids: Sequence[int]) -> float:
        return float(np.prod([self(ids[:k])[ids[k]] for k in range(len(ids))]))


def spellings(covers: Covers, text: bytes, ids: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Every sequence of the few tokens that spells a text, or goes beyond it with its last token alone."""
    if not text:
        yield ids
        return
    for k in few(covers):
        token = covers.tokens[k]
        if text.startswith(token) or token.startswith(text):
            yield from spellings(covers, text[len(token) :], (*ids, k))


@pytest.mark.parametrize("text", ["a", "ban", "banan", "an ba", "naba", "a  b", "nnnb"])
def test_covers_are_all_valid_spellings_and_their_sum_is_the_marginal(text: str) -> None:
    """(C25) Against brute force, to 1e-12; and the probabilities of next bytes add up to 1."""
    covers = toy()
    alphabet = set(few(covers))
    wanted = {ids for ids in spellings(covers, text.encode()) if covers.valid(ids)}
    found = [one for one in covers.cover(text) if set(one.ids) <= alphabet]
    assert {one.ids for one in found} == wanted
    assert len(found) == len(wanted)
    for one in found:
        assert b"".join(covers.tokens[k] for k in one.ids) == text.encode() + one.beyond
    model = Markov(covers, only_valid=True)
    marginal = sum(model.of(ids) for ids in spellings(covers, text.encode()))
    after, whole = covers.next_bytes(text, model)
    assert isclose(whole, marginal, abs_tol=1e-12)
    assert isclose(after.sum(), 1, abs_tol=1e-12)
    assert isclose(covers.probability_of_all(text.encode(), model, 2), marginal, abs_tol=1e-12)
    for byte in b"abn ":
        more = sum(model.of(ids) for ids in spellings(covers, text.encode() + bytes([byte])))
        assert isclose(after[byte], more / marginal if marginal else 0, abs_tol=1e-12)


def test_over_all_spellings_bytes_add_up_also_where_a_model_likes_invalid_ones() -> None:
    covers, model = toy(), Markov(toy(), only_valid=False)
    for text in (b"a", b"ba", b"nab"):
        whole = covers.probability_of_all(text, model, 2)
        assert isclose(whole, sum(model.of(ids) for ids in spellings(covers, text)), abs_tol=1e-12)
        parts = sum(covers.probability_of_all(text + bytes([byte]), model, 2) for byte in range(256))
        assert isclose(parts, whole, abs_tol=1e-12)


def test_a_model_of_ngrams_says_what_byte_comes_next() -> None:
    covers = toy()
    ids = covers.vocabulary.encode(pa.array([TEXT, "ban and band"])).to_pylist()
    model = NgramModel.of(counted(ids, 3), len(covers.vocabulary))
    for text in ("", "ban", "banana ba", "and", "x", "日"):
        after, whole = covers.next_bytes(text, model.distribution)
        assert isclose(after.sum(), 1, abs_tol=1e-12)
        assert 0 < whole <= 1
    assert chr(int(covers.next_bytes("banana b", model.distribution)[0].argmax())) == "a"


def test_characters_are_covered_in_parts_and_long_texts_by_their_ends() -> None:
    covers = toy()
    (only,) = [one for one in covers.cover("a日") if not one.beyond]
    assert covers.valid(only.ids)
    assert b"".join(covers.tokens[k] for k in only.ids) == "a日".encode()
    assert covers.valid([covers.vocabulary.token_to_id("日".encode()[:1])])
    long = " ".join(random.Random(0).choices(["banana", "band", "and", "abba,", "\n\n"], k=120)) + " ba"
    cut = covers.cover(long)
    whole = Covers.of(covers.vocabulary)
    ends = sorted(one.beyond for one in whole.cover(long[-40:]))
    assert sorted(one.beyond for one in cut) == ends
    for one in cut:
        assert covers.valid(one.ids)


def test_pairs_that_never_occur_are_in_no_text_and_all_others_are_in_some() -> None:
    """(C25)"""
    covers = toy()
    ids = few(covers)
    seen: set[tuple[int, int]] = set()
    texts = ["".join(letters) for n in range(1, 7) for letters in itertools.product("abn ", repeat=n)]
    for row in covers.vocabulary.encode(pa.array(texts)).to_pylist():
        seen.update(itertools.pairwise(row))
    some = 0
    for first in ids[:12]:
        never = set(covers.never_after(first))
        some += len(never & set(ids))
        for second in ids:
            if second in never:
                assert (first, second) not in seen
            elif len(covers.tokens[first] + covers.tokens[second]) <= 4:
                assert (first, second) in seen
    assert some
    assert covers.vocabulary.token_to_id(b"a") in covers.never_after(
        covers.vocabulary.token_to_id("日".encode()[:1])
    )


def test_another_family_is_refused() -> None:
    normalizing = learn_bpe(
        count_words(pa.array([TEXT]), Pretokenizer()), 260, pretokenizer=Pretokenizer(), normalizer="nfc"
    )
    assert isinstance(normalizing, Vocabulary)
    with pytest.raises(RecipeError, match="byte-level BPE that normalizes nothing"):
        Covers.of(normalizing)
