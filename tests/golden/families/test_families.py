"""Ids of tokenizers that ship in registry packages are those that their owners gave (`prove.py`), wherever the files are there."""

import hashlib
import json

import pyarrow as pa
import pytest

from tests.golden.families.prove import PROVED, REAL, Real, ids_hash, load, path_of
from tests.golden.families.texts import SCRIPTS, texts

DOCUMENT = json.loads(PROVED.read_text())


def test_twenty_files_are_proved_over_thirty_scripts() -> None:
    assert list(DOCUMENT["files"]) == [real.name for real in REAL]
    assert len(REAL) >= 20
    assert len(SCRIPTS) >= 30
    assert DOCUMENT["texts"] == hashlib.sha256("\0".join(texts()).encode()).hexdigest()


@pytest.mark.rare(
    "operators/models", "operators/encode", "operators/text", "operators/vocabulary", "tests/golden"
)
@pytest.mark.parametrize("real", REAL, ids=lambda real: str(real.name))
def test_ids_are_those_that_the_owner_gave(real: Real) -> None:
    proved = DOCUMENT["files"][real.name]
    if not path_of(real).is_file():
        pytest.skip("the package is not there: make golden")
    assert hashlib.sha256(path_of(real).read_bytes()).hexdigest() == proved["sha256"]
    vocabulary = load(real)
    assert (vocabulary.model.name, len(vocabulary)) == (proved["family"], proved["tokens"])
    assert ids_hash(vocabulary.encode(pa.array(texts(), pa.large_string())).to_pylist()) == proved["ids"]
