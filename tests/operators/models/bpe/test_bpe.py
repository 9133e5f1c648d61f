"""Learning merges: edges, options and refusals."""

import json
import pathlib
import random
import sysconfig
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pairloom.operators import Pretokenizer, WordCounter, WordCounts, count_pairs, learn_bpe
from pairloom.operators.errors import CapacityError, CorruptionError, RecipeError
from pairloom.operators.models.bpe import learn_memory

MOST = (1 << 63) - 1


def counts_of(words: dict[bytes, int]) -> WordCounts:
    ordered = sorted(words)
    return WordCounts(
        words=pa.array(ordered, pa.large_binary()), counts=np.array([words[w] for w in ordered], np.int64)
    )


def learned(words: dict[bytes, int], merges: int, **options) -> list[bytes]:
    """The tokens that the merges make."""
    vocabulary = learn_bpe(counts_of(words), 256 + merges, **options)
    return list(vocabulary.tokens[256:])


def test_the_standard_library_gives_hugging_faces_ids():
    folder = pathlib.Path(sysconfig.get_path("stdlib"))
    documents = [path.read_text(errors="replace") for path in sorted(folder.glob("*.py"))]
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(
        vocab_size=8258,
        show_progress=False,
        special_tokens=["<|end|>", "<|pad|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(documents, trainer)
    vocabulary = tokenizer.get_vocab()
    expected = [
        [vocabulary[left], vocabulary[right]]
        for left, right in json.loads(tokenizer.to_str())["model"]["merges"]
    ]
    counter = WordCounter(Pretokenizer())
    for document in documents:
        data = np.frombuffer(document.encode(), np.uint8)
        sizes = [len(document[low:high].encode()) for _, (low, high) in splitter.pre_tokenize_str(document)]
        counter.add_pieces(data, 0, np.cumsum(sizes, dtype=np.int64))
    ours = learn_bpe(counter.finish(), 8258, special_tokens=["<|end|>", "<|pad|>", "<|end|>"])
    assert sum(map(len, documents)) > 4_000_000
    assert len(expected) == 8000
    assert ours.model.merges.tolist() == expected
    assert ours.special_tokens == ("<|end|>", "<|pad|>")


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ({b"aaa": 1}, [b"aa", b"aaa"]),
        ({b"aaaa": 1}, [b"aa", b"aaaa"]),
        ({b"aaaaa": 2}, [b"aa", b"aaa", b"aaaaa"]),
        ({b"abab": 1}, [b"ab", b"abab"]),
        ({b"ababa": 1, b"ba": 1}, [b"ba", b"aba", b"ababa"]),
        ({b"a": 9, b"b": 9}, []),
        ({}, []),
    ],
)
def test_runs_and_overlaps(words, tokens):
    assert learned(words, 10) == tokens


def test_ties_go_to_the_smaller_id_not_the_smaller_byte():
    # A space has the id of its stand-in in GPT-2's alphabet, above every letter.
    assert learned({b" a": 1, b"bc": 1}, 1) == [b"bc"]


