"""Encoding in two steps, words first and then what joins them: the ids of one step, whatever the text and the tables."""

import hashlib
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary, count_words, learn_bpe, learn_superwords, segment_words
from pairloom.operators.encode import Encoder, Tokenizer, tokenizer_of
from pairloom.operators.encode.kernels import state
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.models.bpe.joins import JoinCutter, JoinTable
from pairloom.operators.models.bpe.kernels.runs import MOST_RUN
from pairloom.operators.models.bpe.model import BPETables
from pairloom.operators.reference.models.bpe.word import encode_word
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary.tokens import ordinary_index
from tests.operators.models.bpe.test_bpe_properties import counts_of
from tests.operators.models.bpe.test_superwords_properties import (
    STAGE_2,
    learned,
    pieces_of_few_letters,
    sample,
    words_within,
)

NONE = np.zeros(0, np.uint32)
WHOLE = Pretokenizer(scheme="none")


def expected(vocabulary: Vocabulary, text: bytes) -> list[int]:
    index = ordinary_index(vocabulary.tokens, vocabulary.special_ids)
    ranks = {
        (left, right): (rank, index[vocabulary.tokens[left] + vocabulary.tokens[right]])
        for rank, (left, right) in enumerate(vocabulary.model.merges.tolist())
    }
    return encode_word([index[bytes([byte])] for byte in text], ranks)


def in_two_steps(
    vocabulary: Vocabulary, texts: list[bytes], dtype: type, words: int
) -> list[list[int]] | None:
    """The ids of texts, each one piece; `words` is into how many words these are cut at a time."""
    pairs = tokenizer_of(vocabulary).tables.pairs
    joins = JoinTable.of(pairs, vocabulary.model.merges, whole=True)
    if joins is None:
        return None
    kernel = BPETables(entries=vocabulary, pairs=pairs, joins=joins).kernel()
    kernel = replace(kernel, cut_pieces=lambda: JoinCutter(joins.cuts, joins.kinds, words=words))
    encoder = Encoder(kernel, pretokenizer=WHOLE, dtype=np.dtype(dtype), table_bytes=1 << 16)
    ids, lists = encoder.encode(text_of(pa.array(texts, pa.large_binary())), prepend=NONE, append=NONE)
    return [ids[low:high].tolist() for low, high in zip(lists[:-1], lists[1:], strict=True)]


texts_of_few_letters = st.lists(
    st.one_of(
        st.text(alphabet="abc :", max_size=40),
        st.builds(str.__mul__, st.text(alphabet="ab ", min_size=1, max_size=5), st.integers(1, 60)),
    ).map(str.encode),
    min_size=1,
    max_size=6,
)


@given(
    words_within,
    pieces_of_few_letters,
    st.integers(0, 25),
    st.integers(0, 40),
    texts_of_few_letters,
    st.sampled_from([np.uint16, np.uint32]),
    st.sampled_from([2, 3, 7, 1 << 12]),
)
@settings(max_examples=150, deadline=None)
def test_two_steps_give_the_ids_of_one(words, pieces, first, more, texts, dtype, width):
    base = learn_bpe(counts_of(words), 256 + first)
    vocabulary = learn_superwords(
        base, [segment_words(base, counts_of(pieces))], len(base) + more, pretokenizer=STAGE_2, forbid=()
    )
    found = in_two_steps(vocabulary, texts, dtype, width)
    assume(found is not None)
    assert found == [expected(vocabulary, text) for text in texts]


def test_runs_of_any_length_are_merged():
    base = learn_bpe(counts_of({b"ab": 4, b" ab": 3}), 258)
    pieces = counts_of({b"ab ab ab ab": 9, b"ab ab b": 4, b"b b b b b b": 3})
    vocabulary = learn_superwords(base, [segment_words(base, pieces)], 270, pretokenizer=STAGE_2, forbid=())
    assert tokenizer_of(vocabulary).tables.joins is not None
    texts = [b"x" + b" ab" * n + b"y b b" for n in range(MOST_RUN + 5)] + [b" ab" * 40_000, b"b" * 3, b""]
    assert in_two_steps(vocabulary, texts, np.uint16, 64) == [one_step(vocabulary, text) for text in texts]


@pytest.mark.parametrize("seed", range(4))
def test_runs_are_joined_wherever_windows_batches_and_pieces_end(seed):
    base = learn_bpe(counts_of({b"ab": 4, b" ab": 3, b" c": 2}), 259)
    pieces = counts_of({b"ab ab ab ab": 9, b"ab ab b": 4, b" c ab c": 5, b" c c ab b": 3, b"b b b b b b": 3})
    vocabulary = learn_superwords(base, [segment_words(base, pieces)], 280, pretokenizer=STAGE_2, forbid=())
    random = np.random.default_rng(seed)
    words = [b" ab", b" b", b" c", b"x", b"b"]

    def text(size: int) -> bytes:
        # Runs of the same few words, of any length, between words that nothing joins.
        found = [random.choice(words[: random.integers(1, 6)], random.integers(1, 90)) for _ in range(size)]
        return b"y".join(b"".join(part) for part in found)

    texts = [text(60), b"", *(text(1) for _ in range(100)), text(40)]
    for dtype in (np.uint16, np.uint32):
        for width in (5, 1 << 12):
            found = in_two_steps(vocabulary, texts, dtype, width)
            assert found == [one_step(vocabulary, text) for text in texts]


