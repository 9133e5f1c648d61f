"""Entropies of known processes, dictionaries, lexicons and letters."""

import uuid
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.evaluate.content import (
    atomicity,
    characters_per_token,
    counting_forms,
    covariates,
    generated_content,
)
from pairloom.operators.evaluate.curve import prefix
from pairloom.operators.evaluate.morphology import lower, morphology_facts
from pairloom.operators.evaluate.theory import (
    apply_merges,
    lzw_dictionary,
    lzw_encode,
    order_entropy,
    sequential_bpe,
    unigram_bits,
)
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.reference.models import lzw
from pairloom.operators.reference.models.bpe import sequential

NONE = Pretokenizer(scheme="none")


def switching(length: int, flip: float, seed: int = 0) -> bytes:
    """A symmetric Markov chain over a and b that changes its state with probability `flip`."""
    flips = np.random.default_rng(seed).random(length) < flip
    return bytes((np.cumsum(flips) % 2 + ord("a")).astype(np.uint8))


def rate(flip: float) -> float:
    return float(-(flip * np.log2(flip) + (1 - flip) * np.log2(1 - flip)))


# Unigram over BPE tokens relative to the entropy rate, by the number of tokens, 400,000 symbols.
MEASURED = {
    0.1: {2: 2.132, 4: 1.652, 8: 1.452, 16: 1.343, 32: 1.252, 64: 1.220, 128: 1.186},
    0.02: {2: 7.07, 4: 4.08, 8: 2.13, 16: 1.61, 32: 1.45, 64: 1.35, 128: 1.31},
}


SEEDS = range(1, 9)
T_99 = 3.499  # of Student's t with 7 degrees of freedom, two-sided
# What the figures are rounded to, and how far the interval of one more draw may reach: with 8,000 switches, what a large
# dictionary gains depends on the draw.
PRECISION = {0.1: (0.001, [0.001, 0.005, 0.008, 0.01, 0.01, 0.011, 0.014])}
PRECISION[0.02] = (0.01, [0.002, 0.006, 0.016, 0.025, 0.03, 0.055, 0.08])


@pytest.mark.parametrize("flip", [0.1, 0.02])
def test_a_unigram_model_over_bpe_tokens_comes_near_the_entropy_rate(flip: float) -> None:
    """The measured curve is one draw of a process; it lies where one more draw after ours does, 99 times in 100."""
    curves = []
    for seed in SEEDS:
        text = switching(400_000, flip, seed=seed)
        column = pa.array([text.decode()], pa.large_string())
        largest = learn_bpe(count_words(column, NONE), 256 + max(MEASURED[flip]) - 2, pretokenizer=NONE)
        curve = []
        for size in MEASURED[flip]:
            ids = prefix(largest, size - 2).encode(column).values.to_numpy()
            used = np.bincount(ids, minlength=len(largest)).astype(np.int64)
            curve.append(unigram_bits(used, used, len(text)) / rate(flip))
        # Without merges a model of symbols pays their entropy, one bit; each further merge saves something.
        assert curve[0] == pytest.approx(1 / rate(flip), rel=0.001)
        assert all(one > two for one, two in zip(curve, curve[1:], strict=False))
        assert curve[-1] > 1, "no model of a source is below its entropy rate"
        for size, ratio in zip(MEASURED[flip], curve, strict=True):
            loss = np.log(1 / flip) / (0.99 * np.log(size))
            assert loss >= 1 or ratio <= 1 / (1 - loss), "the bound of the theorem"
        curves.append(curve)
    mean, spread = np.mean(curves, axis=0), np.std(curves, axis=0, ddof=1)
    rounded, widest = PRECISION[flip]
    reach = T_99 * spread * np.sqrt(1 + 1 / len(curves))
    assert (reach / mean <= widest).all()
    assert (np.abs(np.array(list(MEASURED[flip].values())) - mean) <= reach + rounded / 2).all()


def test_entropies_of_orders() -> None:
    text = switching(200_000, 0.1)
    assert order_entropy(text, 0) == pytest.approx(1, abs=0.001)
    for order in (1, 2, 5):
        assert order_entropy(text, order) == pytest.approx(rate(0.1), rel=0.01)
    assert order_entropy(b"abcabcabc", 1) == pytest.approx(0, abs=1e-9)
    assert order_entropy(b"ab", 5) == 0
    with pytest.raises(ValueError, match="orders from 0 to 7"):
        order_entropy(b"", 8)


def test_held_out_text_needs_a_prior_for_what_is_new() -> None:
    train, test = np.array([3, 1, 0]), np.array([1, 0, 1])
    with pytest.raises(ValueError, match="1 tokens"):
        unigram_bits(train, test, 2)
    # (4 + 2 + 1 of 7) with a prior of 1
    assert unigram_bits(train, test, 2, prior=1) == pytest.approx(-(np.log2(4 / 7) + np.log2(1 / 7)) / 2)


