"""StochasTok: the twin's splits, the same text, the share that is asked for, and pairs that are as likely (C04)."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.reference.transforms import stochastok as twin
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import document_streams
from pairloom.operators.transforms.stochastok import StochasTok, splits_of
from tests.operators.transforms.support import DTYPES, SEEDS, batch_of, deviation, rows

TEXT = ["a strawberry and a blueberry are berries; how many letters are in strawberries?\n" * 3, "naïve 日本"]
CUT = Pretokenizer(scheme="gpt2")
VOCABULARY: Vocabulary = learn_bpe(
    count_words(pa.array(TEXT), CUT), 300, special_tokens=["<|end|>"], pretokenizer=CUT
)
SPLITS = StochasTok().prepare(VOCABULARY)


def pairs_of(token: int) -> list[tuple[int, int]]:
    """The pairs of a token, from the table."""
    span = slice(int(SPLITS.offsets[token]), int(SPLITS.offsets[token + 1]))
    return list(zip(SPLITS.left[span].tolist(), SPLITS.right[span].tolist(), strict=True))


def test_all_pairs_that_spell_a_token_are_known_and_no_other() -> None:
    tokens = VOCABULARY.tokens
    special = VOCABULARY.special_id("<|end|>")
    for token, text in enumerate(tokens):
        found = pairs_of(token)
        wanted = [
            (left, right)
            for cut in range(1, len(text))
            for left, a in enumerate(tokens)
            for right, b in enumerate(tokens)
            if a == text[:cut] and b == text[cut:] and special not in (left, right, token)
        ]
        assert found == wanted


@given(
    st.lists(st.lists(st.integers(0, 299), max_size=40), max_size=4),
    st.sampled_from([0, 0.1, 0.5, 1]),
    SEEDS,
    DTYPES,
)
def test_it_is_the_twin(documents: list[list[int]], rate: float, seed: int, dtype: type) -> None:
    batch = batch_of(documents, dtype)
    made = StochasTok(rate=rate)(batch, seed, SPLITS)
    splits = {token: pairs_of(token) for token in range(300)}
    for document, stream, found, place in zip(
        documents, document_streams(seed, batch).tolist(), rows(made), rows(made, "place"), strict=True
    ):
        ids, origin = twin.expand(document, rate, stream, splits)
        assert found == ids
        assert place == [at + 1 for at in origin]
        assert len(found) <= len(document) + int(len(document) * rate)
        assert VOCABULARY.decode(found) == VOCABULARY.decode(document)
        if rate == 0:
            assert found == document
    assert made.dtype == batch.dtype
    assert rows(StochasTok().undo(made, seed, SPLITS)) == rows(made)


def test_places_and_pairs_are_uniform() -> None:
    """A token with several pairs becomes each as often, wherever it stands."""
    table = splits_of([b"a", b"aa", b"aaa", b"aaaa"], set())
    token, choices = 3, [(0, 2), (1, 1), (2, 0)]
    documents = 20_000
    batch = TokenBatch.from_lists(
        {"input_ids": [np.full(10, token, np.uint16)] * documents}, number=np.arange(documents)
    )
    made = rows(StochasTok(rate=0.1)(batch, 3, table))
    places, pairs = Counter[int](), Counter[tuple[int, int]]()
    for row in made:
        (at,) = [i for i in range(10) if row[i] != token][:1]
        places[at] += 1
        pairs[row[at], row[at + 1]] += 1
    assert set(pairs) == set(choices)
    for counts, size in ((places, 10), (pairs, len(choices))):
        found = np.array(list(counts.values()))
        assert len(found) == size
        assert abs(deviation(found, np.full(size, documents / size))) < 4


def test_copies_differ_and_places_in_a_batch_do_not_matter() -> None:
    ids = VOCABULARY.encode(pa.array(TEXT[:1], pa.large_string())).to_pylist()[0]
    batch = batch_of([ids] * 6, copies=[0, 1, 2, 0, 1, 2])
    step = StochasTok(rate=0.5)
    made = rows(step(batch, 1, SPLITS))
    assert len(set(map(tuple, made))) == 6
    order = np.array([5, 0, 3, 1, 4, 2])
    assert rows(step(batch.take(order), 1, SPLITS)) == [made[i] for i in order]


def test_a_rate_that_is_none_and_a_vocabulary_that_spells_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^rate must be from 0 to 1, not 1\.5"):
        StochasTok(rate=1.5)
    assert splits_of([b"a", b"", b"aa"], {0}).left.tolist() == []
