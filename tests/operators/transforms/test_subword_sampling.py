"""Subword sampling: the twin's pieces, each as often as its lattice says, and the same text."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.models.unigram.learning.pieces import Learned
from pairloom.operators.models.unigram.learning.writing import unigram_vocabulary
from pairloom.operators.reference.transforms import subword_sampling as twin
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import document_streams
from pairloom.operators.transforms.subword_sampling import SubwordSampling, scored_pieces
from pairloom.operators.vocabulary.tokens import TokenTable
from tests.operators.transforms.support import DTYPES, SEEDS, batch_of, deviation, rows
from tests.support.piece_models import PLAIN, bytes_pieces, piece_model

pytest.importorskip("tokenizers")

TEXT = ["unrelated relations relate to relatives; a strawberry is unrelated\n" * 3, "naïve 日本 été 12345"]
PARTS = sorted(
    {
        word[i : i + size]
        for word in " unrelated relations relate to a strawberry naïve é 日本".replace(" ", "\n ").split("\n")
        for i in range(len(word))
        for size in (1, 2, 3, 6, 9)
    }
    - {""}
)
VOCABULARY: Vocabulary = unigram_vocabulary(
    Learned(
        tokens=TokenTable.of([part.encode() for part in PARTS]),
        scores=np.array([-2.0 - 0.5 * len(part) - i % 7 / 3 for i, part in enumerate(PARTS)]),
    ),
    ("<|end|>",),
    byte_fallback=True,
    prefix=True,
    normalizer="none",
)
END = VOCABULARY.special_id("<|end|>")
SCORED = scored_pieces(VOCABULARY)
IDS = {piece: i for i, piece in enumerate(SCORED.pieces) if piece}
TEXTS = st.lists(
    st.text(st.sampled_from("relatd uns é日\n1🙂"), max_size=40) | st.sampled_from(TEXT), max_size=4
)


def chances(step: SubwordSampling) -> dict[str, float]:
    tables = step.prepare(VOCABULARY)
    return {piece: float(tables.chances[i]) for piece, i in IDS.items()}


def encoded(texts: list[str]) -> list[list[int]]:
    return [[END, *ids, END] for ids in VOCABULARY.encode(pa.array(texts, pa.large_string())).to_pylist()]


@settings(max_examples=40)
@given(TEXTS, st.sampled_from([0.0, 0.2, 1.0, 60.0]), SEEDS, DTYPES)
def test_it_is_the_twin_and_keeps_the_text(texts: list[str], alpha: float, seed: int, dtype: type) -> None:
    documents, step = encoded(texts), SubwordSampling(alpha=alpha)
    batch = batch_of(documents, dtype)
    made = step(batch, seed, step.prepare(VOCABULARY))
    weights = chances(step)
    streams = document_streams(seed, batch).tolist()
    for document, stream, found, place in zip(
        documents, streams, rows(made), rows(made, "place"), strict=True
    ):
        tokens = [SCORED.pieces[i] for i in document]
        wanted, number = list[int](), 0
        for word in twin.words_of(tokens):
            if tokens[word[0]] is None:
                wanted.append(document[word[0]])
                continue
            spelled = "".join(tokens[i] or "" for i in word)
            wanted += [IDS[piece] for piece in twin.draw_word(spelled, number, stream, weights)]
            number += 1
        assert found == wanted
        assert VOCABULARY.decode(found) == VOCABULARY.decode(document)
        if alpha == 60.0:  # the best is nearly certain
            assert sum(map(len, (found, document))) <= 2.2 * len(document)
        # Each piece begins inside of the token that it is from.
        ends = np.cumsum([len(SCORED.pieces[i] or "?") for i in document])
        begins = np.cumsum([0, *(len(SCORED.pieces[i] or "?") for i in found)])[:-1]
        assert place == (np.searchsorted(ends, begins, side="right") + 1).tolist()


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=30), max_size=4), SEEDS)
def test_any_tokens_keep_their_pieces(documents: list[list[int]], seed: int) -> None:
    step = SubwordSampling(alpha=0.1)
    made = step(batch_of(documents), seed, step.prepare(VOCABULARY))
    for row, document in zip(rows(made), documents, strict=True):
        assert "".join(SCORED.pieces[i] or f"<{i}>" for i in row) == "".join(
            SCORED.pieces[i] or f"<{i}>" for i in document
        )


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_spellings_are_as_likely_as_the_lattice_has_them(alpha: float) -> None:
    count, step = 20_000, SubwordSampling(alpha=alpha)
    (document,) = VOCABULARY.encode(pa.array(["unrelate"], pa.large_string())).to_pylist()
    batch = TokenBatch.from_lists(
        {"input_ids": [np.array(document, np.uint16)] * count}, number=np.arange(count)
    )
    found = Counter(
        tuple(SCORED.pieces[i] or "" for i in row) for row in rows(step(batch, 11, step.prepare(VOCABULARY)))
    )
    exact = twin.spellings(" unrelate", chances(step))
    assert set(found) <= set(exact)
    assert len(exact) > 5
    common = [spelled for spelled, share in exact.items() if share * count >= 20]
    rest = count - sum(found[spelled] for spelled in common)
    counts = np.array([*(found[spelled] for spelled in common), rest + 1.0])
    expected = np.array([exact[spelled] * count for spelled in common])
    assert deviation(counts, np.append(expected, count - expected.sum() + 1.0)) < 4


def test_words_of_any_length_are_drawn() -> None:
    text = "related" * 3000
    (document,) = encoded([text])
    for alpha in (0.0, 1.0):
        step = SubwordSampling(alpha=alpha)
        (made,) = rows(step(batch_of([document]), 3, step.prepare(VOCABULARY)))
        assert VOCABULARY.decode(made) == VOCABULARY.decode(document)
        assert len(made) > len(document)


def test_copies_of_a_document_are_drawn_anew() -> None:
    documents, step = encoded(TEXT[:1]) * 2, SubwordSampling(alpha=0.2)
    tables = step.prepare(VOCABULARY)
    batch = TokenBatch.from_lists(
        {"input_ids": [np.array(ids, np.uint16) for ids in documents]},
        number=np.zeros(2, np.int64),
        copy=np.array([0, 1], np.int32),
    )
    one, two = rows(step(batch, 7, tables))
    assert one != two
    assert rows(step(batch, 7, tables)) == [one, two]


def test_other_families_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^alpha must be from 0 to 100, not -1"):
        SubwordSampling(alpha=-1)
    other = learn_bpe(count_words(pa.array(["a b"]), Pretokenizer()), 260)
    with pytest.raises(ValueError, match="a vocabulary of the family bpe has none: use it with a Unigram"):
        SubwordSampling().prepare(other)


def test_a_model_of_sentencepiece_is_sampled_from_too() -> None:
    """What is normal among its pieces; those of users, of bytes and of what is unknown stay."""
    pieces = [("\u2581a", -1.0, 1), ("\u2581", -2.0, 1), ("a", -2.0, 1), ("b", -2.5, 1), ("ab", -3.0, 1)]
    vocabulary = Vocabulary.from_json(
        piece_model([*PLAIN, ("<x>", 0.0, 4), *pieces, *bytes_pieces()], family=1, byte_fallback=True)
    )
    step = SubwordSampling(alpha=0.1)
    documents = vocabulary.encode(pa.array(["abab<x>aq ab"] * 50, pa.large_string())).to_pylist()
    made = rows(step(batch_of(documents), 5, step.prepare(vocabulary)))
    assert len(set(map(tuple, made))) > 10
    assert {bytes(vocabulary.decode(row)) for row in made} == {bytes(vocabulary.decode(documents[0]))}
    kept = {i for i, piece in enumerate(scored_pieces(vocabulary).pieces) if piece is None}
    assert all([i for i in row if i in kept] == [i for i in documents[0] if i in kept] for row in made)
