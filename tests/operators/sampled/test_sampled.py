"""Vocabularies drawn at random: what they are drawn from, what they depend on, and what their tokens are to another."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.sampled import (
    Draw,
    Drawn,
    draw_documents,
    draw_vocabulary,
    spelled_bytes,
    substrings,
    surface_forms,
)
from pairloom.operators.sampled.drawing import WORDS
from tests.support.corpora import documents

TEXTS = [text for _, text in documents(60)]
BASE = learn_bpe(count_words(pa.array(TEXTS), Pretokenizer()), 400, special_tokens=("<|endoftext|>",))
SMALL = Draw(size=600, size_spread=80, least=400, documents=20)


def drawn(step: int, texts: list[str] = TEXTS, draw: Draw = SMALL, seed: int = 0) -> Drawn:
    return draw_vocabulary(count_words(pa.array(texts), WORDS), seed, step, draw, BASE.special_tokens)


@settings(max_examples=60)
@given(
    st.dictionaries(st.text("ab 日é\U0001f642", max_size=8), st.integers(1, 50), max_size=12),
    st.integers(1, 9),
)
def test_every_substring_is_counted(words: dict[str, int], longest: int) -> None:
    """(N03)"""
    wanted: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + longest) + 1):
                wanted[word[start:end]] += count
    found = substrings(list(words), np.array(list(words.values()), np.int64), longest)
    assert {found.text(i): int(found.counts[i]) for i in range(len(found))} == dict(wanted)
    assert len(found) == len(wanted)
    texts = [found.text(i) for i in range(len(found))]
    assert texts == sorted(texts, key=lambda text: (len(text), text))


def test_what_is_drawn_depends_on_seed_and_step_and_on_the_words_alone() -> None:
    """(N03)"""
    one = drawn(3)
    assert drawn(3).vocabulary.to_json() == one.vocabulary.to_json()
    assert drawn(3, TEXTS[::-1]).vocabulary.to_json() == one.vocabulary.to_json()
    others = [drawn(4), drawn(3, seed=1), drawn(3, TEXTS[:-1])]
    assert all(other.vocabulary.fingerprint != one.vocabulary.fingerprint for other in others)
    assert len({drawn(step).size for step in range(12)}) > 3
    assert len({drawn(step).noise for step in range(12)}) == 12
    assert all(400 <= drawn(step).size <= 600 for step in range(12))


def test_without_noise_the_most_frequent_substrings_are_kept_with_their_shares() -> None:
    """(N03)"""
    found = drawn(0, draw=Draw(size=600, size_spread=0, least=400, noise=1e-300, noise_spread=0))
    words = count_words(pa.array(TEXTS), WORDS)
    counted = substrings([word.decode() for word in words.words.to_pylist()], words.counts, 16)
    file = json.loads(found.vocabulary.to_json())
    pieces = dict(file["model"]["vocab"][2 + 256 :])
    counts = {counted.text(i).replace(" ", "\u2581"): int(counted.counts[i]) for i in range(len(counted))}
    assert len(found.vocabulary) == 600
    assert sum(counts[piece] for piece in pieces) == sum(sorted(counts.values())[-len(pieces) :])
    for piece, score in pieces.items():
        assert score == pytest.approx(np.log(counts[piece] / counted.counts.sum()))
        assert len(piece) <= 16


def test_text_has_the_ids_of_the_library_and_comes_back() -> None:
    vocabulary = drawn(1).vocabulary
    library = tokenizers.Tokenizer.from_str(vocabulary.to_json().decode())
    texts = [*TEXTS[:20], "  two  spaces", "nothing\nlike \U0001f9ff before", "<0x41> is no byte"]
    ids = vocabulary.encode(pa.array(texts))
    assert ids.to_pylist() == [one.ids for one in library.encode_batch(texts)]
    assert [library.decode(one, skip_special_tokens=False) for one in ids.to_pylist()[:22]] == texts[:22]


def test_pieces_that_would_be_other_tokens_are_passed_over() -> None:
    """Bytes, special tokens and the marker itself; "<0x41>" in text stays text."""
    texts = ["<0x41> <|endoftext|> a\u2581b <unk> " * 40]
    draw = Draw(size=4000, size_spread=0, least=4000, longest=20)
    vocabulary = drawn(0, texts, draw).vocabulary
    tokens = [token.decode() for token in vocabulary.tokens]
    assert len(set(tokens)) == len(tokens) < 4000
    assert not [token for token in tokens[258:] if "\u2581b" in token or token in ("<0x41>", "<unk>")]
    assert tokens[:2] == ["<|endoftext|>", "<unk>"]


def test_a_row_of_surface_forms_decodes_to_its_token() -> None:
    """(N03)"""
    for target in (drawn(2).vocabulary, BASE, learn_bpe(count_words(pa.array(TEXTS), Pretokenizer()), 450)):
        forms, cut = surface_forms(BASE, target)
        spelled = spelled_bytes(target)
        assert (forms.dtype, len(forms), cut) == (np.dtype(np.int32), len(target), 0)
        for i, row in enumerate(forms):
            ids = row[row >= 0]
            assert (row[len(ids) :] == -1).all()
            if i not in target.special_ids:
                assert b"".join(BASE.tokens[int(one)] for one in ids) == spelled[i] != b""
    assert surface_forms(BASE, BASE)[0][:, 0].tolist() == list(
        range(len(BASE))
    )  # special tokens by their names


def test_rows_may_be_cut_and_padded() -> None:
    target = drawn(2).vocabulary
    whole, _ = surface_forms(BASE, target)
    forms, cut = surface_forms(BASE, target, width=2, pad=7)
    lengths = (whole >= 0).sum(axis=1)
    assert cut == (lengths > 2).sum() > 0
    assert np.array_equal(forms, np.where(whole[:, :2] >= 0, whole[:, :2], 7))
    wide, _ = surface_forms(BASE, target, width=whole.shape[1] + 3)
    assert np.array_equal(wide[:, : whole.shape[1]], whole)
    assert (wide[:, whole.shape[1] :] == -1).all()


def test_what_has_no_bytes_is_refused() -> None:
    file = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "vocab": {"[UNK]": 0, "a": 1},
    }
    other = Vocabulary.from_json(
        tokenizers.Tokenizer.from_str(
            json.dumps(
                {"version": "1.0", "added_tokens": [], "model": file | {"max_input_chars_per_word": 9}}
            )
        )
        .to_str()
        .encode()
    )
    with pytest.raises(RecipeError, match="have surface forms"):
        surface_forms(BASE, other)
    with pytest.raises(RecipeError, match="whose tokens are no bytes"):
        surface_forms(drawn(0).vocabulary, BASE)


def test_batches_are_drawn_without_repetition() -> None:
    batches = [draw_documents(1000, 0, step, SMALL) for step in range(5)]
    assert all(len(np.unique(batch)) == 20 for batch in batches)
    assert len({tuple(batch.tolist()) for batch in batches}) == 5
    assert draw_documents(7, 0, 0, SMALL).tolist() == list(range(7))


@pytest.mark.parametrize(
    "wrong",
    [
        {"documents": 0},
        {"size": 1},
        {"noise": 0.0},
        {"longest": 0},
        {"least": 40_000},
        {"size_spread": float("nan")},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        Draw(**wrong)  # type: ignore[arg-type]
