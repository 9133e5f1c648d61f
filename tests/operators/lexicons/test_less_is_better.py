"""A lexicon by reading (C18): the kernel reads as its twin does, words are found without spaces, order decides nothing."""

import random
import re
from collections import Counter
from itertools import pairwise
from pydoc_data.topics import topics

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.counts import count_words
from pairloom.operators.learners import Target
from pairloom.operators.learners.less_is_better import LessIsBetterLearner
from pairloom.operators.lexicons import Lexicon
from pairloom.operators.lexicons.kernels import read_sentences
from pairloom.operators.reference import lexicons as reference
from pairloom.operators.text.pretokenize import Pretokenizer

sentences_drawn = st.lists(st.text("ab\u00e9", max_size=12), min_size=1, max_size=5)


@given(
    sentences_drawn,
    st.lists(st.text("ab\u00e9", min_size=2, max_size=4), unique=True, max_size=8),
    st.booleans(),
    st.integers(2, 5),
)
def test_sentences_are_read_as_the_twin_reads_them(
    texts: list[str], found: list[str], propose: bool, most: int
) -> None:
    chunks = [*(chunk for chunk in found if len(chunk) <= most), "a", "b", "\u00e9"]
    edges = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    size = int(edges[-1])
    proposals, moves = np.empty((size, 2), np.int64), np.empty((size, 2), np.int64)
    proposed, moved = read_sentences(
        np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32),
        edges,
        np.arange(len(texts)),
        np.uint64(5),
        np.uint64(1 << 53 if propose else 0),
        most,
        np.frombuffer("".join(chunks).encode("utf-32-le"), np.uint32),
        np.cumsum([0, *map(len, chunks)], dtype=np.int64),
        np.full(64, -1, np.int64),
        proposals,
        moves,
    )
    expected = reference.read_sentences(texts, chunks, lambda number, at: propose, most)
    whole = "".join(texts)
    assert [whole[at : at + n] for at, n in proposals[:proposed].tolist()] == expected[0]
    assert [(chunks[a], chunks[b]) for a, b in moves[:moved].tolist()] == expected[1]


def language(seed: int) -> list[list[str]]:
    """Sentences of words of one to three syllables, some words far more frequent than others."""
    rng = random.Random(seed)
    words = [
        "".join(rng.choice("bcdfgklmnprst") + rng.choice("aeiou") for _ in range(rng.choice([1, 2, 2, 3])))
        for _ in range(100)
    ]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [rng.choices(words, weights, k=rng.randint(2, 6)) for _ in range(3000)]


def boundaries(parts: list[str]) -> set[int]:
    return set(np.cumsum([len(part) for part in parts])[:-1].tolist())


def test_words_are_found_where_nothing_parts_them() -> None:
    sentences = language(0)
    lexicon = Lexicon(["".join(words) for words in sentences], LessIsBetterLearner(passes=200))
    rng = np.random.default_rng(0)
    lexicon.learn(rng.integers(0, len(sentences), 200) for _ in range(200))
    right = found = there = 0
    for words in sentences[:500]:
        ours, wanted = boundaries(lexicon.read("".join(words))), boundaries(words)
        right, found, there = right + len(ours & wanted), found + len(ours), there + len(wanted)
    precision, recall = right / found, right / there
    assert precision > 0.75
    assert recall > 0.55
    assert {"".join(word) for words in sentences for word in words} & set(lexicon.chunks)


def english() -> list[list[str]]:
    """Phrases of the language reference that Python ships, each as its words in small letters."""
    phrases = []
    for name in sorted(topics):
        for phrase in re.split(r"[.:;,!?\n]\s", topics[name].lower()):
            words = phrase.split()
            if 2 <= len(words) <= 12 and all(re.fullmatch("[a-z]+", word) for word in words):
                phrases.append(words)
    return phrases


def test_english_without_spaces_is_parted_at_words_and_pairs_of_words_that_are_often_together() -> None:
    """(C18) The shape of what is published of the Brent corpus, whose phrases are shorter and easier."""
    phrases = english()
    texts = ["".join(words) for words in phrases]
    lexicon = Lexicon(texts, LessIsBetterLearner(passes=200))
    rng = np.random.default_rng(0)
    lexicon.learn(rng.integers(0, len(phrases), 200) for _ in range(200))
    right = found = there = units = 0
    for words, text in zip(phrases[:800], texts, strict=False):
        read = lexicon.read(text)
        ours, wanted = boundaries(read), boundaries(words)
        right, found, there = right + len(ours & wanted), found + len(ours), there + len(wanted)
        units += len(read)
    precision, recall = right / found, right / there
    assert 2 * precision * recall / (precision + recall) > 0.55
    assert units < 1.6 * sum(map(len, phrases[:800]))
    words = {word for phrase in phrases for word in phrase}
    pairs = Counter(a + b for phrase in phrases for a, b in pairwise(phrase))
    head = lexicon.chunks[:100]
    assert sum(chunk in words for chunk in head) > 50
    assert {pair for pair, _ in pairs.most_common(40)} & set(lexicon.chunks[:300])


def test_what_is_learned_reads_any_text_and_gives_it_back() -> None:
    lines = ["".join(words) + "\n" for words in language(1)[:400]]
    pretokenizer = Pretokenizer(scheme="none", lines=True)
    target = Target(size=400, special_tokens=("<|endoftext|>",), pretokenizer=pretokenizer)
    learner = LessIsBetterLearner(passes=60, sentences=50)
    made = learner.learn(count_words(pa.array(lines), pretokenizer), target)
    assert len(made) == 400
    assert made == learner.learn(count_words(pa.array(lines[::-1]), pretokenizer), target)
    texts = ["".join(lines[:3]), "\u65e5\u672c", "", "zz<|endoftext|>\u00e9"]
    ids = made.encode(pa.array(texts))
    assert made.decode(ids).to_pylist() == [text.encode() for text in texts]
    several = [token.decode() for token in made.tokens[256:-1]]
    assert all(len(chunk) > 1 for chunk in several)
    longest = [lines[0][a:b] for a, b in pairwise(np.cumsum([0, *map(len, _greedy(lines[0], several))]))]
    assert [made.tokens[i].decode() for i in made.encode(pa.array([lines[0]])).to_pylist()[0]] == longest


def _greedy(text: str, chunks: list[str]) -> list[str]:
    out, at = [], 0
    while at < len(text):
        size = max((len(chunk) for chunk in chunks if text.startswith(chunk, at)), default=1)
        out.append(text[at : at + size])
        at += size
    return out


def test_keys_that_make_no_sense_are_refused() -> None:
    for keys, named in (
        ({"passes": 0}, "passes must be at least 1, not 0"),
        ({"longest": 1}, "longest must be from 2 to 256 characters, not 1"),
        ({"propose": 2.0}, "propose must be a share, from 0 to 1, not 2"),
    ):
        with pytest.raises(ValueError, match=named):
            LessIsBetterLearner(**keys)  # type: ignore[arg-type]
