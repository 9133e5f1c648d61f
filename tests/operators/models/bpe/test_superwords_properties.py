"""Superwords: learned as specified, and encoded as `tokenizers` does with the exported file."""

import functools
import json
import sysconfig
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    WordCounts,
    count_words,
    learn_bpe,
    learn_superwords,
    merge_counts,
    segment_words,
)
from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe import ByteLevelBPE, superwords_memory, unreachable_tokens
from pairloom.operators.models.bpe.layout import TokenSequences
from pairloom.operators.reference.models.bpe.superwords import learn_superwords as specified
from pairloom.operators.reference.models.bpe.superwords import passed_over
from pairloom.operators.vocabulary import byte_order
from tests.operators.models.bpe.test_bpe_properties import counts_of

STAGE_1 = Pretokenizer(scheme="superbpe", lines=True)
STAGE_2 = Pretokenizer(scheme="superwords", lines=True)


@functools.cache
def sample() -> list[str]:
    root = Path(sysconfig.get_path("stdlib"))
    texts = [path.read_text(encoding="utf-8") for path in sorted(root.glob("*.py"))[:40]]
    mixed = "日本語のテキスト: 한국어 텍스트: кириллица и Ελληνικά. 1234567 ½ 👩‍👩‍👧‍👦\r\n\r\n\tz  \n" * 40
    return [*texts, mixed]


@functools.cache
def learned(size: int = 3000, transition: int = 1800, **options) -> Vocabulary:
    texts = pa.array(sample())
    base = learn_bpe(count_words(texts, STAGE_1), transition, special_tokens=["<|end|>"])
    parts = [segment_words(base, count_words(texts, STAGE_2))]
    return learn_superwords(base, parts, size, pretokenizer=STAGE_2, **options)


# Pieces of few letters, spaces and colons, so that words, limits and ties meet; long ones cross into long words.
pieces_of_few_letters = st.dictionaries(
    st.one_of(
        st.text(alphabet="ab :", min_size=1, max_size=25),
        st.builds(str.__mul__, st.text(alphabet="abc :", min_size=1, max_size=6), st.integers(1, 40)),
    ).map(str.encode),
    st.one_of(st.integers(1, 4), st.integers(1, 1 << 45)),
    min_size=1,
    max_size=20,
)
words_within = st.dictionaries(
    st.text(alphabet="abc :", min_size=1, max_size=8).map(str.encode), st.integers(1, 50), max_size=20
)


@given(
    words_within,
    pieces_of_few_letters,
    st.integers(0, 25),
    st.integers(0, 40),
    st.sampled_from([None, 1, 2, 4]),
    st.sampled_from([(), (b": ",), (b": a", b"b", b"aab"), (b" a a a",)]),
    st.integers(0, 4),
)
@settings(max_examples=150)
def test_merges_are_those_of_the_specification(words, pieces, first, more, max_words, forbid, min_count):
    base = learn_bpe(counts_of(words), 256 + first, min_count=min_count)
    vocabulary = learn_superwords(
        base,
        [segment_words(base, counts_of(pieces))],
        len(base) + more,
        pretokenizer=STAGE_2,
        max_words=max_words,
        forbid=[string.decode() for string in forbid],
        min_count=min_count,
    )
    expected = specified(
        words,
        pieces,
        first,
        len(base.model.merges) + more,
        max_words,
        forbid,
        min_count,
        letters=byte_order().tobytes(),
    )
    assert vocabulary.model.merges.tolist() == [list(pair) for pair in expected]
    assert unreachable_tokens(vocabulary).size == 0
    for token in vocabulary.tokens[len(base) :]:
        assert not passed_over(token, max_words, forbid)


@given(pieces_of_few_letters, st.integers(1, 5), st.integers(1, 30))
@settings(max_examples=60)
def test_parts_may_be_cut_and_ordered_in_any_way(pieces, parts, merges):
    base = learn_bpe(counts_of(pieces), 262)
    counts = counts_of(pieces)
    whole = learn_superwords(base, [segment_words(base, counts)], 262 + merges, pretokenizer=STAGE_2)
    cut = [segment_words(base, part) for part in counts.partition(parts)]
    assert learn_superwords(base, cut[::-1], 262 + merges, pretokenizer=STAGE_2) == whole
    assert cut != []


@given(
    words_within,
    pieces_of_few_letters,
    st.integers(0, 25),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from([None, 1, 4]),
)
@settings(max_examples=60, deadline=None)
def test_learning_goes_on_from_superwords_as_if_it_had_not_stopped(words, pieces, first, more, rest, most):
    base = learn_bpe(counts_of(words), 256 + first)
    counts, options = counts_of(pieces), {"pretokenizer": STAGE_2, "max_words": most}
    size = len(base) + more
    stopped = learn_superwords(base, [segment_words(base, counts)], size, **options)
    size = len(stopped) + rest
    resumed = learn_superwords(stopped, [segment_words(stopped, counts)], size, **options)
    assert resumed == learn_superwords(base, [segment_words(base, counts)], size, **options)


