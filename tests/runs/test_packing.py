"""Packing from end to end: strategies, leftovers, block shuffle, and what a changed input changes."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pairloom.jobs.cli import main
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.stages.exchange import orders, partitions
from pairloom.pipeline.store.manifest import Manifest
from tests.support.corpora import contents, documents, recipe_for, rows_of, texts_of, write_jsonl


def proved(dataset: Dataset) -> None:
    proof = verify(dataset)
    round_trip(dataset, proof, sample=2, everything=True)
    assert proof.rows > 0


def packed(manifest: Manifest, split: str = "train") -> list[str]:
    return [file.sha256 for file in manifest.stages["pack"].files if file.role == split]


@pytest.fixture
def learned(tmp_path: Path) -> str:
    """A vocabulary that stays while the corpus changes."""
    folder = tmp_path / "learned"
    write_jsonl(folder / "in" / "a.jsonl", documents(200))
    recipe = recipe_for(folder)
    run(recipe, until="learn")
    path = folder / "tokenizer.json"
    open_dataset(recipe.root).vocabulary().save(path)
    return f"vocabulary={{from: {path}}}"


@pytest.mark.parametrize("repeated", [0, 1])
@pytest.mark.parametrize("strategy", ["best_fit", "first_fit", "concat"])
def test_many_small_partitions_leave_no_more_padding_than_one(
    tmp_path: Path, strategy: str, repeated: int
) -> None:
    corpus = documents(300)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    settings = [f"pack.strategy={strategy}", f"pack.predict_every_token={bool(repeated)}"]
    many = run(recipe_for(tmp_path, *settings, "pack.file_tokens=900", root=tmp_path / "many"))
    one = run(recipe_for(tmp_path, *settings, root=tmp_path / "one"))
    record = many.stages["pack"]
    assert len(record.leftovers) > 5
    assert not one.stages["pack"].leftovers
    for split, facts in record.splits.items():
        used = [sum(row["segment_lengths"]) for row in rows_of(open_dataset(str(tmp_path / "many")), split)]
        assert facts["padding"] == sum(64 - n for n in used)
        if strategy == "concat":
            assert facts["padding"] < 64
            assert facts["rows"] == one.stages["pack"].splits[split]["rows"]
        else:
            assert sum(2 * n <= 64 for n in used) <= 1
    proved(open_dataset(str(tmp_path / "many")))
    assert texts_of(open_dataset(str(tmp_path / "many"))) if not repeated else True
    assert all("leftover" not in path for path in open_dataset(str(tmp_path / "many")).files())


def test_efficiency_adds_up(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(300))
    recipe = recipe_for(tmp_path, "pack.file_tokens=2000", "pack.overflow=drop", "pack.seq_len=32")
    record = run(recipe).stages["pack"]
    dataset = open_dataset(recipe.root)
    for split in ("train", "validation"):
        facts, rows = record.splits[split], rows_of(dataset, split)
        assert facts["rows"] == len(rows)
        assert facts["segments"] == sum(len(row["document"]) for row in rows)
        assert facts["tokens"] == sum(sum(row["segment_lengths"]) for row in rows)
        assert facts["padding"] == 32 * len(rows) - facts["tokens"]
        assert facts["documents"] == len({d for row in rows for d in row["document"]})
        assert facts["splits"] == sum(o > 0 for row in rows for o in row["offset"])
    for name in ("rows", "tokens", "padding", "segments", "documents", "splits", "dropped_tokens"):
        assert record.facts[name] == sum(facts[name] for facts in record.splits.values())
    assert record.facts["dropped_documents"] == record.ledger.rejected["dropped_by_overflow"] > 0


def test_buckets_are_rows_of_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = documents(300)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    settings = ["pack.strategy=buckets", "pack.min_bucket=8", "pack.file_tokens=4000"]
    recipe = recipe_for(tmp_path, *settings)
    manifest = run(recipe)
    dataset = open_dataset(recipe.root)
    assert dataset.seq_lens() == [8, 16, 32, 64]
    seen = 0
    for seq_len in dataset.seq_lens():
        table = dataset.table(seq_len=seq_len)
        assert table.schema.field("input_ids").type == pa.list_(pa.uint16(), seq_len)
        assert json.loads(table.schema.metadata[b"pairloom"])["seq_len"] == seq_len
        assert set(pc.list_value_length(table.column("document")).to_pylist()) == {1}
        used = pc.list_flatten(table.column("segment_lengths")).to_numpy()
        assert (used == seq_len).all() or seq_len == 8
        files = dataset.files("pack", "train", seq_len=seq_len)
        assert len(files) > 1
        assert pl.concat([pl.read_ipc(file) for file in files]).height == table.num_rows
        read = [batch.num_rows for batch in dataset.loader(1, seq_len=seq_len)]
        assert len(read) == table.num_rows
        seen += table.num_rows
    assert seen == manifest.stages["pack"].splits["train"]["rows"]
    command = ["pairloom", "files", recipe.root, "--split", "train", "--seq-len", "16"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.split() == dataset.files("pack", "train", seq_len=16)
    for ask in (dataset.table, lambda: dataset.loader(4)):
        with pytest.raises(RecipeError, match=r"rows of 8, 16, 32, 64 tokens in 'train': name one"):
            ask()
    with pytest.raises(RecipeError, match="not of 24"):
        dataset.table(seq_len=24)
    proved(dataset)


@pytest.mark.parametrize(
    "settings",
    [
        ["pack.strategy=buckets", "pack.predict_every_token=true", "pack.min_bucket=1"],
        ["pack.strategy=buckets", "pack.overflow=truncate", "pack.seq_len=16"],
        ["pack.shuffle.mode=block", "pack.shuffle.groups=5", "pack.predict_every_token=true"],
        ["pack.shuffle.mode=block", "pack.strategy=concat", "pack.file_tokens=700"],
        ["pack.shuffle.mode=none", "pack.strategy=concat", "pack.predict_every_token=true"],
        ["pack.strategy=concat", "pack.predict_every_token=true", "pack.seq_len=2", "pack.file_tokens=500"],
    ],
)
def test_every_way_of_packing_is_proved(tmp_path: Path, settings: list[str]) -> None:
    for i in range(6):
        write_jsonl(tmp_path / "in" / f"{i}.jsonl", [(f"{i} {n}", t) for n, t in documents(30, seed=i)])
    recipe = recipe_for(tmp_path, "execution.unit_bytes=6000", "pack.file_tokens=2000", *settings)
    run(recipe)
    proved(open_dataset(recipe.root))


def test_a_changed_input_changes_one_packed_file(tmp_path: Path, learned: str) -> None:
    # So many that no group goes without one, wherever the test's folder is (one chance in a million).
    for i in range(120):
        write_jsonl(tmp_path / "in" / f"{i:03}.jsonl", [(f"{i} {n}", t) for n, t in documents(3, seed=i)])
    settings = [learned, "pack.shuffle={mode: block, groups: 8}", "execution.unit_bytes=4000"]
    recipe = recipe_for(tmp_path, *settings, "pack.validation=0")
    first = run(recipe)
    assert len(packed(first)) == 9  # eight groups and what they left
    write_jsonl(tmp_path / "in" / "017.jsonl", [("new", "nothing like it was"), *documents(20, seed=99)])
    events: list[Event] = []
    second = run(recipe, observe=events.append)
    write_jsonl(tmp_path / "in" / "a new one.jsonl", documents(12, seed=100))
    third = run(recipe)
    for before, after in ((first, second), (second, third)):
        same = [a == b for a, b in zip(packed(before)[:8], packed(after)[:8], strict=True)]
        assert same.count(False) == 1
        old, new = before.stages["pack"], after.stages["pack"]
        assert [a == b for a, b in zip(old.units[:8], new.units[:8], strict=True)] == same
    assert [e.reused for e in events if isinstance(e, StepStarted) and e.step == "pack"] == [7]
    fresh = run(recipe_for(tmp_path, *settings, "pack.validation=0", root=tmp_path / "fresh"))
    assert contents(fresh)["pack"] == contents(third)["pack"]
    proved(open_dataset(recipe.root))


def test_a_corpus_that_grows_at_its_end_keeps_what_is_before(tmp_path: Path, learned: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    settings = [learned, "pack.shuffle.mode=none", "pack.file_tokens=3000", "pack.validation=0"]
    first = run(recipe_for(tmp_path, *settings))
    write_jsonl(tmp_path / "in" / "b.jsonl", [(f"b{n}", t) for n, t in documents(50, seed=5)])
    second = run(recipe_for(tmp_path, *settings))
    kept = len(packed(first)) - 2  # all but the last partition, and what the partitions left
    assert kept > 3
    assert packed(second)[:kept] == packed(first)[:kept]


def test_a_document_that_changes_changes_its_partition_alone(tmp_path: Path, learned: str) -> None:
    corpus = documents(300)
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    settings = [learned, "pack.file_tokens=3000", "pack.validation=0", "pack.overflow=truncate"]
    first = run(recipe_for(tmp_path, *settings))
    assert len(packed(first)) > 4
    at = next(i for i, (_, text) in enumerate(corpus) if len(text) > 300)
    name, text = corpus[at]
    # The same tokens in another order: the number of partitions stays.
    corpus[at] = (name, text[: len(text) // 2] + "".join(reversed(text[len(text) // 2 :])))
    write_jsonl(tmp_path / "in" / "a.jsonl", corpus)
    second = run(recipe_for(tmp_path, *settings))
    units = [m.stages["pack"].units[: len(packed(first)) - 1] for m in (first, second)]
    assert sum(a != b for a, b in zip(*units, strict=True)) == 1


@pytest.mark.parametrize("mode", ["document", "block"])
def test_documents_with_one_id_have_one_order(tmp_path: Path, learned: str, mode: str) -> None:
    same = [("same", text) for _, text in documents(40, seed=3)]
    made = []
    for unit_bytes, files in (("1000", [same]), ("9000", [same]), ("500", [same])):
        for i, lines in enumerate(files):
            write_jsonl(tmp_path / "in" / f"{i}.jsonl", lines)
        settings = [learned, f"execution.unit_bytes={unit_bytes}", f"pack.shuffle.mode={mode}"]
        manifest = run(recipe_for(tmp_path, *settings, root=tmp_path / f"{mode}{unit_bytes}"))
        made.append(contents(manifest)["pack"])
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("mode", ["document", "block", "none"])
def test_two_steps_spread_as_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    for i in range(9):
        write_jsonl(tmp_path / "in" / f"{i}.jsonl", [(f"{i} {n}", t) for n, t in documents(30, seed=i)])
    settings = [f"pack.shuffle.mode={mode}", "pack.file_tokens=1000", "execution.unit_bytes=3000"]
    one = run(recipe_for(tmp_path, *settings))
    assert len(packed(one)) > 4
    monkeypatch.setattr(orders, "ONE_PASS", 4)
    monkeypatch.setattr("pairloom.pipeline.stages.exchange.tasks.REGROUP_BYTES", 3000)
    monkeypatch.setattr("pairloom.pipeline.store.receipts.FEW", 3)
    events: list[Event] = []
    two = run(recipe_for(tmp_path, *settings, root=tmp_path / "two"), observe=events.append)
    regroup = [e.units for e in events if isinstance(e, StepStarted) and e.step == "regroup"]
    # In the other modes a shard has documents for few partitions, however many there are.
    assert [units > 8 for units in regroup] == [True] * (mode == "document")
    assert contents(two)["pack"] == contents(one)["pack"]
    assert two.stages["pack"].units == one.stages["pack"].units
    assert not list((tmp_path / "two" / "receipts" / "regroup").rglob("*.json"))


@pytest.mark.parametrize("at", [0.3, 0.6])
def test_an_exchange_file_that_was_changed_is_noticed(tmp_path: Path, at: float) -> None:
    """It is set aside and made again; rows are those of a run that met no damage."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    damaged: list[Path] = []

    def damage(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "pack" and not damaged:
            (file,) = (tmp_path / "out" / "data" / "exchange").rglob("*.arrow")
            data = bytearray(file.read_bytes())
            data[int(at * len(data))] ^= 1
            file.write_bytes(data)
            damaged.append(file)

    made = run(recipe_for(tmp_path, "pack.validation=0"), observe=damage)
    assert damaged
    assert list((tmp_path / "out" / "aside").rglob("*.json.*"))
    whole = run(recipe_for(tmp_path, "pack.validation=0", root=tmp_path / "whole"))
    assert contents(made)["pack"] == contents(whole)["pack"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pack={strategy: buckets, seq_len: 96}", "must be powers of two"),
        ("pack={strategy: buckets, seq_len: 64, min_bucket: 128}", "in this order"),
        ("pack.min_bucket=32", "belongs to strategy buckets"),
        ("pack.shuffle={mode: document, groups: 4}", "groups belong to mode block"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_for(tmp_path, setting)


def test_there_is_a_bound_to_the_number_of_partitions() -> None:
    huge = partitions.Splits.of(10**13, 1 << 24, 0.001, mode="document")
    assert huge.train <= partitions.MOST_PARTITIONS
    assert huge.width**2 >= len(huge) > (huge.width - 1) ** 2
    blocks = partitions.Splits.of(10**13, 1 << 24, 0.0, mode="block")
    assert blocks.train.bit_count() == 1
    assert 2 * blocks.train > huge.train / 2
    small = partitions.Splits.of(10 * (1 << 24), 1 << 24, 0.01, mode="none")
    assert (small.train, small.validation, small.width) == (10, 1, 1)
    places = np.arange(0, 10 * (1 << 24), 1 << 22)
    parts = small.by_place(places, np.zeros(len(places), np.bool_))
    assert np.bincount(parts).tolist() == [4] * 10
