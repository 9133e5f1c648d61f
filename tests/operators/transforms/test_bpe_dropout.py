"""BPE-dropout: the twin's pieces, those of encoding without dropout, and as often as `tokenizers` gives each."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.reference.transforms import bpe_dropout as twin
from pairloom.operators.steps import in_53rds
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import document_streams
from pairloom.operators.transforms.bpe_dropout import LONGEST, BPEDropout
from tests.operators.transforms.support import DTYPES, SEEDS, batch_of, rows

TEXT = ["unrelated relations relate to relatives; a strawberry is unrelated\n" * 3, "naïve 日本 été 12345"]
CUT = Pretokenizer(scheme="gpt2")
VOCABULARY: Vocabulary = learn_bpe(
    count_words(pa.array(TEXT), CUT), 310, special_tokens=["<|end|>"], pretokenizer=CUT
)
END = VOCABULARY.special_id("<|end|>")
TOKENS = list(VOCABULARY.tokens)
TABLES = BPEDropout().prepare(VOCABULARY)
MERGES = {
    (left, right): (rank, TOKENS.index(TOKENS[left] + TOKENS[right]))
    for rank, (left, right) in enumerate(VOCABULARY.model.merges.tolist())
}
TEXTS = st.lists(
    st.text(st.sampled_from("relatd uns é日\n1"), max_size=40) | st.sampled_from(TEXT), max_size=4
)


def encoded(texts: list[str]) -> list[list[int]]:
    return [[END, *ids, END] for ids in VOCABULARY.encode(pa.array(texts, pa.large_string())).to_pylist()]


@given(TEXTS, st.sampled_from([0, 0.1, 0.5, 1]), SEEDS, DTYPES)
def test_it_is_the_twin_and_without_dropout_encoding(
    texts: list[str], rate: float, seed: int, dtype: type
) -> None:
    documents = encoded(texts)
    batch = batch_of(documents, dtype)
    made = BPEDropout(rate=rate)(batch, seed, TABLES)
    for text, document, stream, found, place in zip(
        texts, documents, document_streams(seed, batch).tolist(), rows(made), rows(made, "place"), strict=True
    ):
        words = CUT.split_text(text)
        wanted = [END]
        for number, word in enumerate(words):
            ids = [TOKENS.index(bytes([byte])) for byte in word.encode()]
            wanted += twin.merge_words(ids, number, stream, int(in_53rds(rate)), twin.lay_merges(MERGES))
        assert found == [*wanted, END]
        assert VOCABULARY.decode(found) == VOCABULARY.decode(document)
        if rate == 0:
            assert found == document
        # Each piece begins inside of the token that it is from.
        ends = np.cumsum([len(TOKENS[i]) for i in document])
        begins = np.cumsum([0, *(len(TOKENS[i]) for i in found)])[:-1]
        assert place == (np.searchsorted(ends, begins, side="right") + 1).tolist()


@given(st.lists(st.lists(st.integers(0, len(TOKENS) - 1), max_size=30), max_size=4), SEEDS)
def test_any_tokens_keep_their_text(documents: list[list[int]], seed: int) -> None:
    made = BPEDropout(rate=0.5)(batch_of(documents), seed, TABLES)
    assert [VOCABULARY.decode(row) for row in rows(made)] == [VOCABULARY.decode(row) for row in documents]
    assert [row.count(END) for row in rows(made)] == [row.count(END) for row in documents]


def test_a_word_that_is_too_long_stays() -> None:
    documents = encoded(["a" * (LONGEST + 1), "a" * LONGEST])
    made = rows(BPEDropout(rate=1)(batch_of(documents), 0, TABLES))
    assert made[0] == documents[0]
    assert len(made[1]) == LONGEST + 2


def test_pieces_are_as_likely_as_in_tokenizers() -> None:
    """The share of each way to cut a word is that of an implementation by others, within what chance gives."""
    tokenizers = pytest.importorskip("tokenizers")
    count = 20_000
    theirs = tokenizers.Tokenizer.from_str(VOCABULARY.to_json().decode())
    theirs.model.dropout = 0.2
    word = " unrelated"
    expected = Counter(tuple(theirs.encode(word).ids) for _ in range(count))
    (document,) = VOCABULARY.encode(pa.array([word], pa.large_string())).to_pylist()
    batch = TokenBatch.from_lists(
        {"input_ids": [np.array(document, np.uint16)] * count}, number=np.arange(count)
    )
    found = Counter(map(tuple, rows(BPEDropout(rate=0.2)(batch, 11, TABLES))))
    assert len(found) > 5
    common = [ids for ids, times in expected.items() if times > 50]
    chi = sum((found[ids] - expected[ids]) ** 2 / (found[ids] + expected[ids]) for ids in common)
    assert chi < len(common) + 5 * (2 * len(common)) ** 0.5


def test_what_cannot_be_cut_anew_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^rate must be from 0 to 1, not 2"):
        BPEDropout(rate=2)

    slow = SimpleNamespace(model=SimpleNamespace(slow="run by another library", name="unigram"))
    with pytest.raises(
        ValueError, match="bpe_dropout leaves out merges: this vocabulary has no list of merges"
    ):
        BPEDropout().prepare(slow)
    joined = SimpleNamespace(model=VOCABULARY.model, pretokenizer=SimpleNamespace(scheme="superwords"))
    with pytest.raises(ValueError, match="superwords join them"):
        BPEDropout().prepare(joined)
