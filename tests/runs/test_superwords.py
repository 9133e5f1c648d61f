"""Recipes with superwords, supertokens, weights and extended vocabularies: what runs, what is used again, what comes out."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    count_words,
    extend_bpe,
    learn_bpe,
    learn_superwords,
    merge_counts,
    segment_words,
)
from pairloom.operators.counts.weights import whole_weights
from pairloom.operators.errors import CapacityError, RecipeError
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.selection.order import document_numbers
from pairloom.operators.text.pretokenize.chunks import RandomChunks
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import Event, RoundDone, StepStarted, UnitDone
from pairloom.pipeline.flow.plan import make_plan
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from tests.support.corpora import contents, documents, texts_of, write_jsonl

SPECIAL = ["<|endoftext|>"]


def recipe(folder: Path, *settings: str, root: str = "out"):
    text = f"""
root: {folder / root}
corpus:
  - {{name: web, paths: ["{folder}/web/*"], id: id}}
  - {{name: code, paths: ["{folder}/code/*"], id: id}}
vocabulary: {{size: 500}}
pack: {{seq_len: 64}}
execution: {{engine: local, unit_bytes: 3000}}
"""
    return parse_recipe(text, overrides=settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_jsonl(folder / "web" / "a.jsonl", web())
    write_jsonl(folder / "code" / "a.jsonl", code())
    return folder


def web() -> list[tuple[str, str]]:
    return [(f"web-{name}", text.replace(" to", " to the: end\n of it")) for name, text in documents(60, 1)]


def code() -> list[tuple[str, str]]:
    return [(f"code-{i}", f"def f{i}(self.x):\n    return self.x + {i}\n" * 5) for i in range(40)]


def texts(*sources: list[tuple[str, str]]) -> pa.Array:
    return pa.array([text for source in sources for _, text in source])


def steps_of(changed) -> tuple[list[str], dict[str, int]]:
    """Which steps a run has, and how many units of each it did itself."""
    events: list[Event] = []
    run(changed, observe=events.append)
    fresh: dict[str, int] = {}
    names = [event.step for event in events if isinstance(event, StepStarted)]
    for event in events:
        if isinstance(event, StepStarted):
            fresh[event.step] = event.units - event.reused
        assert not isinstance(event, UnitDone) or event.step in names
    return names, fresh


def vocabulary_of(recipe) -> Vocabulary:
    return open_dataset(recipe.root).vocabulary()


def expected_superwords(transition: int, lines: bool = True, **options) -> Vocabulary:
    first, weaker = Pretokenizer(lines=lines), Pretokenizer(scheme="superwords", lines=lines)
    base = learn_bpe(count_words(texts(web(), code()), first), transition, special_tokens=SPECIAL)
    part = segment_words(base, count_words(texts(web(), code()), weaker))
    return learn_superwords(base, [part], 500, pretokenizer=weaker, **options)


def test_superwords_are_those_of_the_operators(folder):
    settings = ("vocabulary.superwords={transition: 0.8}",)
    whole = recipe(folder, *settings, root="whole")
    first = run(whole)
    vocabulary = vocabulary_of(whole)
    assert vocabulary == expected_superwords(400)
    assert any(b" " in token.strip() for token in vocabulary.tokens[400:])
    expected = {
        int(document_numbers(pa.array([name]))[0]): text.encode() for name, text in [*web(), *code()] if text
    }
    assert texts_of(open_dataset(whole.root)) == expected
    # Other units, the same bytes.
    again = run(recipe(folder, *settings, "execution.unit_bytes=100000", root="other"))
    assert contents(first)["learn"] == contents(again)["learn"]
    assert contents(first)["pack"] == contents(again)["pack"]


def test_another_second_stage_counts_nothing_again(folder):
    base = ("vocabulary.superwords={transition: 0.8}",)
    run(recipe(folder, *base, root="stages"))
    names, fresh = steps_of(
        recipe(folder, "vocabulary.superwords={transition: 0.8, max_words: 2, forbid: []}", root="stages")
    )
    assert names[:4] == ["prepare", "learn", "segment", "join words"]
    assert fresh["learn"] == 0
    assert fresh["join words"] == 1
    changed = recipe(
        folder, "vocabulary.superwords={transition: 0.8, max_words: 2, forbid: []}", root="stages"
    )
    assert vocabulary_of(changed) == expected_superwords(400, max_words=2, forbid=())
    names, _ = steps_of(recipe(folder, "vocabulary.superwords={transition: 2/3}", root="stages"))
    assert "count" not in names
    assert vocabulary_of(changed) == expected_superwords(333)


def test_lines_may_be_joined_if_asked_for(folder):
    joined = recipe(folder, "vocabulary.superwords={transition: 0.6, lines: false}", root="joined")
    run(joined)
    vocabulary = vocabulary_of(joined)
    assert vocabulary == expected_superwords(300, lines=False)
    assert any(b"\n" in token[:-1] and len(token) > 3 for token in vocabulary.tokens[300:])


def test_both_stages_in_rounds_give_the_same_bytes_begun_and_continued_anywhere(folder):
    settings = ("vocabulary.superwords={transition: 0.8}",)
    sharded = (*settings, "vocabulary.learn={mode: sharded, members: 3, checkpoint_seconds: 0}")
    expected = contents(run(recipe(folder, *settings, root="one"), until="learn"))
    seen: list[RoundDone] = []

    def interrupted(event: Event) -> None:
        if isinstance(event, RoundDone):
            seen.append(event)
            if (event.step, event.rounds) == ("join rounds", 3):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe(folder, *sharded, root="rounds"), until="learn", observe=interrupted)
    stored = seen[-1].merges
    assert stored > 0
    assert {event.step for event in seen} == {"rounds", "join rounds"}
    again: list[Event] = []
    assert (
        contents(run(recipe(folder, *sharded, root="rounds"), until="learn", observe=again.append))
        == expected
    )
    rounds = [event for event in again if isinstance(event, RoundDone)]
    assert {event.step for event in rounds} == {"join rounds"}  # the first stage is there
    assert rounds[0].merges >= stored
    assert rounds[-1].merges == rounds[-1].wanted == 100
    assert not list((folder / "rounds").rglob("*merges*"))


def test_pieces_that_fit_no_machine_are_learned_from_in_rounds(folder, monkeypatch):
    settings = ("vocabulary.superwords={transition: 0.8}",)
    expected = contents(run(recipe(folder, *settings, root="whole-room"), until="learn"))
    monkeypatch.setattr(LocalExecutor, "room", lambda self, members=1: 302_000_000)
    events: list[Event] = []
    assert (
        contents(run(recipe(folder, *settings, root="small-room"), until="learn", observe=events.append))
        == expected
    )
    assert {event.step for event in events if isinstance(event, RoundDone)} == {"join rounds"}


def test_weights_are_as_good_as_repeating_a_source(folder):
    weighted = recipe(folder, "vocabulary.weights={web: 1, code: 3/2}", root="weighted")
    run(weighted)
    cut = Pretokenizer()
    counts = merge_counts([count_words(texts(web(), web(), code(), code(), code()), cut)])
    assert vocabulary_of(weighted) == learn_bpe(counts, 500, special_tokens=SPECIAL)
    plain = learn_bpe(count_words(texts(web(), code()), cut), 500, special_tokens=SPECIAL)
    assert vocabulary_of(weighted) != plain
    # Other weights: counts are merged again, and nothing is counted.
    changed = recipe(folder, "vocabulary.weights={code: 0}", root="weighted")
    names, fresh = steps_of(changed)
    assert names[:4] == ["prepare", "count", "merge", "learn"]
    assert (fresh["count"], fresh["learn"]) == (0, 1)
    assert vocabulary_of(changed) == learn_bpe(count_words(texts(web()), cut), 500, special_tokens=SPECIAL)
    # Equal weights are none, and the same ratios are the same weights.
    names, fresh = steps_of(recipe(folder, "vocabulary.weights={web: 0.1, code: 0.10}", root="weighted"))
    assert (fresh["count"], fresh["learn"]) == (0, 1)
    assert vocabulary_of(changed) == plain
    assert steps_of(recipe(folder, root="weighted"))[0] == []
    same = recipe(folder, "vocabulary.weights={web: 20, code: 30}", root="weighted")
    assert same.count_weights() == {"web": 2, "code": 3}


def test_min_count_speaks_of_the_counts_of_the_lightest_source(folder):
    weighted = recipe(
        folder, "vocabulary.weights={web: 1/3, code: 1/2}", "vocabulary.min_count=13", root="least"
    )
    run(weighted)
    cut = Pretokenizer()
    counts = merge_counts([count_words(texts(web()), cut).times(2), count_words(texts(code()), cut).times(3)])
    expected = learn_bpe(counts, 500, special_tokens=SPECIAL, min_count=26)
    assert vocabulary_of(weighted) == expected
    assert len(expected) < 500


def test_superwords_are_weighted_too(folder):
    weighted = recipe(
        folder, "vocabulary.weights={code: 4}", "vocabulary.superwords={transition: 0.8}", root="both"
    )
    run(weighted)
    first, weaker = Pretokenizer(lines=True), Pretokenizer(scheme="superwords", lines=True)
    repeated = texts(web(), *[code()] * 4)
    base = learn_bpe(count_words(repeated, first), 400, special_tokens=SPECIAL)
    part = segment_words(base, count_words(repeated, weaker))
    assert vocabulary_of(weighted) == learn_superwords(base, [part], 500, pretokenizer=weaker)


def test_supertokens_are_learned_from_chunks_and_used_without_any(folder):
    chosen = recipe(folder, "vocabulary.supertokens={seed: 7}", root="supertokens")
    first = run(chosen)
    vocabulary = vocabulary_of(chosen)
    counts = count_words(texts(web(), code()), RandomChunks(seed=7))
    whole = Pretokenizer(scheme="none")
    assert vocabulary == learn_bpe(counts, 500, special_tokens=SPECIAL, pretokenizer=whole)
    other = recipe(folder, "vocabulary.supertokens={seed: 8}", root="supertokens-8")
    run(other)
    assert vocabulary_of(other) != vocabulary
    again = run(
        recipe(
            folder,
            "vocabulary.supertokens={seed: 7}",
            "execution.unit_bytes=500000",
            root="supertokens-again",
        )
    )
    assert contents(again)["learn"][0] == contents(first)["learn"][0]
    assert contents(again)["pack"] == contents(first)["pack"]


def test_a_vocabulary_is_extended(folder):
    base = learn_bpe(count_words(texts(code()), Pretokenizer(scheme="llama3")), 300, special_tokens=SPECIAL)
    base = Vocabulary(
        tokens=base.tokens,
        model=ByteLevelBPE(merges=base.model.merges),
        special_tokens=SPECIAL,
        pretokenizer=Pretokenizer(scheme="llama3"),
    )
    base.save(folder / "base.json")
    extended = recipe(folder, f"vocabulary.extend={folder}/base.json", root="extended")
    manifest = run(extended)
    vocabulary = vocabulary_of(extended)
    counts = count_words(texts(web(), code()), base.pretokenizer)
    assert vocabulary == extend_bpe(base, counts, 500)
    assert vocabulary.tokens[:300] == base.tokens
    assert len(vocabulary) > 450
    assert parse_recipe(json.dumps(manifest.recipe)) == extended
    assert steps_of(extended)[0] == []
    names, _ = steps_of(
        recipe(folder, f"vocabulary.extend={folder}/base.json", "vocabulary.size=420", root="extended")
    )
    assert names[:3] == ["prepare", "learn", "tokenize"]
    small = recipe(folder, f"vocabulary.extend={folder}/base.json", "vocabulary.size=300", root="none")
    with pytest.raises(RecipeError, match="300 tokens already"):
        run(small)


def test_superwords_are_extended_within_their_limits(folder):
    first = recipe(folder, "vocabulary.superwords={transition: 0.9}", root="superwords-base")
    run(first)
    base = vocabulary_of(first)
    base.save(folder / "superwords.json")
    extend = [f"vocabulary.extend={folder}/superwords.json", "vocabulary.size=560"]
    limits = {"max_words": 2, "forbid": ("self",)}
    extended = recipe(folder, *extend, "vocabulary.superwords={max_words: 2, forbid: [self]}", root="further")
    assert parse_recipe(json.dumps(run(extended).recipe)) == extended
    pieces = count_words(texts(web(), code()), base.pretokenizer)
    expected = learn_superwords(
        base, [segment_words(base, pieces)], 560, pretokenizer=base.pretokenizer, **limits
    )
    assert vocabulary_of(extended) == expected
    made = vocabulary_of(extended).tokens[len(base) :]
    assert len(made) > 50
    assert all(len(token.split()) <= 2 and b"self" not in token for token in made)
    by_default = recipe(folder, *extend, root="further-by-default")
    run(by_default)
    made = vocabulary_of(by_default).tokens[len(base) :]
    assert all(len(token.split()) <= 4 and b": " not in token for token in made)
    assert any(len(token.split()) > 2 or b"self" in token for token in made)
    with pytest.raises(RecipeError, match=r"brings these with it: remove superwords\.transition"):
        recipe(folder, *extend, "vocabulary.superwords={transition: 0.5}")
    words = learn_bpe(count_words(texts(code()), Pretokenizer()), 300, special_tokens=SPECIAL)
    words.save(folder / "words.json")
    with pytest.raises(RecipeError, match="has no superwords"):
        make_plan(recipe(folder, f"vocabulary.extend={folder}/words.json", "vocabulary.superwords={}"))


@pytest.mark.parametrize("key", ["superwords", "supertokens"])
def test_pieces_that_hardly_repeat_are_projected_to_take_their_room(folder, key):
    words, pieces = (
        {one.stage: one for one in forecast(make_plan(recipe(folder, *settings)), Cluster.of(2))}
        for settings in ((), (f"vocabulary.{key}={{}}",))
    )
    size = make_plan(recipe(folder)).bytes
    assert pieces["count"].memory > words["count"].memory
    assert pieces["learn"].memory > words["learn"].memory + 4 * size
    assert pieces["count"].disk >= size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["vocabulary.weights={books: 1}"], "sources are web, code"),
        (["vocabulary.weights={web: -1}"], "must not be negative"),
        (["vocabulary.weights={web: 0, code: 0}"], "every weight is zero"),
        (["vocabulary.weights={web: a few}"], "no number"),
        (["vocabulary.weights={web: 1/0}"], "no number"),
        (["vocabulary.superwords={transition: 0}"], "greater than 0"),
        (["vocabulary.superwords={transition: 1.5}"], "less than or equal to 1"),
        (["vocabulary.superwords={forbid: ['']}"], "at least 1 character"),
        (["vocabulary.superwords={max_word: 2}"], "max_words"),
        (["vocabulary.superwords={}", "vocabulary.supertokens={}"], "choose one"),
        (["vocabulary.supertokens={}", "vocabulary.pretokenizer={scheme: gpt2}"], "remove it"),
        (["vocabulary.supertokens={lengths: [[5, 4, 1.0]]}"], "cannot be drawn"),
        (["vocabulary.extend=base.json", "vocabulary.normalizer=nfc"], "remove normalizer"),
    ],
)
def test_recipes_that_cannot_be_meant_are_refused(tmp_path, settings, message):
    with pytest.raises(RecipeError, match=message):
        recipe(tmp_path, *settings)


@pytest.mark.parametrize(
    "settings",
    [
        ["vocabulary.superwords={transition: 0.8, forbid: []}", "vocabulary.weights={web: 1/3}"],
        ["vocabulary.supertokens={seed: 3}"],
        ["vocabulary.extend=base.json"],
    ],
)
def test_recipes_that_are_written_down_are_read_again(tmp_path, settings):
    chosen = recipe(tmp_path, *settings)
    assert parse_recipe(json.dumps(chosen.model_dump(mode="json", by_alias=True))) == chosen


def test_whole_weights_keep_the_ratios():
    given = {"a": Fraction("0.3"), "b": Fraction(2, 7), "c": Fraction(0), "d": Fraction(3)}
    assert whole_weights(given) == {"a": 21, "b": 20, "c": 0, "d": 210}
    assert whole_weights({"a": Fraction(4), "b": Fraction(6)}) == {"a": 2, "b": 3}


def test_weights_past_int64_are_refused():
    counts = count_words(pa.array(["a a a"]), Pretokenizer())
    assert counts.times(1 << 61).counts.max() == 1 << 62
    with pytest.raises(CapacityError, match="weight"):
        counts.times(1 << 62)
    assert np.array_equal(counts.times(1).counts, counts.counts)
    with pytest.raises(ValueError, match="at least 1"):
        counts.times(0)
