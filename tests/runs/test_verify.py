"""Verification finds what is wrong and names the place; what is right it proves, whatever the recipe was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.pack.tally import tally_tokens
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import Proof, verify
from pairloom.pipeline.store.files import StoredFile, attempt_path, write_arrow
from pairloom.pipeline.store.manifest import commit
from pairloom.pipeline.store.receipts import find_receipt, receipt_path
from tests.support.corpora import documents, mixed_recipe_for, recipe_for, write_jsonl

Rows = list[dict[str, Any]]


def made(folder: Path, *settings: str) -> Dataset:
    write_jsonl(folder / "in" / "a.jsonl", documents(150))
    recipe = recipe_for(
        folder, "execution.unit_bytes=6000", "pack.file_tokens=4000", "max_rejected=1", *settings
    )
    run(recipe)
    return open_dataset(recipe.root)


def forged(dataset: Dataset, stage: str, change: Callable[[Rows], Rows]) -> Dataset:
    """Another generation, in which the largest file of a stage is changed and everything about it is made to fit."""
    objects, manifest = dataset.objects, dataset.manifest
    record = manifest.stages[stage]
    old = max(record.files, key=lambda file: file.rows)
    with pa.memory_map(objects.uri(old.path)) as source:
        table = pa.ipc.open_file(source).read_all()
    rows = change(table.to_pylist())
    with write_arrow(objects, attempt_path(stage, "f" * 32, "arrow"), table.schema, role=old.role) as writer:
        writer.write(pa.RecordBatch.from_pylist(rows, table.schema))
        writer.facts.update(old.facts)
    new = writer.stored
    assert new is not None

    def swap(files: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
        return tuple(new if file.path == old.path else file for file in files)

    for unit in record.units:
        receipt = find_receipt(objects, stage, unit)
        assert receipt is not None
        fixed = receipt.model_copy(update={"files": swap(receipt.files)})
        objects.put(receipt_path(stage, unit), fixed.model_dump_json().encode())
    stages = {**manifest.stages, stage: record.model_copy(update={"files": swap(record.files)})}
    commit(objects, manifest.model_copy(update={"generation": manifest.generation + 1, "stages": stages}))
    return open_dataset(objects.root)


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["pack.strategy=concat", "pack.shuffle.mode=none"],
        ["pack.predict_every_token=true"],
        ["pack.predict_every_token=true", "pack.strategy=concat", "tokenize.append=[]", "pack.seq_len=7"],
        ["pack.predict_every_token=true", "pack.strategy=concat", "pack.seq_len=2"],
        ["pack.strategy=first_fit", "pack.shuffle.mode=none"],
        ["pack.strategy={short_long: {short: 0.3}}", "pack.predict_every_token=true"],
        ["pack.strategy={dynamic_pack: {documents: 8}}"],
        ["pack.overflow=truncate", "pack.seq_len=32"],
        ["pack.overflow=drop", "pack.seq_len=32"],
        ["tokenize.special_tokens_in_text=parse", "tokenize.prepend=['<|endoftext|>']", "tokenize.append=[]"],
        ["tokenize.special_tokens_in_text=error", "vocabulary.normalizer=nfkc"],
    ],
)
def test_what_is_right_is_proved(tmp_path: Path, settings: list[str]) -> None:
    dataset = made(tmp_path, *settings)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=3, everything=True)
    ledger, facts = dataset.manifest.stages["tokenize"].ledger, dataset.manifest.stages["pack"].facts
    assert proof.source_units == len(dataset.manifest.stages["tokenize"].units) > 3
    assert proof.source_documents == proof.documents == ledger.documents_out
    assert proof.tokens == ledger.tokens
    assert facts["tokens"] - facts["repeated_tokens"] == proof.tokens - proof.left_out_tokens
    assert proof.rows == facts["rows"]
    assert 0 < proof.row_documents <= proof.documents
    if not ledger.rejected and dataset.vocabulary().normalizer == "none":
        assert proof.source_bytes == ledger.text_bytes
    again = Proof(generation=1)
    round_trip(dataset, again, sample=2, seed=7)
    assert again.source_units == 2


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    dataset = made(tmp_path)
    for stage in ("count", "learn", "tokenize", "pack"):
        place = Path(dataset.objects.uri(dataset.manifest.stages[stage].files[0].path))
        good = place.read_bytes()
        place.write_bytes(good[:99] + bytes([good[99] ^ 1]) + good[100:])
        with pytest.raises(CorruptionError, match=place.name):
            verify(dataset)
        place.unlink()
        with pytest.raises(CorruptionError, match=f"{place.name} is missing"):
            verify(dataset)
        place.write_bytes(good)
    verify(dataset)


def token(rows: Rows) -> Rows:
    rows[5]["input_ids"][0] ^= 1
    return rows


def number(rows: Rows) -> Rows:
    rows[5]["document"][0] += 1
    return rows


def offset(rows: Rows) -> Rows:
    rows[5]["offset"][0] += 1
    return rows


def doubled(rows: Rows) -> Rows:
    return [*rows[:6], rows[5], *rows[7:]]


def swapped(rows: Rows) -> Rows:
    ids = rows[5]["input_ids"]
    i = next(i for i in range(len(ids) - 1) if ids[i] != ids[i + 1])
    ids[i], ids[i + 1] = ids[i + 1], ids[i]
    return rows


def emptied(rows: Rows) -> Rows:
    rows[5] |= {"segment_lengths": [0, *rows[5]["segment_lengths"][1:]]}
    return rows


def overlong(rows: Rows) -> Rows:
    rows[5]["segment_lengths"][0] += 64
    return rows


def uneven(rows: Rows) -> Rows:
    rows[5]["offset"].append(0)
    return rows


def unpadded(rows: Rows) -> Rows:
    row = next(row for row in rows if sum(row["segment_lengths"]) < 64)
    row["input_ids"][-1] = 7
    return rows


def unknown(rows: Rows) -> Rows:
    rows[5]["input_ids"][3] = 400
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            token,
            r"\.arrow, row \d+: the tokens of document \d+ are not exactly those of its token shard \(1 such",
        ),
        (number, r"\.arrow, row 5: the tokens of document \d+ are not exactly"),
        (offset, r"\.arrow, row \d+: the tokens of document"),
        (doubled, r"row \d+: the tokens of document"),
        (swapped, r"row \d+: the tokens of document"),
        (emptied, r"\.arrow, row 5: its segments"),
        (overlong, r"\.arrow, row 5: its segments"),
        (uneven, r"\.arrow, row 5: its segments"),
        (unpadded, r"\.arrow, row \d+: its segments.*padding \(input_ids 0\)"),
        (unknown, r"\.arrow holds id 400, the vocabulary has 400 tokens"),
    ],
)
def test_rows_that_are_wrong_are_named(tmp_path: Path, change: Callable[[Rows], Rows], message: str) -> None:
    dataset = forged(made(tmp_path), "pack", change)
    with pytest.raises(CorruptionError, match=message):
        verify(dataset)


def mixed(folder: Path) -> Dataset:
    """Documents of which every other is a duplicate; those that stay are seen three times."""
    texts = documents(150)
    write_jsonl(
        folder / "in" / "a.jsonl",
        [pair for i, (_, t) in enumerate(texts) for pair in ((f"a{i}", t), (f"b{i}", t))],
    )
    asked = {"in": {"epochs": 3}}
    recipe = mixed_recipe_for(folder, asked, "pack.deduplicate=exact", "execution.unit_bytes=9000")
    run(recipe)
    return open_dataset(recipe.root)


@pytest.mark.parametrize("change", [token, number, offset, doubled, swapped])
def test_copies_that_are_wrong_are_named(tmp_path: Path, change: Callable[[Rows], Rows]) -> None:
    dataset = mixed(tmp_path)
    verify(dataset)
    wrong = forged(dataset, "pack", change)
    with pytest.raises(
        CorruptionError,
        match=r"row \d+: the tokens of document \d+ are not exactly those of its token shard, as often as the recipe",
    ):
        verify(wrong)
    with pytest.raises(CorruptionError, match=r"document \d+"):
        round_trip(wrong, Proof(generation=2), sample=10**6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[1:], r"of \d+ that were compared \d+ are duplicates"),
        (lambda rows: [*rows, {"ordinal": 0}], r"of \d+ that were compared \d+ are duplicates"),
        (lambda rows: [{"ordinal": rows[0]["ordinal"] - 1}, *rows[1:]], "source in has|are not exactly"),
    ],
)
def test_a_list_of_duplicates_that_is_wrong_is_seen(
    tmp_path: Path, change: Callable[[Rows], Rows], message: str
) -> None:
    with pytest.raises(CorruptionError, match=message):
        verify(forged(mixed(tmp_path), "select", change))


def test_rows_of_one_split_in_the_other_are_named(tmp_path: Path) -> None:
    for dataset in (made(tmp_path / "plain"), mixed(tmp_path / "mixed")):
        manifest = dataset.manifest
        record = manifest.stages["pack"]
        largest = max(record.files, key=lambda file: file.rows)
        files = [f.model_copy(update={"role": "validation"}) if f == largest else f for f in record.files]
        stages = {**manifest.stages, "pack": record.model_copy(update={"files": tuple(files)})}
        commit(dataset.objects, manifest.model_copy(update={"generation": 2, "stages": stages}))
        with pytest.raises(CorruptionError, match=r"row 0: the tokens of document \d+ are not exactly"):
            verify(open_dataset(dataset.objects.root))


def test_a_document_with_another_source_is_named(tmp_path: Path) -> None:
    dataset = mixed(tmp_path)
    verify(dataset)

    def other(rows: Rows) -> Rows:
        rows[2]["source"][-1] ^= 1
        return rows

    with pytest.raises(CorruptionError, match=r"row 2: the tokens of document \d+ are not exactly those"):
        verify(forged(dataset, "pack", other))


def test_a_document_in_no_row_is_named(tmp_path: Path) -> None:
    dataset = made(tmp_path, "pack.seq_len=4096", "pack.validation=0")

    def last(rows: Rows) -> Rows:
        end = sum(rows[-1]["segment_lengths"])
        for name in ("document", "offset", "source"):
            rows[-1][name].pop()
        start = end - rows[-1]["segment_lengths"].pop()
        rows[-1]["input_ids"][start:end] = [0] * (end - start)
        return rows

    with pytest.raises(CorruptionError, match=r"document \d+ is in a token shard but in no row \(1 such"):
        verify(forged(dataset, "pack", last))


@pytest.mark.parametrize(
    "change", [lambda ids: [ids[0] ^ 1, *ids[1:]], lambda ids: ids[:-1], lambda ids: [*ids[:-1], 5]]
)
def test_a_shard_that_is_not_its_source_is_named(
    tmp_path: Path, change: Callable[[list[int]], list[int]]
) -> None:
    def changed(rows: Rows) -> Rows:
        rows[3]["input_ids"] = change(rows[3]["input_ids"])
        return rows

    dataset = forged(made(tmp_path), "tokenize", changed)
    with pytest.raises(
        CorruptionError, match=r"tokens\.arrow|\.arrow 3: does not decode|row \d+: the segment|to pack"
    ):
        round_trip(dataset, Proof(generation=2), sample=0, everything=True)
    with pytest.raises(CorruptionError):
        verify(dataset)


def test_rows_that_are_not_the_source_are_named(tmp_path: Path) -> None:
    dataset = forged(made(tmp_path), "pack", token)
    with pytest.raises(
        CorruptionError, match=r"\.arrow, row \d+: the segment of document \d+ from its token \d+ on"
    ):
        round_trip(dataset, Proof(generation=2), sample=10**6)


def test_a_source_that_has_changed_cannot_be_compared(tmp_path: Path) -> None:
    dataset = made(tmp_path)
    verify(dataset)
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(150, seed=3))
    with pytest.raises(RecipeError, match=r"units cannot be read again.*--sample 0"):
        round_trip(dataset, Proof(generation=1), sample=1)
    verify(dataset)


def test_a_vocabulary_that_was_changed_is_seen(tmp_path: Path) -> None:
    dataset = made(tmp_path)
    other = dataset.manifest.model_copy(update={"generation": 2, "fingerprint": "0" * 64})
    commit(dataset.objects, other)
    with pytest.raises(CorruptionError, match="has the fingerprint"):
        verify(open_dataset(dataset.objects.root))


def test_tallies_depend_on_document_place_and_id_alone() -> None:
    values = np.arange(100, dtype=np.uint16)

    def tally(*segments: tuple[int, int, int, int], ids: Any = values) -> list[int]:
        out = np.zeros(4, np.uint64)
        columns = [np.array(column, np.int64) for column in zip(*segments, strict=True)]
        tally_tokens(out, ids, *columns)
        return out.tolist()

    whole = tally((0, 60, 5, 0), (60, 40, 1 << 62, 0))
    assert tally((90, 10, 1 << 62, 30), (0, 20, 5, 0), (60, 30, 1 << 62, 0), (20, 40, 5, 20)) == whole
    assert tally((0, 60, 5, 0), (60, 40, 1 << 62, 0), ids=values.astype(np.uint32)) == whole
    for other in (
        [(0, 60, 5, 0), (60, 40, 1 << 62, 1)],
        [(0, 60, 6, 0), (60, 40, 1 << 62, 0)],
        [(1, 60, 5, 0), (60, 40, 1 << 62, 0)],
        [(0, 59, 5, 0), (60, 40, 1 << 62, 0)],
        [(0, 60, 5, 0), (60, 40, 1 << 62, 0), (60, 1, 1 << 62, 0)],
    ):
        assert tally(*other) != whole
    with pytest.raises(ValueError, match="outside"):
        tally((50, 51, 5, 0))
    with pytest.raises(ValueError, match="power of two"):
        tally_tokens(np.zeros(3, np.uint64), values, *(np.zeros(1, np.int64),) * 4)