def test_counts_above_31_bits_and_up_to_the_last_are_exact():
    assert learned({b"ab": 1 << 31, b"cd": (1 << 31) + 1, b"ef": 1 << 33}, 3) == [b"ef", b"cd", b"ab"]
    assert learned({b"ab": MOST - 1, b"cd": MOST, b"ef": 1 << 62}, 3) == [b"cd", b"ab", b"ef"]
    assert learned({b"abx": MOST - 1, b"aby": 1, b"c" * 3: MOST // 2}, 3) == [b"ab", b"cc", b"abx"]


@pytest.mark.parametrize(
    "words", [{b"ab": MOST, b"abc": 1}, {b"aaa": (MOST // 2) + 1}, {b"ab" * 40: MOST // 39}]
)
def test_a_pair_past_int64_is_refused(words):
    with pytest.raises(CapacityError, match=r"2\^63 - 1"):
        learn_bpe(counts_of(words), 300)
    with pytest.raises(CapacityError, match=r"2\^63 - 1"):
        count_pairs(counts_of(words))


def test_megabyte_words_are_merged_in_time_linear_in_them():
    words = {b"ab" * 500_000: 1, b"a" * 1_000_000: 1, b"abc" * 333_333: 3}
    tokens = learned(words, 60)
    assert len(tokens) == 60
    assert max(map(len, tokens)) > 100_000


@pytest.mark.parametrize(
    ("words", "letters", "merges"), [(60_000, 26, 3_000), (5_000, 256, 200), (60_000, 3, 500)]
)
def test_no_more_memory_is_allocated_than_projected(words, letters, merges):
    rng = random.Random(words + letters)
    counts = counts_of(
        {bytes(rng.choices(range(letters), k=rng.randint(4, 40))): rng.randint(1, 50) for _ in range(words)}
    )
    learn_bpe(counts_of({b"abc": 1}), 300)  # what compiling and loading allocate is not meant
    tracemalloc.start()
    learn_bpe(counts, 256 + merges)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    symbols = len(counts.words.buffers()[2])
    projected = learn_memory(len(counts), symbols, merges)
    assert symbols < peak <= projected
    assert learn_memory(10_000_000, 80_000_000, 32_000) < 25 * 80_000_000


def test_pair_counts_of_other_words_are_corruption():
    counts = counts_of({b"abc": 3})
    assert len(learn_bpe(counts, 300, pairs=count_pairs(counts)).model.merges) == 2
    with pytest.raises(CorruptionError, match="lost"):
        learn_bpe(counts, 300, pairs=count_pairs(counts_of({b"abc": 2})))


def test_learning_ends_where_no_pair_is_left():
    vocabulary = learn_bpe(counts_of({b"abc": 2}), 1000)
    assert len(vocabulary.tokens) == 258
    assert learned({b"abc": 2, b"bc": 1, b"de": 2}, 10, min_count=3) == [b"bc"]


def test_sizes_below_specials_and_bytes_are_refused_with_the_minimum():
    with pytest.raises(ValueError, match="258 tokens"):
        learn_bpe(counts_of({}), 257, special_tokens=["<|a|>", "<|b|>", "<|a|>"])


@pytest.mark.parametrize(
    ("special", "words"), [("a", {}), ("Ġ", {}), ("ab", {b"ab": 1}), ("Ġab", {b" ab": 1}), ("", {})]
)
def test_special_tokens_that_spell_a_token_are_refused(special, words):
    with pytest.raises((RecipeError, ValueError), match="special token"):
        learn_bpe(counts_of(words), 300, special_tokens=[special])


@pytest.mark.parametrize("special", [" ab", "ac", "<|ab|>", "é\u4e00"])
def test_special_tokens_that_spell_nothing_are_no_trouble(special):
    vocabulary = learn_bpe(counts_of({b" ab": 1}), 300, special_tokens=[special])
    assert vocabulary.tokens[0] == special.encode()
    assert vocabulary.tokens[257:] == (b"ab", b" ab")


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        ([[66, 256]], "merge 0"),
        ([[66, 67], [257, 66]], "merge 1"),
        ([[-1, 66]], "merge 0"),
        ([[66, 67]] * 2, "same token"),
        ([66, 67], "int32"),
        ([[66, 67]] * 50, "room for 44"),
        ([[66, 66], *([k, k] for k in range(256, 290))], "2147483648 bytes"),
    ],
)
def test_prescribed_merges_must_stand_on_each_other(merges, message):
    with pytest.raises(ValueError, match=message):
        learn_bpe(counts_of({b"abc": 1}), 300, merges=np.array(merges, np.int32))


def test_prescribed_merges_are_not_questioned():
    rare = learn_bpe(counts_of({b"xy": 1}), 257).model.merges
    vocabulary = learn_bpe(counts_of({b"abab": 5, b"xy": 1}), 300, merges=rare)
    assert vocabulary.tokens[256:] == (b"xy", b"ab", b"abab")


@pytest.mark.parametrize("option", ["min_count", "max_token_length", "limit_alphabet"])
def test_negative_options_are_refused(option):
    with pytest.raises(ValueError, match=option):
        learn_bpe(counts_of({}), 300, **{option: -1})


def test_bytes_beyond_the_limit_leave_their_neighbours_adjacent_and_keep_their_ids():
    vocabulary = learn_bpe(counts_of({b"acb": 1, b"ab": 1}), 300, limit_alphabet=2)
    assert vocabulary.tokens[256:] == (b"ab",)
    assert len(set(vocabulary.tokens[:256])) == 256
    assert learned({b"abc": 1}, 9, limit_alphabet=2) == [b"ab"]  # c, of the larger id, goes
    assert learned({b"abc": 1}, 9, limit_alphabet=0) == []


def test_progress_ends_at_what_was_learned():
    seen = []
    learn_bpe(counts_of({b"abcd": 2}), 300, progress=lambda done, wanted: seen.append((done, wanted)))
    assert seen[-1] == (3, 44)
    assert seen == sorted(seen)


def test_sliced_words_are_read_in_place():
    whole = counts_of({b"aa": 1, b"ab": 2, b"cd": 3, b"ce": 4})
    part = WordCounts(words=whole.words.slice(1, 2), counts=whole.counts[1:3])
    assert learn_bpe(part, 300).tokens[256:] == (b"cd", b"ab")
    assert int(count_pairs(part).sum()) == 5