def test_the_first_stage_is_hugging_faces():
    tokenizer = Tokenizer(models.BPE())
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in STAGE_1.patterns]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=1800,
        show_progress=False,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(sample(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    expected = [[model["vocab"][part] for part in merge] for merge in model["merges"]]
    assert len(expected) == 1543
    assert learned().model.merges[:1543].tolist() == expected


@pytest.mark.parametrize("lines", [True, False])
def test_real_text_is_encoded_as_tokenizers_encodes_it(lines):
    texts = pa.array(sample())
    if lines:
        vocabulary = learned()
    else:
        base = learn_bpe(count_words(texts, Pretokenizer(scheme="superbpe")), 1800)
        weaker = Pretokenizer(scheme="superwords")
        parts = [segment_words(base, count_words(texts, weaker))]
        vocabulary = learn_superwords(base, parts, 3000, pretokenizer=weaker)
        assert any(b"\n" in token[:-1] and b" " in token for token in vocabulary.tokens[1800:])
    peer = Tokenizer.from_str(vocabulary.to_json().decode())
    expected = [row.ids for row in peer.encode_batch(sample(), add_special_tokens=False)]
    assert vocabulary.encode(texts).to_pylist() == expected
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert Vocabulary.from_json(vocabulary.to_json()).pretokenizer == vocabulary.pretokenizer
    joined = sum(b" " in token.strip(b" ") for token in vocabulary.tokens[1800:])
    assert joined > 200


def test_a_file_without_our_notes_reads_the_same():
    document = json.loads(learned().to_json())
    del document["model"]["pairloom"]
    assert Vocabulary.from_json(json.dumps(document).encode()) == learned()


def test_limits_hold_and_can_be_lifted():
    tokens = learned().tokens[1800:]
    assert not any(passed_over(token, 4, [b": "]) for token in tokens)
    assert not any(b"\n" in token[:-1] for token in tokens)
    free = learned(max_words=None, forbid=()).tokens[1800:]
    assert any(passed_over(token, 4, ()) for token in free)
    assert any(b": " in token for token in free)


def test_superwords_take_fewer_tokens_than_words():
    texts = pa.array(sample())
    ordinary = learn_bpe(count_words(texts, STAGE_1), 3000, special_tokens=["<|end|>"], pretokenizer=STAGE_1)
    assert len(learned().encode(texts).values) < 0.95 * len(ordinary.encode(texts).values)


def test_segments_are_what_the_first_stage_encodes():
    base = learn_bpe(count_words(pa.array(sample()), STAGE_1), 900)
    counts = count_words(pa.array(sample()), STAGE_2)
    part = segment_words(base, counts)
    whole = Vocabulary(
        tokens=base.tokens,
        model=ByteLevelBPE(merges=base.model.merges),
        pretokenizer=Pretokenizer(scheme="none"),
    )
    assert part.ids.dtype == np.uint16
    assert part.offsets.tolist() == whole.encode(counts.words.cast(pa.large_string())).offsets.to_pylist()
    assert np.array_equal(part.ids, whole.encode(counts.words.cast(pa.large_string())).values)
    assert np.array_equal(part.counts, counts.counts)


def test_counts_past_int64_are_refused():
    most = (1 << 63) - 1
    base = learn_bpe(counts_of({b"ab": 1}), 256)
    part = segment_words(base, counts_of({b"abx": most, b"aby": 1}))
    with pytest.raises(CapacityError, match=r"2\^63 - 1"):
        learn_superwords(base, [part], 260, pretokenizer=STAGE_2)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"size": 299}, "300 tokens already"), ({"max_words": 0}, "max_words"), ({"forbid": [""]}, "empty")],
)
def test_wrong_options_are_refused(options, message):
    base = learn_bpe(count_words(pa.array(sample()[:3]), STAGE_1), 300)
    with pytest.raises(ValueError, match=message):
        learn_superwords(base, [], **{"size": 310, "pretokenizer": STAGE_2, **options})
    with pytest.raises(ValueError, match="offsets"):
        TokenSequences(
            ids=np.zeros(3, np.uint32), offsets=np.zeros(1, np.int64), counts=np.zeros(1, np.int64)
        )


@pytest.mark.parametrize(("pieces", "longest"), [(3000, 300), (40_000, 12)])
def test_no_more_memory_is_allocated_than_projected(pieces, longest):
    rng = np.random.default_rng(pieces)
    letters = np.frombuffer(b"abcdefgh  ", np.uint8)
    made = {rng.choice(letters, rng.integers(2, longest)).tobytes(): 1 for _ in range(pieces)}
    counts = merge_counts([counts_of(made), counts_of({b"of the": 7})])
    base = learn_bpe(counts_of({b"abc": 2, b" a": 1}), 259)
    part = segment_words(base, counts)
    learn_superwords(base, [segment_words(base, counts_of({b"ab": 1}))], 260, pretokenizer=STAGE_2)
    words, symbols = len(counts), len(part.ids)
    parts = [part]
    del part
    tracemalloc.start()
    vocabulary = learn_superwords(base, parts, 1500, pretokenizer=STAGE_2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(vocabulary) > 1000
    assert 4 * symbols < peak <= superwords_memory(words, symbols, 1500)
    # Some seventeen bytes a token at most; what a vocabulary takes is small beside it.
    assert superwords_memory(0, 10**10, 200_000) < 18 * 10**10


def test_empty_pieces_leave_the_first_stage_as_it_is():
    base = learn_bpe(count_words(pa.array(sample()[:3]), STAGE_1), 300)
    empty = WordCounts(words=pa.array([], pa.large_binary()), counts=np.zeros(0, np.int64))
    vocabulary = learn_superwords(base, [segment_words(base, empty)], 400, pretokenizer=STAGE_2)
    assert vocabulary.tokens == base.tokens
    assert vocabulary.pretokenizer == STAGE_2
