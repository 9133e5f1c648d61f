"""Vocabularies of other families by recipe (C12): learned, kept as a file, tokenized with, verified, reported on."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import tokenizers as owner

import pairloom as pl
from pairloom.operators import Pretokenizer, Vocabulary, WordCounts, count_words
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import LEARNERS as FAMILIES
from pairloom.operators.learners import Target
from pairloom.operators.learners.bytes import BytesLearner
from pairloom.operators.learners.compound_bpe import CompoundBPELearner
from pairloom.operators.models.bpe.learning import learn_bpe
from pairloom.operators.models.bpe.sequential import learn_sequential
from pairloom.operators.models.lzw import learn_lzw
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.plan import make_plan
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.stages.learn.cost import cost as learning_cost
from pairloom.pipeline.stages.tokenize import cost as tokenizing
from pairloom.pipeline.stages.tokenize.cost import cost as tokenizing_cost
from pairloom.pipeline.transplant import write_rows
from tests.support.corpora import contents, documents, texts_of, write_jsonl


def learn_compounds(counts: WordCounts, size: int, special_tokens: list[str]) -> Vocabulary:
    target = Target(size=size, special_tokens=tuple(special_tokens))
    return CompoundBPELearner().learn(counts, target)


def bytes_alone(_: WordCounts, size: int, special_tokens: list[str]) -> Vocabulary:
    return BytesLearner().learn(_, Target(size=size, special_tokens=tuple(special_tokens)))


LEARNERS = {
    "lzw": learn_lzw,
    "sequential_bpe": learn_sequential,
    "compound_bpe": learn_compounds,
    "bytes": bytes_alone,
}


def recipe(folder: Path, *settings: str, root: str = "out"):
    text = f"""
