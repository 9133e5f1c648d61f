"""Roots that the first format wrote: every later version opens, loads, verifies and re-tokenizes them.

sources/             the documents, read as memory://sources/, so that no URI depends on where this folder is
block.yaml, .zip     two sources, shuffled by blocks, some records unusable; the root that it gave
mixed.yaml, .zip     the same, mixed, deduplicated and packed end to end, with superwords
expected.json        vocabularies and rows, as they were when they were written
"""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from pairloom.jobs.show.rows import show_rows
from pairloom.pipeline import Dataset, Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export import export
from pairloom.pipeline.generations.retokenize import retokenize

FOLDER = Path(__file__).parents[1] / "data" / "format_1"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
COLUMNS = ["input_ids", "segment_lengths", "document", "offset"]

pytestmark = pytest.mark.parametrize("name", ["block", "mixed"])


def sources() -> None:
    """Put the documents where the roots' URIs say that they are."""
    memory = fsspec.filesystem("memory")
    for file in (FOLDER / "sources").iterdir():
        memory.pipe_file(f"/sources/{file.name}", file.read_bytes())
        memory.store[f"/sources/{file.name}"].created = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _sources() -> None:
    sources()


def unpacked(name: str, folder: Path) -> Recipe:
    shutil.unpack_archive(FOLDER / f"{name}.zip", folder)
    return parse_recipe((FOLDER / f"{name}.yaml").read_text(), overrides=[f"root={folder}"])


def rows(dataset: Dataset) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for split in ("train", "validation"):
        table = dataset.table(split)
        columns = {name: table.column(name).to_pylist() for name in COLUMNS}
        digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
        found[split] = {"rows": table.num_rows, "sha256": digest}
    return found


def test_it_opens_and_loads(name: str, tmp_path: Path) -> None:
    unpacked(name, tmp_path)
    dataset = open_dataset(str(tmp_path))
    assert dataset.manifest.fingerprint == EXPECTED[name]["fingerprint"]
    assert dataset.vocabulary().fingerprint == EXPECTED[name]["fingerprint"]
    assert sorted(letter["reason"] for letter in dataset.rejected()) == EXPECTED[name]["rejected"]
    assert rows(dataset) == EXPECTED[name]["splits"]
    loaded = sum(batch.num_rows for batch in dataset.loader(batch_size=1))
    assert loaded == EXPECTED[name]["splits"]["train"]["rows"]


def test_it_is_shown_and_exported(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpacked(name, tmp_path / "root")
    dataset = open_dataset(str(tmp_path / "root"))
    show_rows(dataset, "train", 0, 2, 80)
    assert " tokens of " in capsys.readouterr().out
    said = export(dataset, "parquet", str(tmp_path / "rows"))
    assert said["rows"] == EXPECTED[name]["splits"]["train"]["rows"]
    assert said["columns"] == {}
    said = export(dataset, "parquet", str(tmp_path / "documents"), unit="documents")
    assert list(said["columns"]) == ["source"]
    assert said["sources"] == list(dataset.sources)
    assert export(dataset, "megatron", str(tmp_path / "megatron"))["tokens"] == said["tokens"]


def test_it_verifies_against_its_sources(name: str, tmp_path: Path) -> None:
    unpacked(name, tmp_path)
    dataset = open_dataset(str(tmp_path))
    proof = verify(dataset, lambda _: None)
    round_trip(dataset, proof, sample=0, seed=0, everything=True, observe=lambda _: None)


def test_it_is_tokenized_again_to_the_same_rows(name: str, tmp_path: Path) -> None:
    recipe = unpacked(name, tmp_path)
    retokenize(recipe)
    assert rows(open_dataset(str(tmp_path))) == EXPECTED[name]["splits"]
    run(recipe)
    assert rows(open_dataset(str(tmp_path))) == EXPECTED[name]["splits"]
    assert open_dataset(str(tmp_path)).manifest.fingerprint == EXPECTED[name]["fingerprint"]
