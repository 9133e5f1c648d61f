"""Recipes with token steps and row steps: the same however they run, proved by `verify`, and undone."""

import json
import pickle
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.layouts.masked_lm import MaskedLM
from pairloom.operators.schema import columns_of, token_columns
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export import export
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.steps import DocumentSteps, RowSteps
from tests.support.corpora import contents, documents, mixed_recipe_for, recipe_for, write_jsonl

SPECIAL = ["<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "[MASK]"]
VOCABULARY = f"vocabulary.special_tokens={SPECIAL!r}"
FIM = "pack.steps=[{fim: {rate: 0.7}}]"
STORED = "pack.rows=[{masked_lm: {rate: 0.15}}]"
LOADED = "pack.rows=[{masked_lm: {rate: 0.15, unit: span, when: load}}]"


def stepped(folder: Path, *settings: str, root: Path | None = None) -> Recipe:
    """A recipe with both kinds of steps."""
    return recipe_for(folder, VOCABULARY, FIM, STORED, *settings, root=root)


def ids_of(dataset: Dataset, split: str = "train") -> np.ndarray:
    """The ids of all rows of a split."""
    table = dataset.table(split)
    return table.column("input_ids").combine_chunks().flatten().to_numpy().reshape(len(table), -1)


def proved(dataset: Dataset) -> None:
    """Verify everything, every unit's round trip included."""
    round_trip(dataset, verify(dataset), sample=100)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a small corpus in several files."""
    made = documents(240)
    for part in range(4):
        write_jsonl(tmp_path / "in" / f"{part}.jsonl", made[part * 60 : part * 60 + 60])
    return tmp_path


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("pack.strategy=concat", "pack.predict_every_token=true"),
        ("pack.strategy=buckets", "pack.overflow=truncate"),
        ("pack.shuffle={mode: block}", "pack.steps=[{fim: {rate: 1, split: token, truncate: middle}}]"),
        ("pack.steps=[{fim: {level: chunk, chunk_tokens: 16, split: line}}]", "pack.shuffle={mode: none}"),
        ("pack.steps=[{fim: {split: token}}, fim]", "pack.overflow=drop", "pack.deduplicate=exact"),
        ("pack.steps=[{fim: {rate: 1, level: segment, truncate: middle}}]", "pack.seq_len=48"),
        ("pack.steps=[{fim: {rate: 1, split: syntax}}]", "pack.strategy=first_fit"),
        ("pack.rows=[{masked_lm: {unit: word}}]", "tokenize.prepend=['<|endoftext|>']"),
    ],
)
def test_a_recipe_with_steps_runs_and_is_proved(corpus: Path, settings: tuple[str, ...]) -> None:
    recipe = stepped(corpus, "pack.file_tokens=4000", *settings)
    manifest = run(recipe)
    dataset = open_dataset(recipe.root)
    proved(dataset)
    facts = manifest.stages["pack"].facts
    left_out = facts["truncated_tokens"] + facts["dropped_tokens"]
    taken = manifest.stages["tokenize"].ledger.tokens
    if "select" in manifest.stages:
        taken = manifest.stages["select"].ledger.tokens
    assert (
        taken + facts["added_tokens"] - facts["removed_tokens"]
        == facts["tokens"] - facts["repeated_tokens"] + left_out
    )
    assert facts["added_tokens"] > 0 or "truncate: middle" in str(settings)
    vocabulary = dataset.vocabulary()
    rows = dataset.table(seq_len=dataset.seq_lens()[-1])
    ids = rows.column("input_ids").combine_chunks().flatten().to_numpy()
    labels = rows.column("labels").combine_chunks().flatten().to_numpy()
    for token in SPECIAL[1:]:
        assert (ids == vocabulary.special_id(token)).any()
    assert labels.dtype == np.int32
    assert 0.08 < (labels != -100).sum() / (ids != vocabulary.special_id("<|endoftext|>")).sum() < 0.25
    assert not np.isin(labels, list(vocabulary.special_ids)).any()


def test_bytes_do_not_depend_on_units_or_on_how_files_are_cut(corpus: Path) -> None:
    one = run(stepped(corpus, "execution.unit_bytes=100MB", root=corpus / "one"))
    made = documents(240)
    write_jsonl(corpus / "in" / "all.jsonl", made)
    for part in range(4):
        (corpus / "in" / f"{part}.jsonl").unlink()
    many = run(stepped(corpus, "execution.unit_bytes=2000", root=corpus / "many"))
    assert contents(one)["pack"] == contents(many)["pack"]


def test_documents_are_infilled_alike_in_partitions_of_another_size(corpus: Path) -> None:
    """Rows hold the same segments of documents whatever files they are in, and copies of a document differ."""
    found = []
    for name, tokens in (("large", 1 << 20), ("small", 2000)):
        recipe = recipe_for(
            corpus, VOCABULARY, FIM, f"pack.file_tokens={tokens}", "pack.strategy=padded", root=corpus / name
        )
        run(recipe)
        table = open_dataset(recipe.root).table()
        assert len(open_dataset(recipe.root).files("pack", "train")) > (name == "small")
        rows = zip(*(table.column(c).to_pylist() for c in ("document", "offset", "input_ids")), strict=True)
        found.append(Counter((d[0], o[0], tuple(i)) for d, o, i in rows))
    assert found[0] == found[1]


def test_copies_of_a_mixture_are_drawn_apart_and_proved(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a" / "a.jsonl", documents(60, seed=1))
    write_jsonl(tmp_path / "b" / "b.jsonl", documents(40, seed=2))
    for mode in ("document", "none"):
        asked = {"a": {"epochs": 3}, "b": {"epochs": 0.5}}
        recipe = mixed_recipe_for(
            tmp_path,
            asked,
            VOCABULARY,
            FIM,
            STORED,
            f"pack.shuffle.mode={mode}",
            "pack.strategy=padded",
            root=tmp_path / mode,
        )
        run(recipe)
        dataset = open_dataset(recipe.root)
        proved(dataset)
        seen: dict[int, set[tuple[int, ...]]] = {}
        for number, ids, labels in zip(
            *(dataset.table().column(c).to_pylist() for c in ("document", "input_ids", "labels")), strict=True
        ):
            before = tuple(i if label == -100 else label for i, label in zip(ids, labels, strict=True))
            seen.setdefault(number[0], set()).add(before)
        assert sum(len(rows) > 2 for rows in seen.values()) > 10


def test_a_step_changes_units_and_none_leaves_them(corpus: Path) -> None:
    plain = run(recipe_for(corpus, VOCABULARY, root=corpus / "plain"))
    fim = run(recipe_for(corpus, VOCABULARY, FIM, root=corpus / "plain"))
    assert fim.generation == plain.generation + 1
    assert fim.stages["tokenize"] == plain.stages["tokenize"]
    assert not set(fim.stages["pack"].units) & set(plain.stages["pack"].units)
    # What the loader does changes no row: all units are those before, in a new generation that says so.
    loaded = run(recipe_for(corpus, VOCABULARY, LOADED, root=corpus / "plain"))
    assert loaded.generation == fim.generation + 1
    assert loaded.stages["pack"].units == plain.stages["pack"].units
    assert contents(loaded)["pack"] == contents(plain)["pack"]


def test_the_loader_masks_anew_in_each_epoch_and_goes_on_from_any_place(corpus: Path) -> None:
    recipe = recipe_for(corpus, VOCABULARY, FIM, LOADED)
    run(recipe)
    dataset = open_dataset(recipe.root)
    proved(dataset)
    plain = dataset.loader(7, steps=())
    assert "labels" not in next(iter(plain)).schema.names
    whole = pa.concat_tables(list(dataset.loader(1, epochs=2)))
    rows = len(whole) // 2
    first, second = whole.slice(0, rows), whole.slice(rows)
    assert first.column("document").equals(second.column("document"))
    assert not first.column("labels").equals(second.column("labels"))
    # Undone, they are the stored rows.
    labels, ids = (whole.column(c).combine_chunks().flatten().to_numpy() for c in ("labels", "input_ids"))
    stored = ids_of(dataset).reshape(-1)
    assert np.array_equal(np.where(labels == -100, ids, labels), np.concatenate([stored, stored]))
    # Any batch size, ranks and resumption: the same rows, the epoch's end inside a batch included.
    for batch, world, stop in ((3, 2, 4), (5, 1, 1), (rows - 1, 1, 1)):
        steps: list[pa.Table] = []
        state = None
        loaders = [dataset.loader(batch, rank=r, world_size=world, epochs=2) for r in range(world)]
        for _ in range(stop):
            parts = [next(iter(loader)) for loader in loaders]
            steps += parts
            state = loaders[0].state_dict()
            loaders = [dataset.loader(batch, rank=r, world_size=world, epochs=2) for r in range(world)]
            for loader in loaders:
                loader.load_state_dict(state)
        steps += [part for parts in zip(*loaders, strict=True) for part in parts]
        found = pa.concat_tables(steps)
        assert found.equals(whole.slice(0, len(found)))
        assert len(found) > len(whole) - batch * world
    # Another step is another stream.
    with pytest.raises(RecipeError, match="steps is"):
        dataset.loader(3, epochs=2, steps=[MaskedLM(rate=0.5)]).load_state_dict(state or {})


def test_rows_say_what_labels_are(corpus: Path) -> None:
    recipe = stepped(corpus)
    run(recipe)
    (labels,) = (
        c for c in token_columns(columns_of(open_dataset(recipe.root).table().schema)) if c.name == "labels"
    )
    assert labels == MaskedLM.columns[0]


def test_a_changed_label_or_mask_is_found(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = stepped(corpus, "pack.validation=0")
    run(recipe)
    dataset = open_dataset(recipe.root)
    monkeypatch.setattr("pairloom.pipeline.audit.verify._check_files", lambda *_: None)
    (path,) = dataset.files("pack", "train")
    table = pa.ipc.open_file(pa.py_buffer(Path(path).read_bytes())).read_all().combine_chunks()
    labels = table.column("labels").combine_chunks().flatten().to_numpy().copy()
    ids = table.column("input_ids").combine_chunks().flatten().to_numpy().copy()
    hit = int(np.flatnonzero(labels != -100)[5])

    def write(name: str, values: np.ndarray) -> None:
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        column = pa.FixedSizeListArray.from_arrays(pa.array(values), 64).cast(field.type)
        with (
            pa.OSFile(path, "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table.set_column(place, field, column))

    for name, values, value in (("labels", labels, -100), ("input_ids", ids, 7)):
        other = values.copy()
        other[hit] = value if other[hit] != value else value + 1
        write(name, other)
        with pytest.raises(CorruptionError, match=r"record batch 0 .*does not have its sum"):
            verify(open_dataset(recipe.root))
    write("labels", labels)
    write("input_ids", ids)
    verify(open_dataset(recipe.root))


def test_retokenizing_gives_the_bytes_of_a_run_from_nothing(corpus: Path) -> None:
    settings = ("pack.shuffle={mode: block}", "pack.file_tokens=4000")
    first = run(stepped(corpus, *settings))
    write_jsonl(corpus / "in" / "new.jsonl", [(f"new-{name}", text) for name, text in documents(40, seed=9)])
    recipe = stepped(corpus, *settings)
    again, _ = retokenize(recipe)
    assert again.generation == first.generation + 1
    proved(open_dataset(recipe.root))
    brought = corpus / "tokenizer.json"
    brought.write_bytes(open_dataset(recipe.root).vocabulary().to_json())
    fresh = stepped(corpus, *settings, root=corpus / "fresh").model_dump(mode="json", by_alias=True)
    fresh["vocabulary"] = {"from": str(brought)}
    assert contents(run(Recipe.model_validate(fresh)))["pack"] == contents(again)["pack"]
    # A file without the special tokens of a step is refused, with what to do.
    fresh["pack"]["steps"] = [{"fim": {"tokens": "qwen"}}]
    with pytest.raises(
        RecipeError, match=r"in the step fim, but .* no such special token .* add it to the file's"
    ):
        run(Recipe.model_validate(fresh))


def test_steps_and_what_they_know_can_be_sent_to_workers(corpus: Path) -> None:
    recipe = stepped(corpus)
    run(recipe)
    dataset = open_dataset(recipe.root)
    vocabulary, pack = dataset.vocabulary(), recipe.pack
    steps = DocumentSteps.of(pack.steps, vocabulary, 0), RowSteps.of(pack.stored_rows, vocabulary)
    documents_of, rows_of = pickle.loads(pickle.dumps(steps))
    (shard,) = dataset.files("tokenize")
    tokens = TokenBatch.of_table(pa.ipc.open_file(pa.py_buffer(Path(shard).read_bytes())).read_all())
    one, other = (s.apply(tokens).batch.gathered("input_ids") for s in (steps[0], documents_of))
    assert one.equals(other)
    plain = next(dataset.batches()).drop_columns(["labels"])
    assert rows_of.apply(plain, 1, 2, 3).equals(steps[1].apply(plain, 1, 2, 3))


def test_documents_are_exported_as_they_were_before_steps(corpus: Path) -> None:
    recipe = stepped(corpus)
    run(recipe)
    plain = recipe_for(corpus, VOCABULARY, root=corpus / "plain")
    run(plain)
    for root, name in ((recipe.root, "with"), (plain.root, "without")):
        export(open_dataset(root), "parquet", str(corpus / name), split="train", unit="documents")
    found = [
        pq.read_table(next((corpus / name).glob("*.parquet"))).to_pylist() for name in ("with", "without")
    ]
    assert found[0] == found[1]


def test_the_command_lists_every_step_with_its_keys() -> None:
    found = CliRunner().invoke(app, ["steps"])
    assert found.exit_code == 0
    words = " ".join(found.stdout.split())
    assert "token steps, under pack.steps" in words
    assert "fim Some documents as prefix, suffix, middle" in words
    assert "rate: 0.15, replace: [0.8, 0.1, 0.1], unit: token" in words
    listed = json.loads(CliRunner().invoke(app, ["steps", "--json"]).stdout)
    assert listed["row step"]["steps"]["masked_lm"]["keys"]["mask_token"] == "[MASK]"
    assert set(listed) == {"document step", "token step", "row step"}


KILLED = "import sys; from pathlib import Path; from tests.runs.test_steps import job; job(Path(sys.argv[1]))"


def job(folder: Path) -> None:
    run(stepped(folder, "execution.unit_bytes=3000", "pack.file_tokens=2000", root=folder / "killed"))


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(240))
    settings = ("execution.unit_bytes=3000", "pack.file_tokens=2000")
    whole = run(stepped(tmp_path, *settings))
    draw, killed, root = random.Random(3), 0, Path(__file__).parents[2]
    place = tmp_path / "killed"
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root)
        before = len(list(place.rglob("*"))) if place.exists() else 0
        while process.poll() is None and len(list(place.rglob("*"))) <= before:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed > 0
    last = run(stepped(tmp_path, *settings, root=place))
    assert contents(last) == contents(whole)
    proved(open_dataset(str(place)))


def test_infills_of_segments_are_whole_in_rows(corpus: Path) -> None:
    recipe = stepped(
        corpus,
        "pack.steps=[{fim: {rate: 1, level: segment, truncate: middle}}]",
        "pack.seq_len=48",
        "pack.rows=[]",
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    prefix, suffix, middle = (dataset.vocabulary().special_id(t) for t in SPECIAL[1:4])
    infilled = 0
    for row in dataset.table("train").to_pylist():
        at = 0
        for length in row["segment_lengths"]:
            piece = row["input_ids"][at : at + length]
            assert piece.count(prefix) == piece.count(suffix) == piece.count(middle) <= 1
            infilled += piece.count(prefix)
            at += length
    assert infilled > 20


@pytest.mark.parametrize("setting", ["pack.strategy=concat", "pack.predict_every_token=true"])
def test_segments_of_rows_that_are_cut_elsewhere_are_refused(corpus: Path, setting: str) -> None:
    with pytest.raises(RecipeError, match="level must not be segment where rows do not cut documents"):
        stepped(corpus, "pack.steps=[{fim: {level: segment, truncate: middle}}]", setting)
