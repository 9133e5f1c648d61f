"""Replayed merges change pair counts as specified; extended vocabularies go on where the old one ends."""

import json
import sysconfig
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    WordCounts,
    append_tokens,
    count_words,
    extend_bpe,
    learn_bpe,
    replay,
)
from pairloom.operators.models.bpe import ByteLevelBPE, old_pieces, ordinal_merges, unreachable_tokens
from pairloom.operators.reference.models.bpe.learning import learn_merges, pair_counts, replay_merges
from pairloom.operators.vocabulary import byte_order
from tests.operators.models.bpe.test_bpe_properties import IDS, counts_of, words_of_few_letters


def texts() -> list[str]:
    root = Path(sysconfig.get_path("stdlib"))
    return [path.read_text(encoding="utf-8") for path in sorted(root.glob("[a-d]*.py"))[:20]]


@given(words_of_few_letters, words_of_few_letters, st.integers(1, 40), st.integers(0, 2))
@settings(max_examples=150)
def test_every_step_changes_the_counts_that_the_specification_changes(words, others, merges, specials):
    # Merges of these words and of others: some occur and some do not.
    names = ["<|a|>", "<|b|>"][:specials]
    both = counts_of({**others, **words})
    learned = learn_bpe(both, 256 + specials + merges, special_tokens=names).model.merges
    ids = {tuple(IDS[b] + specials for b in word): count for word, count in words.items()}
    expected = list(replay_merges(ids, 256 + specials, [tuple(pair) for pair in learned.tolist()]))
    steps = list(replay(counts_of(words), learned, special_tokens=specials))
    assert [step.count for step in steps] == [count for count, _ in expected]
    for step, (_, changed) in zip(steps, expected, strict=True):
        assert [tuple(pair) for pair in step.pairs.tolist()] == sorted(changed)
        assert step.counts.tolist() == [changed[pair] for pair in sorted(changed)]
    assert [step.pair for step in steps] == [None, *map(tuple, learned.tolist())]


def test_the_steps_of_a_real_text_add_up():
    counts = count_words(pa.array(texts()), Pretokenizer())
    learned = learn_bpe(counts, 256 + 1500).model.merges
    held: dict[tuple[int, int], int] = {}
    for step in replay(counts, learned):
        # What was learned was at each step a pair that no other exceeded.
        if step.pair is not None:
            assert held[step.pair] == step.count == max(held.values())
        held.update(zip(map(tuple, step.pairs.tolist()), step.counts.tolist(), strict=True))
        held = {pair: count for pair, count in held.items() if count}
    ids = np.empty(256, np.int64)
    ids[byte_order()] = np.arange(256)
    encoded = Vocabulary(
        tokens=learn_bpe(counts, 1756).tokens,
        model=ByteLevelBPE(merges=learned),
        pretokenizer=Pretokenizer(scheme="none"),
    ).encode(counts.words)
    words = dict(zip(map(tuple, encoded.to_pylist()), counts.counts.tolist(), strict=True))
    assert held == pair_counts(words)


@given(words_of_few_letters, words_of_few_letters, st.integers(0, 15), st.integers(0, 20))
@settings(max_examples=100)
def test_extending_is_learning_that_goes_on(words, others, merges, more):
    base = learn_bpe(counts_of(others), 257 + merges, special_tokens=["<|end|>"])
    ids = {tuple(IDS[b] + 1 for b in word): count for word, count in words.items()}
    given_merges = [tuple(pair) for pair in base.model.merges.tolist()]
    expected = learn_merges(ids, 257, len(given_merges) + more, given=given_merges)
    spelled = list(base.tokens[:257])
    for left, right in expected:
        spelled.append(spelled[left] + spelled[right])
    assert len(set(spelled)) == len(spelled)
    extended = extend_bpe(base, counts_of(words), len(base) + more)
    assert extended.model.merges.tolist() == [list(pair) for pair in expected]
    assert extended.tokens == tuple(spelled)
    assert extended.tokens[: len(base)] == tuple(base.tokens)
    assert unreachable_tokens(extended).size == 0


@pytest.fixture(scope="module")
def foreign() -> Vocabulary:
    """A vocabulary whose ids are in another order than its merges, with special tokens at the end."""
    base = learn_bpe(count_words(pa.array(texts()[:8]), Pretokenizer()), 600)
    order = np.random.default_rng(3).permutation(600)
    places = np.argsort(order)
    tokens = [base.tokens[i] for i in order] + [b"<|end|>", b"<|pad|>"]
    return Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=places[base.model.merges].astype(np.int32)),
        special_tokens=("<|end|>", "<|pad|>"),
        special_ids=(600, 601),
    )


def test_any_vocabulary_is_extended_and_other_tools_agree(foreign):
    documents = texts()
    counts = count_words(pa.array(documents), foreign.pretokenizer)
    extended = extend_bpe(foreign, counts, 1200)
    assert len(extended) == 1200
    assert extended.tokens[:602] == tuple(foreign.tokens)
    assert extended.special_ids == (600, 601)
    peer = Tokenizer.from_str(extended.to_json().decode())
    ours = extended.encode(pa.array(documents)).to_pylist()
    assert ours == [row.ids for row in peer.encode_batch(documents, add_special_tokens=False)]
    before = foreign.encode(pa.array(documents))
    assert len(extended.encode(pa.array(documents)).values) < 0.9 * len(before.values)
    # Text in which no new merge applies: the old tokens one by one.
    for i, token in enumerate(foreign.tokens[:600]):
        if not any(byte > 127 for byte in token):
            assert extended.encode_one(token.decode()).tolist() == foreign.encode_one(token.decode()).tolist()
            assert foreign.tokens[i] == extended.tokens[i]


