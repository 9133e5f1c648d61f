"""What tokens may look like, of WordPiece and BPE over characters: the same bytes in one task and in rounds."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, WordCounts, count_words
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import LEARNERS, Learner, Shape, Target
from tests.support.owners import corpus, library

FILLERS = tuple("ab" * n for n in range(2, 200))


@pytest.fixture(scope="module")
def words() -> list[WordCounts]:
    texts = corpus()
    cut = Pretokenizer(scheme="whitespace")
    return [count_words(pa.array(some), cut) for some in (texts[::2], texts[1::2])]


def in_rounds(learner: Learner, target: Target, words: Sequence[WordCounts]) -> Vocabulary:
    rounds = learner.rounds(target)
    decider = rounds.decider(np.zeros((0, 2), np.int32))
    members = [rounds.member([one], np.empty) for one in words]
    while (question := decider.next()) is not None:
        decider.take([member.answer(question) for member in members])
    return rounds.finish(decider.merges, words)


def learned(name: str, words: Sequence[WordCounts], size: int = 700, **shape: Any) -> Vocabulary:
    from pairloom.operators import merge_counts

    library()
    learner = LEARNERS.get(name)()
    special = ("[PAD]",) if name == "wordpiece" else ("<s>",)
    target = Target(size=size, special_tokens=special, shape=Shape(**shape))
    found = learner.learn(merge_counts(words), target)
    assert in_rounds(learner, target, words).to_json() == found.to_json()
    theirs = library().Tokenizer.from_str(found.to_json().decode())
    theirs.encode_special_tokens = True
    texts = ["the pairloom methods \u00df q", " a xpairloom"]
    assert found.encode(pa.array(texts)).to_pylist() == [
        theirs.encode(text, add_special_tokens=False).ids for text in texts
    ]
    return found


def test_wordpiece_has_what_is_required_and_not_what_is_blocked(words: list[WordCounts]) -> None:
    plain = {token.decode() for token in learned("wordpiece", words).tokens}
    assert {"the", "##in"} <= plain
    found = learned(
        "wordpiece",
        words,
        950,
        required=("pairloomish", "##methodz", "\u00df"),
        blocked=("the", "##in", "*at*"),
        fillers=FILLERS,
        max_token_length=6,
        limit_alphabet=50,
        initial_alphabet=("q",),
    )
    tokens = [token.decode() for token in found.tokens]
    assert len(tokens) == 1024
    assert {"pairloomish", "##methodz", "\u00df", "q", "abab"} <= {*tokens}
    assert not {"the", "##in"} & {*tokens}
    made = [
        token.removeprefix("##")
        for token in tokens[2:]
        if token.removeprefix("##") not in "pairloomishmethodz"
    ]
    assert not any("at" in token for token in made)
    assert found.encode_one("pairloomish").tolist() == [tokens.index("pairloomish")]


def test_characters_have_what_is_required_and_fill_up(words: list[WordCounts]) -> None:
    found = learned(
        "character_bpe",
        words,
        950,
        required=(" pairloomish", "methodz", "\u00df"),
        blocked=(" the", "*at*"),
        fillers=FILLERS,
        max_token_length=6,
        limit_alphabet=50,
    )
    tokens = [token.decode() for token in found.tokens]
    assert len(tokens) == 1024
    assert {"\u2581pairloomish", "methodz", "\u00df", "abab"} <= {*tokens}
    assert "\u2581the" not in tokens
    assert found.encode_one("pairloomish").tolist() == [tokens.index("\u2581pairloomish")]


@pytest.mark.parametrize(
    ("name", "shape", "why"),
    [
        (
            "wordpiece",
            {"required": ("Pairloom",)},
            "'Pairloom', of which BERT makes 'pairloom': no text would become it",
        ),
        ("wordpiece", {"fillers": ("a b",)}, "vocabulary.fillers has 'a b', of"),
        ("character_bpe", {"fillers": ("a b",)}, "vocabulary.fillers has 'a b', which"),
        ("wordpiece", {"required": ("a b",)}, "of which BERT makes 'a', 'b'"),
        ("wordpiece", {"required": ("[PAD]",)}, "of which BERT makes"),
        ("character_bpe", {"required": ("a b",)}, "which the pretokenizer cuts into 'a', ' b'"),
        ("character_bpe", {"required": ("<s>",)}, "'<s>', which is a special token"),
        (
            "character_bpe",
            {"fillers": ("abab",)},
            "the fillers end at .* tokens, and the next power of two is 1024",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    words: list[WordCounts], name: str, shape: dict[str, Any], why: str
) -> None:
    with pytest.raises(RecipeError, match=why) as raised:
        learned(name, words, **shape)
    assert "\n" not in str(raised.value)


def test_merges_are_as_before_where_nothing_is_asked(words: list[WordCounts]) -> None:
    """No key changes what is learned without it."""
    model = json.loads(learned("character_bpe", words, blocked=("zzzz",)).to_json())["model"]
    assert model["merges"] == json.loads(learned("character_bpe", words).to_json())["model"]["merges"]
