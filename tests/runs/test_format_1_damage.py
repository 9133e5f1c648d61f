"""Roots of the first format, which have no sums and no seals: one byte of one file is another, and then they are used."""

import hashlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pairloom.operators.errors import CorruptionError, PairloomError
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.export import export
from pairloom.pipeline.generations.retokenize import retokenize
from tests.runs.test_format_1 import FOLDER, sources


def rows(root: Path) -> list[object]:
    dataset = open_dataset(str(root))
    return [dataset.table(split).to_pydict() for split in ("train", "validation")]


def loaded(root: Path) -> list[object]:
    return [batch.to_pydict() for batch in open_dataset(str(root)).loader(4, seed=3)]


def told(root: Path) -> list[object]:
    dataset = open_dataset(str(root))
    return [list(dataset.rejected()), dataset.vocabulary().fingerprint]


def exported(root: Path) -> list[object]:
    out = root.parent / "exported"
    shutil.rmtree(out, ignore_errors=True)
    export(open_dataset(str(root)), "parquet", str(out), unit="documents")
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.rglob("*.parquet"))]


def packed_again(root: Path) -> list[object]:
    run(recipe(root, "pack.seq_len=48"))
    return rows(root)


def retokenized(root: Path) -> list[object]:
    retokenize(recipe(root))
    return rows(root)


def recipe(root: Path, *changes: str):
    text = (FOLDER / f"{root.name}.yaml").read_text()
    return parse_recipe(text, overrides=[f"root={root}", *changes])


def flipped(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[chance.choice([0, len(data) - 1, chance.randrange(len(data)), chance.randrange(len(data))])] ^= (
        1 << chance.randrange(8)
    )
    return bytes(damaged)


def tried(place: Path, use: Callable[[Path], list[object]], root: Path, expected: list[object]) -> bool:
    """Whether a use of a root with a damaged file ended with an error, which names the file; else it is right."""
    found, error = None, None
    try:
        found = use(root)
    except PairloomError as raised:
        error = raised
    if error is None:
        assert found == expected, f"other rows, by {place}"
        return False
    assert isinstance(error, CorruptionError), f"{place}: {error!r}"
    assert place.name in str(error), f"{place}: {error}"
    return True


@pytest.fixture(autouse=True)
def _sources() -> None:
    sources()


@pytest.mark.parametrize("name", ["block", "mixed"])
@pytest.mark.parametrize(
    "use", [rows, loaded, told, exported, packed_again, retokenized], ids=lambda use: use.__name__
)
def test_a_flipped_byte_is_named_or_changes_nothing(
    name: str, use: Callable[[Path], list[object]], tmp_path: Path
) -> None:
    """(R1, R2, R5, R8)"""
    root, kept = tmp_path / name, tmp_path / "kept"
    shutil.unpack_archive(FOLDER / f"{name}.zip", kept)
    shutil.copytree(kept, root)
    expected = use(root)
    files = {path.relative_to(kept): path.read_bytes() for path in sorted(kept.rglob("*")) if path.is_file()}
    if use in (exported, packed_again, retokenized):  # which take longer: a file of each kind
        files = {(*file.parts[:2], file.suffix): (file, data) for file, data in files.items()}
        files = dict(files.values())
    noticed = False
    for file, data in files.items():
        if use in (packed_again, retokenized):  # which write
            shutil.rmtree(root)
            shutil.copytree(kept, root)
        (root / file).write_bytes(flipped(data, random.Random(f"{use.__name__} {file}")))
        noticed |= tried(root / file, use, root, expected)
        (root / file).write_bytes(data)
    assert noticed or use in (packed_again, retokenized)