def test_ordinal_merges_number_tokens_in_the_order_of_their_merges(foreign):
    merges, ids = ordinal_merges(foreign)
    tokens = [bytes([byte]) for byte in byte_order()]
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    assert tokens == [foreign.tokens[i] for i in ids]
    twice = Vocabulary(
        tokens=foreign.tokens,
        model=ByteLevelBPE(merges=np.concatenate([foreign.model.merges, foreign.model.merges[:1]])),
    )
    with pytest.raises(ValueError, match="another merge"):
        ordinal_merges(twice)


def test_a_smaller_size_is_refused(foreign):
    with pytest.raises(ValueError, match="602 tokens already"):
        extend_bpe(foreign, counts_of({b"ab": 1}), 601)


def test_appended_tokens_are_reached_or_reported(foreign):
    more = ["straße", "größe", "über", "häuser"] * 30 + ["die größte straße über die häuser"] * 9
    other = learn_bpe(count_words(pa.array(more), Pretokenizer()), 256 + 40)
    wanted = [*other.tokens[256:], b"qqzzq", b"two words"]
    extension = append_tokens(foreign, wanted, 900)
    new = extension.vocabulary.tokens[len(foreign) :]
    assert extension.vocabulary.tokens[: len(foreign)] == tuple(foreign.tokens)
    assert {b"qqzzq", b"two words"} <= set(extension.unreachable)
    assert sorted([*new, *extension.unreachable]) == sorted(set(wanted) - set(foreign.tokens))
    assert unreachable_tokens(extension.vocabulary).size == 0
    for i, token in enumerate(new, len(foreign)):
        if token.decode(errors="replace").encode() == token:
            assert extension.vocabulary.encode_one(token.decode()).tolist() == [i]
    small = append_tokens(foreign, wanted, len(foreign) + 3).vocabulary
    assert small.tokens == extension.vocabulary.tokens[: len(foreign) + 3]
    merges = json.loads(extension.vocabulary.to_json())["model"]["merges"]
    assert len(merges) == len(foreign.model.merges) + len(new)


def test_all_appended_tokens_are_reached_after_repair(foreign):
    """C17: 100% of the new tokens; what was encoded before without them is encoded as before."""
    more = ["straße", "größe", "über", "häuser", "qqzzqx"] * 30 + ["die größte straße über die häuser"] * 9
    other = learn_bpe(count_words(pa.array(more), Pretokenizer()), 256 + 60)
    wanted = [*other.tokens[256:], b"qqzzq", b"qzqzqzqz", b"two words"]
    plain = append_tokens(foreign, wanted, 900)
    extension = append_tokens(foreign, wanted, 900, repair=True)
    extended = extension.vocabulary
    assert len(extension.unreachable) < len(plain.unreachable)
    assert extension.unreachable == (b"two words",)
    assert unreachable_tokens(extended).size == 0
    assert set(wanted) - set(extension.unreachable) <= set(extended.tokens)
    assert {extended.tokens[i] for i in extension.between}.isdisjoint(wanted)
    assert len(set(extended.tokens)) == len(extended.tokens)
    offsets, pieces = old_pieces(foreign, extended)
    for i, token in enumerate(extended.tokens[len(foreign) :]):
        ids = pieces[offsets[i] : offsets[i + 1]]
        assert b"".join(foreign.tokens[id_] for id_ in ids) == token
    for text in ["the quick brown fox", "straße qqzzq über", "a b c", "über die häuser", "zzqq qzqz"]:
        ids = extended.encode_one(text).tolist()
        assert extended.decode(ids) == text.encode()
        if max(ids) < len(foreign):
            assert ids == foreign.encode_one(text).tolist()
        assert len(ids) <= len(foreign.encode_one(text))
    for size in range(len(foreign) + 1, len(extended)):
        some = append_tokens(foreign, wanted, size, repair=True).vocabulary
        assert len(some) <= size
        assert unreachable_tokens(some).size == 0


def test_a_merge_that_never_applies_is_found():
    a, b, c = (IDS[ord(letter)] for letter in "abc")
    tokens = [bytes([byte]) for byte in byte_order()] + [b"ab", b"bc", b"abc"]
    merges = np.array([[a, b], [b, c], [a, 257]], np.int32)
    # "abc" is ab and c: nothing is left for bc, or for a before it.
    assert unreachable_tokens(Vocabulary(tokens=tokens, model=ByteLevelBPE(merges=merges))).tolist() == [258]
    assert (
        unreachable_tokens(
            Vocabulary(tokens=tokens, model=ByteLevelBPE(merges=merges)), np.array([256, 257])
        ).size
        == 0
    )


def test_nothing_replayed_on_nothing():
    empty = WordCounts(words=pa.array([], pa.large_binary()), counts=np.zeros(0, np.int64))
    steps = list(replay(empty, np.array([[0, 1]], np.int32)))
    assert [(len(step.pairs), step.count) for step in steps] == [(0, 0), (0, 0)]