def one_step(vocabulary: Vocabulary, text: bytes) -> list[int]:
    kernel = tokenizer_of(vocabulary).tables.kernel(cut=False)
    encoder = Encoder(kernel, pretokenizer=WHOLE, dtype=np.dtype(np.uint32), table_bytes=0)
    ids, _ = encoder.encode(text_of(pa.array([text], pa.large_binary())), prepend=NONE, append=NONE)
    return ids.tolist()


@pytest.mark.parametrize("policy", ["text", "parse"])
def test_whatever_stands_around_and_between_documents_is_kept(policy):
    vocabulary = learned()
    texts = pa.array(
        [None, "", *(text[:3000] for text in sample()), "<|end|>of the<|end|> if the", "a<|end|>"]
    )
    tables = tokenizer_of(vocabulary).tables
    assert tables.joins is not None
    plain = Tokenizer(vocabulary, tables=replace(tables, joins=None))
    options = {"prepend": [0, 0], "append": [0], "special_tokens_in_text": policy, "offsets": True}
    ours, ends = vocabulary.encode(texts, **options)
    theirs, their_ends = plain.encode(texts, **options)
    assert ours.equals(theirs)
    assert ends.equals(their_ends)


def test_a_vocabulary_of_words_is_cut_and_joins_nothing():
    counts = count_words(pa.array(sample()), Pretokenizer(scheme="superbpe", lines=True))
    base = learn_bpe(counts, 1500, pretokenizer=Pretokenizer(scheme="superbpe", lines=True))
    assert tokenizer_of(base).tables.joins is None
    whole = Vocabulary(tokens=base.tokens, model=ByteLevelBPE(merges=base.model.merges), pretokenizer=WHOLE)
    assert tokenizer_of(whole).tables.joins is not None
    texts = [text.encode() for text in sample()[:8]]
    found = in_two_steps(whole, texts, np.uint16, 1 << 10)
    assert found == [one_step(whole, text) for text in texts]


def test_merges_that_join_words_from_the_start_are_made_in_one_step():
    pieces = counts_of({b"a b a b a b": 5})
    vocabulary = learn_bpe(pieces, 270, pretokenizer=WHOLE)
    assert tokenizer_of(vocabulary).tables.joins is None
    assert vocabulary.encode_one("a b a b a b").tolist() == expected(vocabulary, b"a b a b a b")


def test_pieces_are_cut_only_where_no_early_token_goes_on_and_wherever_a_blank_follows_a_letter():
    joins = tokenizer_of(learned()).tables.joins
    text = "\n".join(sample()).encode() + bytes(range(256)) * 3
    data = np.frombuffer(text, np.uint8)
    ends = np.array([1, 1000, 1064, len(data) - 70, len(data)], np.int64)
    found = []
    for start, words in JoinCutter(joins.cuts, joins.kinds, words=500)(
        np.zeros(state.STATE, np.int64), data.ctypes.data, 0, ends
    ):
        assert start == (found[-1] if found else 0)
        found += words.tolist()
    assert found == sorted({*found, *ends.tolist()})
    inner = np.setdiff1d(found, ends)
    assert joins.cuts[256 * data[inner - 1].astype(np.int64) + data[inner]].all()
    blanks = np.flatnonzero(data == 32)
    letters = data[blanks - 1] | 32
    assert np.isin(blanks[(letters >= 97) & (letters <= 122)], found).all()


ELSEWHERE = """
    import hashlib, sys
    import pyarrow as pa
    from pairloom.operators import Vocabulary
    from tests.operators.models.bpe.test_superwords_properties import sample
    ids = Vocabulary.load(sys.argv[1]).encode(pa.array(sample())).values
    print(hashlib.sha256(ids.to_numpy().tobytes()).hexdigest())
"""


@pytest.mark.rare("operators/kernels", "operators/models/bpe")
def test_processors_without_wide_vectors_join_alike(tmp_path):
    environment = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "PAIRLOOM_CACHE_DIR": str(tmp_path),
    }
    (tmp_path / "tokenizer.json").write_bytes(learned().to_json())
    command = [sys.executable, "-c", textwrap.dedent(ELSEWHERE), str(tmp_path / "tokenizer.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    ids = learned().encode(pa.array(sample())).values
    assert done.stdout.strip() == hashlib.sha256(ids.to_numpy().tobytes()).hexdigest(), done.stderr


def test_a_memo_of_words_serves_pieces():
    vocabulary = learned()
    column = pa.array(sample())
    words = count_words(column, Pretokenizer(scheme="superbpe", lines=True))
    encoder = Tokenizer(vocabulary).with_memo(words).encoder()
    ids, _ = encoder.encode(text_of(column), prepend=NONE, append=NONE)
    assert np.array_equal(ids, vocabulary.encode(column).values)
    assert encoder.statistics["misses"] < 0.01 * encoder.statistics["lookups"]