root: {folder / root}
corpus: [{{name: web, paths: ["{folder}/web/*"], id: id}}]
vocabulary: {{size: 500}}
pack: {{seq_len: 64}}
execution: {{engine: local, unit_bytes: 3000}}
"""
    return parse_recipe(text, overrides=settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_jsonl(folder / "web" / "a.jsonl", documents(120, 1))
    return folder


@pytest.mark.parametrize("family", LEARNERS)
def test_a_recipe_learns_packs_and_verifies_whatever_the_units(folder: Path, family: str) -> None:
    chosen = recipe(folder, f"vocabulary.family={family}", root=family)
    first = run(chosen)
    dataset = open_dataset(chosen.root)
    texts = pa.array([text for _, text in documents(120, 1)])
    expected = LEARNERS[family](count_words(texts, Pretokenizer()), 500, special_tokens=["<|endoftext|>"])
    assert dataset.vocabulary() == expected
    assert Vocabulary.load(next(Path(chosen.root).rglob("*tokenizer.json"))) == expected
    assert texts_of(dataset) == {
        int(document_numbers(pa.array([name]))[0]): text.encode() for name, text in documents(120, 1) if text
    }
    assert verify(dataset).tokens > 0
    again = run(
        recipe(folder, f"vocabulary.family={family}", "execution.unit_bytes=9000", root=f"{family}-other")
    )
    for stage in ("learn", "pack"):
        assert contents(first)[stage] == contents(again)[stage]


@pytest.mark.parametrize(
    "family", ["wordpiece", "{wordpiece: {lowercase: false}}", "character_bpe", "characters"]
)
def test_families_of_characters_are_learned_and_used(folder: Path, family: str) -> None:
    pytest.importorskip("tokenizers")
    name = family.strip("{").partition(":")[0]
    settings = (f"vocabulary.family={family}", "vocabulary.size=700")
    chosen = recipe(folder, *settings, root=f"of-{len(family)}")
    first = run(chosen)
    dataset = open_dataset(chosen.root)
    assert dataset.vocabulary().model.name == {"characters": "character_bpe"}.get(name, name)
    assert verify(dataset).tokens > 0
    again = run(recipe(folder, *settings, "execution.unit_bytes=9000", root=f"of-{len(family)}-other"))
    for stage in ("learn", "pack"):
        assert contents(first)[stage] == contents(again)[stage]
    with pytest.raises(RecipeError, match="pretokenizer"):
        recipe(folder, f"vocabulary.family={family}", "vocabulary.pretokenizer=o200k")


def test_another_family_is_learned_anew_and_none_is_found_again(folder: Path) -> None:
    plan = make_plan(recipe(folder))
    others = [make_plan(recipe(folder, f"vocabulary.family={family}")) for family in LEARNERS]
    assert len({one.keys["learn"] for one in (plan, *others)}) == 1 + len(LEARNERS)
    assert {one.keys["count"] for one in (plan, *others)} == {plan.keys["count"]}
    assert make_plan(recipe(folder, "vocabulary.family=bpe")).keys == plan.keys


def test_a_forecast_has_one_task_that_learns_them(folder: Path) -> None:
    small = Cluster(machines=9, processors=4, memory=1_000_000, network=1e9)
    for settings, tasks in (((), 5), (("vocabulary.family=lzw",), 1)):
        found = next(
            one for one in forecast(make_plan(recipe(folder, *settings)), small) if one.stage == "learn"
        )
        assert found.tasks == tasks


def test_a_forecast_knows_what_families_take(folder: Path) -> None:
    cluster = Cluster(machines=1, processors=2, memory=1 << 36, network=1e9)

    def work(*settings: str) -> float:
        return learning_cost(make_plan(recipe(folder, *settings)), cluster).work

    assert work("vocabulary.family=unigram") == pytest.approx(28 * work())
    assert work("vocabulary.family=character_bpe") == pytest.approx(4 * work())


def test_a_forecast_of_tokenizing_knows_families_and_files(folder: Path, tmp_path: Path) -> None:
    def asked(*settings: str) -> Cost:
        return tokenizing_cost(make_plan(recipe(folder, *settings)))

    usual = asked()
    assert usual.work == pytest.approx(make_plan(recipe(folder)).bytes / tokenizing.RATE)
    assert asked("vocabulary.family=unigram").work > usual.work
    assert asked("vocabulary.family=bytes").disk == pytest.approx(3.5 * usual.disk, rel=0.01)
    # A pattern of one's own takes most of the time, and more where the library runs it.
    slow = asked("vocabulary.pretokenizer.pattern='[a-z]+'")
    slowest = asked(r"vocabulary.pretokenizer.pattern='(a|aa)+'")
    assert slowest.work > 2 * slow.work > 10 * usual.work
    made = owner.Tokenizer(owner.models.BPE({"a": 0, "b": 1, "b</w>": 2}, [], end_of_word_suffix="</w>"))
    made.add_special_tokens(["<|endoftext|>"])
    made.save(str(tmp_path / "tokenizer.json"))
    brought = asked(f"vocabulary={{from: '{tmp_path}/tokenizer.json'}}")
    assert Vocabulary.load(tmp_path / "tokenizer.json").slow_path is not None
    assert brought.work == pytest.approx(slowest.work, rel=0.01)
    # And a vocabulary that kernels encode is asked for its own.
    counts = count_words(pa.array(["to be or not to be"]), Pretokenizer())
    learned = learn_lzw(counts, 300, special_tokens=["<|endoftext|>"])
    learned.save(tmp_path / "lzw.json")
    assert asked(f"vocabulary={{from: '{tmp_path}/lzw.json'}}").work == pytest.approx(
        asked("vocabulary.family=lzw").work
    )


@pytest.mark.parametrize(
    ("step", "key"),
    [
        ("aligned_rows: {tokenizer: /nowhere/x.json}", "aligned_rows: tokenizer"),
        ("ernie_gram: {lexicon: /nowhere/x.json}", "ernie_gram: lexicon"),
        ("electra: {counts: /nowhere/x.json, generator: unigram}", "electra: counts"),
    ],
)
def test_a_plan_asks_for_the_files_of_row_steps(folder: Path, step: str, key: str) -> None:
    tokens = ["<|endoftext|>", "[MASK]", "[CLS]", "[SEP]"]
    with pytest.raises(
        RecipeError, match=rf"pack.rows: {key} must be a file, and there is no /nowhere/x.json"
    ):
        make_plan(recipe(folder, f"pack.rows=[{{{step}}}]", f"vocabulary.special_tokens={tokens}"))
    there = step.replace("/nowhere/x.json", str(folder))
    with pytest.raises(RecipeError, match=rf"pack.rows: {key} must be a file, and {folder} is a folder"):
        make_plan(recipe(folder, f"pack.rows=[{{{there}}}]", f"vocabulary.special_tokens={tokens}"))


def test_a_folder_with_a_vocabulary_alone_is_exported_as_its_file_is(tmp_path: Path) -> None:
    learned = learn_lzw(
        count_words(pa.array(["to be"]), Pretokenizer()), 300, special_tokens=["<|endoftext|>"]
    )
    (tmp_path / "held").mkdir()
    learned.save(tmp_path / "held" / "tokenizer.json")
    pl.export(tmp_path / "held", tmp_path / "out", format="tokenizer")
    assert Vocabulary.load(tmp_path / "out") == learned
    for held in (tmp_path / "held", tmp_path / "held" / "tokenizer.json"):
        with pytest.raises(
            RecipeError, match="is a vocabulary, which has no generations; leave --generation out"
        ):
            pl.export(held, tmp_path / "other", format="tokenizer", generation=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match="nothing is committed below"):
        pl.export(tmp_path / "empty", tmp_path / "other", format="tokenizer")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["superwords={}"], "superwords"),
        (["supertokens={}"], "supertokens"),
        (["extend=x.json"], "extend"),
        (["learn.mode=sharded"], "learn.mode: sharded"),
        (["min_count=2"], "min_count"),
    ],
)
def test_what_a_family_does_not_know_is_refused(folder: Path, settings: list[str], named: str) -> None:
    given = [f"vocabulary.{one}" for one in settings]
    if named == "extend":
        given.append("vocabulary={size: 500, extend: x.json, family: lzw}")
    with pytest.raises(RecipeError, match=f"the family lzw has no {named}"):
        recipe(folder, "vocabulary.family=lzw", *given)


def test_roots_are_learned_packed_and_verified_and_their_files_count(folder: Path) -> None:
    """C14."""
    (folder / "roots.txt").write_text("the\nword words\n", encoding="utf-8")
    (folder / "affixes.txt").write_text("es@after=hissing s\n", encoding="utf-8")
    (folder / "rules.json").write_text('{"classes": {"hissing": "sxz"}}', encoding="utf-8")
    keys = ", ".join(f"{key}: {next(folder.glob(f'{key}.*'))}" for key in ("roots", "affixes", "rules"))
    family = f"vocabulary.family={{roots: {{{keys}}}}}"
    chosen = recipe(folder, family, root="roots")
    first = run(chosen)
    dataset = open_dataset(chosen.root)
    assert dataset.vocabulary().model.name == "roots"
    assert texts_of(dataset) == {
        int(document_numbers(pa.array([name]))[0]): text.encode() for name, text in documents(120, 1) if text
    }
    assert verify(dataset).tokens > 0
    again = run(recipe(folder, family, "execution.unit_bytes=9000", root="roots-other"))
    for stage in ("learn", "pack"):
        assert contents(first)[stage] == contents(again)[stage]
    key = make_plan(chosen).keys["learn"]
    (folder / "roots.txt").write_text("the\nword\n", encoding="utf-8")
    assert make_plan(chosen).keys["learn"] != key
    (folder / "roots.txt").unlink()
    with pytest.raises(RecipeError, match=r"roots\.txt cannot be read"):
        make_plan(chosen)


def test_typed_entries_are_learned_packed_verified_and_reported(folder: Path) -> None:
    """C16."""
    texts = [text for _, text in documents(120, 1)]
    learn_bpe(count_words(pa.array(texts[:9]), Pretokenizer()), 300).save(folder / "base.json")
    words = sorted(
        {word for text in texts for word in text.split() if word.isalpha()}, key=lambda one: (-len(one), one)
    )
    lines = [f"{word}\t{('long', 'other')[place % 2]}\n" for place, word in enumerate(words[:40])]
    (folder / "concepts.tsv").write_text("".join(lines), encoding="utf-8")
    keys = f"base: {folder}/base.json, concepts: {folder}/concepts.tsv, entries: 60, sizes: {{other: 50}}"
    family = f"vocabulary.family={{typed: {{{keys}}}}}"
    chosen = recipe(folder, family, root="typed")
    first = run(chosen)
    dataset = open_dataset(chosen.root)
    base, found = Vocabulary.load(folder / "base.json"), dataset.vocabulary()
    assert found.tokens[: len(base)] == base.tokens[:]
    assert len(found) > len(base) + 1
    assert texts_of(dataset) == {
        int(document_numbers(pa.array([name]))[0]): text.encode() for name, text in documents(120, 1) if text
    }
    assert verify(dataset).tokens > 0
    again = run(recipe(folder, family, "execution.unit_bytes=9000", root="typed-other"))
    for stage in ("learn", "pack"):
        assert contents(first)[stage] == contents(again)[stage]
    measured = pl.report(
        str(folder / "base.json"), texts=[str(folder / "web" / "*")], against={"typed": found}
    )
    sums = measured.figures["groups"][0]["tokenizers"]
    assert sums["typed"]["tokens"] < sums["this"]["tokens"]
    assert sums["typed"]["bytes"] == sums["this"]["bytes"]
    told = write_rows(base, found, str(folder / "rows.arrow"))
    assert told["rows"] == len(found)
    assert told["origins"]["pieces"] > 0


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_family_says_before_anything_is_counted_that_it_needs_the_library(
    folder: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if family in ("roots", "typed"):
        pytest.skip("it has files of its own to learn from")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    size = 65536 if family == "code_points" else 700
    settings = (f"vocabulary.family={family}", f"vocabulary.size={size}")
    chosen = recipe(folder, *settings, root=f"alone-{family}")
    if FAMILIES.get(family).by_library:
        with pytest.raises(RecipeError, match=rf"{family} needs the `tokenizers` library .*pip install"):
            make_plan(chosen)
        return
    run(chosen)
    assert verify(open_dataset(chosen.root)).tokens > 0


def test_a_file_that_needs_the_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "vocab": {"[UNK]": 0},
    }
    data = json.dumps({"added_tokens": [], "model": words, "pre_tokenizer": {"type": "BertPreTokenizer"}})
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(RecipeError, match=r"needs the `tokenizers` library, because its .*pip install"):
        Vocabulary.from_json(data.encode())