FEW = st.text("aab\xe9", max_size=300).map(str.encode)


@given(st.binary(max_size=300) | FEW, st.integers(0, 400))
def test_lzw_is_its_twin_and_parses_what_it_grew_from(data: bytes, size: int) -> None:
    dictionary = lzw_dictionary(data, size)
    assert dictionary == lzw.lzw_dictionary([data], size)
    ids = lzw_encode(data, dictionary)
    assert ids == lzw.lzw_encode(data, dictionary)
    assert b"".join(dictionary[i] for i in ids) == data


@given(FEW, st.lists(st.text("aab", max_size=9).map(str.encode), max_size=20))
def test_any_dictionary_is_parsed_by_its_longest_entries(data: bytes, more: list[bytes]) -> None:
    """Also where no entry has the beginnings of another, where some are the same, or one is empty."""
    dictionary = [*(bytes([byte]) for byte in range(256)), *more]
    assert lzw_encode(data, dictionary) == lzw.lzw_encode(data, dictionary)


def test_a_dictionary_without_a_byte_of_the_text_says_where() -> None:
    with pytest.raises(ValueError, match="at byte 2: b'cab'"):
        lzw_encode(b"abcab", [b"ab", b""])
    with pytest.raises(ValueError, match="at byte 0"):
        lzw_encode(b"a", [])
    assert lzw_encode(b"", []) == []


def test_lzw_and_sequential_bpe_keep_the_bound_of_the_theorem() -> None:
    """At most H / (1 - e) with e = ln(1/d) / (0.99 ln D), d the least probability of a switch, D the dictionary's size."""
    for flip in (0.1, 0.02):
        text = switching(400_000, flip)
        states = np.frombuffer(text, np.uint8).astype(np.int64) - ord("a")
        for size in (64, 128, 512):
            grown = np.array(lzw_encode(text, lzw_dictionary(text, 254 + size)))
            merged = sequential_bpe(states, 2, size - 2)[1]
            loss = np.log(1 / flip) / (0.99 * np.log(size))
            for ids in (grown, merged):
                used = np.bincount(ids).astype(np.int64)
                ratio = unigram_bits(used, used, len(text)) / rate(flip)
                assert 0.99 < ratio <= 1 / (1 - loss)
                assert ratio < 1 / rate(flip), "better than one bit a symbol, which a model of symbols pays"


def test_all_substrings_of_a_length_pay_the_symbols_once_a_token() -> None:
    """ln 2 / H a symbol at length 1; at length r the rate and, once in r symbols, what the first costs more."""
    text = switching(400_000, 0.1)
    for length in (1, 2, 4, 8):
        whole = [text[i : i + length] for i in range(0, len(text), length)]
        used = np.array(list(Counter(whole).values()))
        expected = rate(0.1) + (1 - rate(0.1)) / length
        assert unigram_bits(used, used, len(text)) == pytest.approx(expected, rel=0.005)


def test_lzw_comes_near_the_entropy_rate_too() -> None:
    text = switching(100_000, 0.1)
    bits = []
    for size in (258, 320, 512):
        ids = np.array(lzw_encode(text, lzw_dictionary(text, size)))
        used = np.bincount(ids, minlength=size).astype(np.int64)
        bits.append(unigram_bits(used, used, len(text)) / rate(0.1))
    assert 1.0 < bits[2] < bits[1] < bits[0] < 2.2


SYMBOLS = st.lists(st.integers(0, 2), max_size=80) | st.lists(st.integers(0, 1), max_size=400)


@given(SYMBOLS, st.integers(0, 12), st.integers(0, 4))
def test_sequential_bpe_is_its_twin(symbols: list[int], merges: int, threshold: int) -> None:
    found, encoded = sequential_bpe(np.array(symbols, np.int64), 3, merges, threshold=threshold)
    assert len(found) <= merges
    assert found == sequential.sequential_merges(sequential.cut_evenly(symbols, merges), 3, threshold)
    assert encoded.tolist() == sequential.apply_merges(symbols, found, 3)


@given(SYMBOLS, SYMBOLS, st.integers(1, 12))
def test_merges_of_one_text_are_made_in_another(one: list[int], other: list[int], merges: int) -> None:
    found, _ = sequential_bpe(np.array(one, np.int64), 3, merges, threshold=1)
    assert apply_merges(np.array(other, np.int64), found, 3).tolist() == sequential.apply_merges(
        other, found, 3
    )


def test_ids_that_are_no_symbols_and_merges_of_later_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="ids from 0 to 3; they must be 0 to 2"):
        sequential_bpe(np.array([0, 3]), 3, 1)
    with pytest.raises(ValueError, match="below its own"):
        apply_merges(np.array([0, 1]), [(0, 3)], 3)
    with pytest.raises(ValueError, match="another pair"):
        apply_merges(np.array([0, 1]), [(0, 1), (0, 1)], 3)


