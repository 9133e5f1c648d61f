"""A run from end to end, in this process: what comes out, what is done twice (nothing), what is refused."""

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import ConflictError, DataError, RecipeError
from pairloom.operators.models.bpe import load_tiktoken, save_tiktoken
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Doing, Event, StepStarted
from pairloom.pipeline.store.files import read_stored
from tests.support.corpora import contents, documents, recipe_for, rows_of, texts_of, write_jsonl
from tests.support.piece_models import PLAIN, piece_model


@pytest.mark.parametrize("repeated", [0, 1])
@pytest.mark.parametrize("strategy", ["best_fit", "first_fit", "concat", "padded"])
def test_every_document_comes_back_byte_for_byte(tmp_path: Path, strategy: str, repeated: int) -> None:
    corpus = documents(200)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    recipe = recipe_for(tmp_path, f"pack.strategy={strategy}", f"pack.predict_every_token={bool(repeated)}")
    run(recipe)
    dataset = open_dataset(recipe.root)
    assert texts_of(dataset, repeated=repeated) == {
        int(document_numbers(pa.array([name]))[0]): text.encode() for name, text in corpus if text
    }


def test_rows_open_without_us(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    recipe = recipe_for(tmp_path)
    manifest = run(recipe)
    dataset = open_dataset(recipe.root)
    (file,) = dataset.files("pack", "train")
    table = dataset.table()
    assert table.schema.field("input_ids").type == pa.list_(pa.uint16(), 64)
    assert pl.read_ipc(file).height == table.num_rows
    with pa.memory_map(file) as source:
        assert pa.ipc.open_file(source).read_all().equals(table)
    facts = json.loads(table.schema.metadata[b"pairloom"])
    assert facts == dataset.facts()
    assert facts["vocabulary"] == manifest.fingerprint == dataset.vocabulary().fingerprint
    used = pc.sum(pc.list_flatten(table.column("segment_lengths"))).as_py()
    validation = pc.sum(pc.list_flatten(dataset.table("validation").column("segment_lengths"))).as_py()
    assert (
        used + validation
        == manifest.stages["pack"].facts["tokens"]
        == manifest.stages["tokenize"].ledger.tokens
    )
    ids = np.concatenate(table.column("input_ids").combine_chunks().flatten().to_numpy().reshape(-1, 64))
    assert ids.max() < len(dataset.vocabulary())


def test_datasets_opens_the_rows(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    recipe = recipe_for(tmp_path)
    run(recipe)
    code = (
        "import sys, datasets; d = datasets.load_dataset('arrow', data_files=sys.argv[2:], split='train', "
        "cache_dir=sys.argv[1]); print(d.num_rows, len(d[0]['input_ids']))"
    )
    files = open_dataset(recipe.root).files("pack", "train")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache"), *files],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(open_dataset(recipe.root).table().num_rows), "64"]


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    recipe = recipe_for(tmp_path)
    first = run(recipe)
    events: list[Event] = []
    assert run(recipe, observe=events.append) == first
    assert [event for event in events if not isinstance(event, Doing)] == []


def test_a_changed_packing_reuses_the_tokens(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    run(recipe_for(tmp_path))
    events: list[Event] = []
    changed = recipe_for(tmp_path, "pack.seq_len=32", "execution.unit_bytes=2000")
    second = run(changed, observe=events.append)
    steps = [event.step for event in events if isinstance(event, StepStarted)]
    assert steps == ["prepare", "exchange", "pack"]
    assert second.generation == 2
    assert open_dataset(changed.root, generation=1).table().schema.field("input_ids").type.list_size == 64


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    recipe = recipe_for(tmp_path, "execution.unit_bytes=4000")
    whole = run(recipe)
    stopped = recipe_for(tmp_path, "execution.unit_bytes=4000", root=tmp_path / "stopped")

    class PowerCutError(Exception):
        pass

    for at in range(1, 400, 7):
        seen = 0

        def cut(event: Event, at: int = at) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                raise PowerCutError

        try:
            again = run(stopped, observe=cut)
        except PowerCutError:
            continue
        break
    assert contents(again) == contents(whole)


@pytest.mark.parametrize(
    ("mode", "strategy"),
    [
        ("document", "best_fit"),
        ("document", "concat"),
        ("none", "concat"),
        ("block", "best_fit"),
        ("block", "buckets"),
    ],
)
def test_units_do_not_change_a_byte(tmp_path: Path, mode: str, strategy: str) -> None:
    corpus = documents(300)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus[:200])
    for i, (_, text) in enumerate(corpus[200:]):
        (tmp_path / "in" / f"b{i}.txt").write_text(text)
    made = []
    for unit_bytes in (3_000, 9_000, 1_000_000):
        settings = [
            f"execution.unit_bytes={unit_bytes}",
            f"pack.shuffle.mode={mode}",
            f"pack.strategy={strategy}",
        ]
        recipe = recipe_for(tmp_path, *settings, "pack.file_tokens=2000", root=tmp_path / str(unit_bytes))
        manifest = run(recipe)
        assert len(manifest.stages["pack"].files) > 2
        made.append([contents(manifest)[stage] for stage in ("count", "learn", "pack")])
    assert made[0] == made[1] == made[2]


def test_shuffling_moves_documents_and_none_does_not(tmp_path: Path) -> None:
    corpus = documents(100)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    orders = {}
    for mode, seed in (("none", 0), ("document", 0), ("document", 1)):
        settings = [
            f"pack.shuffle={{mode: {mode}, seed: {seed}}}",
            "pack.strategy=concat",
            "pack.validation=0",
        ]
        recipe = recipe_for(tmp_path, *settings, root=tmp_path / f"{mode}{seed}")
        run(recipe)
        seen = [d for row in rows_of(open_dataset(recipe.root)) for d in row["document"]]
        orders[mode, seed] = list(dict.fromkeys(seen))
    expected = document_numbers(pa.array([name for name, text in corpus if text])).tolist()
    assert orders["none", 0] == expected
    assert sorted(orders["document", 0]) == sorted(orders["document", 1]) == sorted(expected)
    assert orders["document", 0] != expected
    assert orders["document", 0] != orders["document", 1]


@pytest.mark.parametrize(("overflow", "fact"), [("truncate", "truncated_tokens"), ("drop", "dropped_tokens")])
def test_what_is_left_out_is_counted(tmp_path: Path, overflow: str, fact: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    recipe = recipe_for(tmp_path, f"pack.overflow={overflow}", "pack.seq_len=16")
    manifest = run(recipe)
    facts = manifest.stages["pack"].facts
    assert facts[fact] > 0
    assert facts["tokens"] + facts[fact] == manifest.stages["tokenize"].ledger.tokens


def test_rejected_records_are_kept_apart_and_counted(tmp_path: Path) -> None:
    place = tmp_path / "in" / "a.jsonl"
    write_jsonl(place, documents(20))
    with place.open("ab") as file:
        file.write(b'{"id": "x"}\nnot json\n{"id": "y", "text": null}\n{"id": "z", "text": "\xff"}\n')
    with pytest.raises(
        DataError, match=r"4 of 24 records.*max_rejected = 0(.|\n)*a\.jsonl, byte \d+: missing_text"
    ):
        run(recipe_for(tmp_path))
    manifest = run(recipe_for(tmp_path, "max_rejected=0.2"))
    ledger = manifest.stages["tokenize"].ledger
    assert ledger.rejects == sum(manifest.stages["count"].ledger.rejected.values()) == 4
    assert ledger.documents_in == 24 == ledger.documents_out + ledger.empty + 4


def test_text_that_spells_a_special_token(tmp_path: Path) -> None:
    corpus = [*documents(20), ("evil", "a <|endoftext|> b")]
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    spelled = [text.count("<|endoftext|>") for _, text in corpus]
    settings = ["tokenize.append=[]", "pack.validation=0"]
    counts = {}
    for policy in ("text", "parse", "error"):
        recipe = recipe_for(
            tmp_path,
            *settings,
            f"tokenize.special_tokens_in_text={policy}",
            "max_rejected=1",
            root=tmp_path / policy,
        )
        manifest = run(recipe)
        ids = open_dataset(recipe.root).table().to_pylist()
        used = [i for row in ids for i in row["input_ids"][: sum(row["segment_lengths"])]]
        counts[policy] = (used.count(0), manifest.stages["tokenize"].ledger.rejected)
    rejected = {"special_token_in_text": sum(count > 0 for count in spelled)}
    assert counts == {"text": (0, {}), "parse": (sum(spelled), {}), "error": (0, rejected)}


def test_a_given_vocabulary_skips_count_and_learn(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    learned = recipe_for(tmp_path)
    run(learned)
    path = tmp_path / "tokenizer.json"
    open_dataset(learned.root).vocabulary().save(path)
    given = recipe_for(tmp_path, f"vocabulary={{from: {path}}}", root=tmp_path / "given")
    manifest = run(given)
    assert list(manifest.stages) == ["tokenize", "pack"]
    path.unlink()
    assert open_dataset(given.root).table().equals(open_dataset(learned.root).table())
    assert open_dataset(given.root).vocabulary().fingerprint == manifest.fingerprint


def test_a_vocabulary_of_other_files_is_kept_as_one_file(tmp_path: Path) -> None:
    """A model of SentencePiece, and a vocab.txt with what says that it is not in lower case."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(20))
    letters = [(one, -9.0 - i, 1) for i, one in enumerate("\u2581abcdefghijklmnopqrstuvwxyz")]
    folders = {"model": tmp_path / "x.model", "words": tmp_path / "words"}
    folders["model"].write_bytes(
        piece_model([*PLAIN, ("<|endoftext|>", 0.0, 3), *letters, ("\u2581a", -1.0, 1)])
    )
    folders["words"].mkdir()
    (folders["words"] / "vocab.txt").write_text("[UNK]\n<|endoftext|>\na\nthe\n")
    (folders["words"] / "tokenizer_config.json").write_text(
        '{"do_lower_case": false, "eos_token": "<|endoftext|>"}'
    )
    for name, path in folders.items():
        recipe = recipe_for(tmp_path, f"vocabulary={{from: {path}}}", root=tmp_path / name)
        manifest = run(recipe)
        dataset = open_dataset(recipe.root)
        vocabulary = dataset.vocabulary()
        assert vocabulary.fingerprint == manifest.fingerprint
        assert vocabulary == Vocabulary.load(path)
        assert read_stored(dataset.objects, manifest.vocabulary)[:1] == b"{"
        verify(dataset)


def test_a_file_of_ranks_is_read_as_the_recipe_says(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(20))
    learned = learn_bpe(count_words(pa.array(["word 12 12 word"]), Pretokenizer()), 262)
    save_tiktoken(learned, tmp_path / "x.tiktoken")
    file = tmp_path / "x.tiktoken"
    said = "ranks: {scheme: llama3, digits: single, special_tokens: {<|endoftext|>: 0}, offset: 1}"
    with pytest.raises(RecipeError, match=r"say so with vocabulary\.ranks"):
        run(recipe_for(tmp_path, f"vocabulary={{from: {file}}}"))
    with pytest.raises(RecipeError, match=r"give its id in vocabulary\.ranks\.special_tokens"):
        run(recipe_for(tmp_path, f"vocabulary={{from: {file}, ranks: llama3}}"))
    with pytest.raises(RecipeError, match=r"`ranks` says how a \.tiktoken file is read"):
        recipe_for(tmp_path, f"vocabulary={{{said}}}")
    recipe = recipe_for(tmp_path, f"vocabulary={{from: {file}, {said}}}")
    run(recipe)
    dataset = open_dataset(recipe.root)
    wanted = load_tiktoken(
        tmp_path / "x.tiktoken",
        scheme="llama3",
        digits="single",
        special_tokens={"<|endoftext|>": 0},
        offset=1,
    )
    assert dataset.vocabulary() == wanted
    verify(dataset)
    assert Recipe.model_validate(dataset.manifest.recipe).vocabulary.ranks == recipe.vocabulary.ranks


def test_a_given_vocabulary_finds_its_plain_tokens_and_is_verified(tmp_path: Path) -> None:
    """F2, T4: of a folder; runs of spaces are no special tokens, and what they leave is normalized."""
    write_jsonl(tmp_path / "in" / "a.jsonl", [(str(i), f"x{i}\n    if e\u0301 <t>\u0338") for i in range(50)])
    cut = Pretokenizer(scheme="gpt2")
    counts = count_words(pa.array([" if x é"] * 9), cut)
    learned = learn_bpe(counts, 262, special_tokens=["<|endoftext|>"], pretokenizer=cut, normalizer="nfc")
    vocabulary = replace(
        learned,
        tokens=[*learned.tokens, b"    ", b"<t>"],
        special_tokens=("<|endoftext|>", "    ", "<t>"),
        special_ids=(0, len(learned), len(learned) + 1),
        plain_tokens=("    ", "<t>"),
    )
    vocabulary.save(tmp_path / "tokenizer.json")
    recipe = recipe_for(
        tmp_path, f"vocabulary={{from: {tmp_path}}}", "pack.validation=0", root=tmp_path / "out"
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    values = [i for row in dataset.table().to_pylist() for i in row["input_ids"]]
    assert [values.count(len(learned)), values.count(len(learned) + 1)] == [50, 50]
    proof = verify(dataset)
    round_trip(dataset, proof, sample=9)
    assert proof.source_documents == 50


def test_the_learned_tokenizer_gives_the_same_ids_elsewhere(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    corpus = documents(100)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    recipe = recipe_for(tmp_path)
    run(recipe)
    dataset = open_dataset(recipe.root)
    (path,) = [file for file in dataset.files("learn") if file.endswith("tokenizer.json")]
    theirs = Tokenizer.from_file(path)
    for text in [
        text for _, text in corpus if "<|endoftext|>" not in text
    ]:  # which `tokenizers` always parses
        assert dataset.vocabulary().encode_one(text).tolist() == theirs.encode(text).ids


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl.gz", gzip.compress(b'{"text": "abc"}\n' * 1000, mtime=0)[:-9], r"a\.jsonl\.gz"),
        ("a.parquet", b"PAR1 this is no footer", r"a\.parquet"),
    ],
    ids=["gzip", "parquet"],
)
def test_truncated_inputs_fail_the_run(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        run(recipe_for(tmp_path))


def test_two_runs_cannot_both_commit(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    recipe = recipe_for(tmp_path)
    raced = False

    def race(event: Event) -> None:
        nonlocal raced
        if isinstance(event, StepStarted) and event.step == "pack" and not raced:
            raced = True
            run(recipe_for(tmp_path), until="learn")

    with pytest.raises(ConflictError, match="another run has committed generation 1"):
        run(recipe, observe=race)
    assert run(recipe).generation == 2


def test_nothing_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(RecipeError, match="in"):
        run(recipe_for(tmp_path))
    with pytest.raises(RecipeError, match="nothing is committed"):
        open_dataset(str(tmp_path / "out"))


def test_a_corpus_of_empty_documents(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [("a", ""), ("b", "")])
    recipe: Recipe = recipe_for(tmp_path, "vocabulary.size=257", "corpus.0.allow_empty=true")
    manifest = run(recipe)
    assert manifest.stages["tokenize"].ledger.empty == 2
    with pytest.raises(RecipeError, match="no rows"):
        open_dataset(recipe.root).table()
