"""What is sealed and read again is the same, or is damaged; and so is every path in it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.store.files import StoredFile, open_arrow, read_stored
from pairloom.pipeline.store.manifest import manifest_path, read_manifest
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.receipts import Receipt, claim, find_receipt, receipt_path
from pairloom.pipeline.store.sealed import seal, unseal
from tests.support.corpora import documents, recipe_for, write_jsonl

UNIT = "a" * 32


def receipt(path: str = "data/count/a.arrow") -> Receipt:
    file = StoredFile(role="words", path=path, bytes=7, sha256="0" * 64, rows=3)
    return Receipt(stage="count", unit=UNIT, files=(file,), payload=b"\0\1")


def test_a_changed_bit_of_a_receipt_is_noticed(tmp_path: Path) -> None:
    """(R8)"""
    objects = LocalObjects(str(tmp_path))
    written = claim(objects, receipt())
    path = tmp_path / receipt_path("count", UNIT)
    data = path.read_bytes()
    for at in range(len(data)):
        for bit in (1, 2, 16, 128):
            path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
            with pytest.raises(CorruptionError, match=rf"{UNIT}\.json is no receipt, or damaged"):
                find_receipt(objects, "count", UNIT)
    path.write_bytes(data)
    assert find_receipt(objects, "count", UNIT) == written


def test_receipts_of_earlier_versions_have_no_seal(tmp_path: Path) -> None:
    """(R8)"""
    objects = LocalObjects(str(tmp_path))
    objects.put(
        receipt_path("count", UNIT), receipt().model_dump_json(exclude={"files": {0: {"sums"}}}).encode()
    )
    assert find_receipt(objects, "count", UNIT) == receipt()


@given(st.dictionaries(st.text(), st.integers() | st.text(), min_size=1))
def test_seals(value: dict[str, object]) -> None:
    body = json.dumps(value)
    assert unseal(seal(body)) == (body.encode(), True)


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a\0b", "a\ud800", "data/../../b"])
def test_a_path_that_cannot_be_read_is_damage_to_every_reader(tmp_path: Path, path: str) -> None:
    """(R8)"""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(20))
    manifest = run(recipe_for(tmp_path))
    objects = LocalObjects(str(tmp_path / "out"))
    fields = json.loads(manifest.model_dump_json())
    fields["stages"]["pack"]["files"][0]["path"] = path
    objects.put(manifest_path(1), seal(json.dumps(fields)))
    for read in (lambda: read_manifest(objects, 1), lambda: open_dataset(str(tmp_path / "out"))):
        with pytest.raises(CorruptionError, match=r"00000001\.json .*stages\.pack\.files\.0\.path"):
            read()
    fields = json.loads(receipt().model_dump_json())
    fields["files"][0]["path"] = path
    objects.put(receipt_path("count", UNIT), seal(json.dumps(fields)))
    with pytest.raises(CorruptionError, match=r"is no receipt, or damaged"):
        find_receipt(objects, "count", UNIT)


@pytest.mark.parametrize("path", ["data", "in.file/a", "gone", "n" * 300])
def test_a_path_at_which_there_is_no_file_is_missing(tmp_path: Path, path: str) -> None:
    """(R8)"""
    (tmp_path / "data").mkdir()
    (tmp_path / "in.file").write_bytes(b"1")
    stored = StoredFile(role="words", path=path, bytes=7, sha256="0" * 64, rows=3)
    objects = LocalObjects(str(tmp_path))
    with pytest.raises(CorruptionError, match="is missing"), open_arrow(objects, stored):
        pass
    with pytest.raises(CorruptionError, match="is missing"):
        read_stored(objects, stored)