def test_sequential_bpe_finds_the_runs_of_a_switching_process() -> None:
    text = np.frombuffer(switching(100_000, 0.1), np.uint8).astype(np.int64) - ord("a")
    found, encoded = sequential_bpe(text, 2, 30)
    assert set(found[:2]) == {(0, 0), (1, 1)}
    used = np.bincount(encoded).astype(np.int64)
    assert 1.15 < unigram_bits(used, used, len(text)) / rate(0.1) < 1.4
    none, same = sequential_bpe(text[:50], 2, 30, threshold=100)
    assert none == []
    assert np.array_equal(same, text[:50])


def test_tokens_are_looked_up_as_the_language_writes_them() -> None:
    assert lower("İSTANBUL IŞIK", "tr") == "istanbul ışık"
    assert [lower("I\u0307I\u0130", tag) for tag in ("tr-TR", "az_Latn", "TR")] == ["iıi"] * 3
    assert lower("ISI", "trv") == lower("ISI", "en-TR") == "isi"
    assert lower("ÇĞÖŞÜ", "tr") == "çğöşü"
    tokens = {
        b" KITAP": 2,
        "\u2581KITAP".encode(): 1,
        b"lar": 2,
        b" ev": 1,
        b" \n": 1,
        b"\xc4": 1,
        b"xq": 2,
        b"ki": 4,
        b"no": 0,
    }
    facts = morphology_facts(
        tokens, words=["geldi"], roots=["kıtap", "ev", "ki"], affixes=["lar", "ki"], language="tr"
    )
    assert facts["tokens"] == 14
    assert facts["unique"] == 8
    assert facts["tr"] == (3 + 2 + 1 + 4) / 14
    assert facts["pure"] == (3 + 2 + 1) / 14  # "ki" is both a root and an affix
    assert facts["tr_unique"] == 5 / 8
    assert facts["pure_unique"] == 4 / 8
    plain = morphology_facts(tokens, words=[], roots=["kıtap"], affixes=[])
    assert plain["tr"] == 0, "without the language, I is i"


def vocabulary_of(*tokens: bytes) -> Vocabulary:
    table = [bytes([b]) for b in range(256)]
    merges = []
    for token in tokens:
        table.append(token)
        merges.append([table.index(token[:-1]), table.index(token[-1:])])
    return Vocabulary(
        tokens=table,
        model=ByteLevelBPE(merges=np.array(merges, np.int32)),
        pretokenizer=Pretokenizer(scheme="gpt2"),
    )


def test_letters_are_atomic_where_no_token_holds_two() -> None:
    made = vocabulary_of(b"ab", b"abb", b" b")
    four = {"plain": "ab", "spaced": "a b", "commas": "a, b", "quoted": '"a", "b"'}
    assert counting_forms("ab") == four | {"list": '["a", "b"]', "lines": "a\nb", "hyphens": "a-b"}
    rows = {row["form"]: row for row in atomicity(made, "abbab")}
    assert {form: (rows[form]["characters"], rows[form]["tokens"]) for form in four} == {
        "plain": (5, 2),  # abb ab
        "spaced": (9, 6),  # a, " b", " b", " ", "a", " b"
        "commas": (13, 10),
        "quoted": (23, 23),
    }
    assert rows["plain"]["atomic"] == 0
    assert rows["spaced"]["atomic"] == rows["quoted"]["atomic"] == 1
    assert atomicity(vocabulary_of(b"ab"), "éab")[0]["atomic"] == 0, "é takes two tokens, a and b share one"


def test_covariates_of_a_letter_in_a_word() -> None:
    made = vocabulary_of(b"ab", b"abc", b"de")
    assert covariates(made, "abcdef", 4) == {
        "tokens": 3,
        "compression": 2,
        "target_length": 2,
        "gold_per_length": 4 / 6,
    }
    assert covariates(made, "abcdef", 0)["target_length"] == 3
    with pytest.raises(ValueError, match="letter 6"):
        covariates(made, "abcdef", 6)


def test_generated_content_is_what_it_says_and_always_the_same() -> None:
    made = generated_content(2000, seed=3)
    assert made == generated_content(2000, seed=3)
    assert made != generated_content(2000, seed=4)
    assert all(len(text) >= 1999 for text in made.values())
    assert all(uuid.UUID(one).version == 4 for one in made["UUIDs"].split())
    assert all(one.isdigit() for one in made["integers"].split())
    rows = {row["content"]: row for row in characters_per_token(vocabulary_of(), made)}
    assert all(row["characters_per_token"] == 1 for row in rows.values())
    assert rows["UUIDs"]["tokens"] == len(made["UUIDs"])
