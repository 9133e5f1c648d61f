"""Damage: one byte of one file is another, and then the root is used. What is made is right, or the file is named.

Every file that a root has is flipped somewhere, committed or not: never are other rows made of it, and never is the error
anything but a CorruptionError that names the file.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.export import export
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import Recipe, parse_recipe
from tests.support.corpora import documents, write_jsonl


def recipe(folder: Path, *changes: str) -> Recipe:
    return parse_recipe(
        f"""
root: {folder / "out"}
corpus: [{{name: web, paths: ["{folder}/in/*.jsonl"], id: id}}]
vocabulary: {{size: 300}}
statistics: [{{ngrams: {{n: [2], top: 20}}}}]
pack: {{seq_len: 32, validation: 0.2}}
execution: {{engine: local, unit_bytes: 3000}}
max_rejected: 0.5
""",
        overrides=list(changes),
    )


def rows(root: Path) -> list[object]:
    dataset = open_dataset(str(root))
    return [dataset.table(split).to_pydict() for split in ("train", "validation")]


def loaded(root: Path) -> list[object]:
    return [batch.to_pydict() for batch in open_dataset(str(root)).loader(4, seed=3)]


def packed_again(root: Path) -> list[object]:
    run(recipe(root.parent, "pack.seq_len=64"))
    return rows(root)


def retokenized(root: Path) -> list[object]:
    """Another input: what is new is read, and everything else is taken from the generation before."""
    write_jsonl(root.parent / "in" / "more.jsonl", documents(12, seed=9))
    retokenize(recipe(root.parent))
    return rows(root)


def exported(root: Path) -> list[object]:
    out = root.parent / "exported"
    shutil.rmtree(out, ignore_errors=True)
    for unit in ("rows", "documents"):
        export(open_dataset(str(root)), "parquet", str(out / unit), unit=unit)
    return [path.read_bytes() for path in sorted(out.rglob("*.parquet"))]


def counted(root: Path) -> list[object]:
    dataset = open_dataset(str(root))
    return [
        dataset.statistic("ngrams").to_pydict(),
        list(dataset.rejected()),
        dataset.vocabulary().fingerprint,
    ]


def finished(root: Path) -> list[object]:
    run(recipe(root.parent))
    return rows(root)


READING = (rows, loaded, exported, counted)
MAKING = (packed_again, retokenized)


class Root:
    """A folder with inputs and a root, which is put back as it was before each use."""

    def __init__(self, folder: Path, stop: str | None = None) -> None:
        for number in range(2):
            write_jsonl(folder / "in" / f"{number}.jsonl", documents(25, seed=number))
        with (folder / "in" / "0.jsonl").open("a") as file:
            file.write("{broken\n")
        self.folder, self.kept = folder, folder.with_name(folder.name + "-kept")
        if stop is None:
            run(recipe(folder))
        else:
            with pytest.raises(KeyboardInterrupt):
                run(recipe(folder), observe=lambda event: _stop(event, stop))
        shutil.copytree(folder, self.kept)

    @property
    def files(self) -> list[str]:
        """A file of every kind: of each folder, of each ending."""
        kinds = {}
        for path in sorted((self.kept / "out").rglob("*")):
            if path.is_file():
                name = path.relative_to(self.kept)
                kinds["/".join(name.parts[:3]) + path.name.partition(".")[2]] = str(name)
        return list(kinds.values())

    def fresh(self) -> Path:
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)
        return self.folder / "out"

    def flip(self, name: str, chance: random.Random) -> tuple[Path, int, int]:
        """The root, one byte of one file of which is another."""
        root = self.fresh()
        data = bytearray((self.folder / name).read_bytes())
        at = chance.choice([0, len(data) - 1, chance.randrange(len(data)), chance.randrange(len(data))])
        data[at] ^= (bit := 1 << chance.randrange(8))
        (self.folder / name).write_bytes(data)
        return root, at, bit


def _stop(event: Event, step: str) -> None:
    if isinstance(event, StepStarted) and event.step == step:
        raise KeyboardInterrupt


def tried(
    root: Root, name: str, use: Callable[[Path], list[object]], expected: list[object], seed: str
) -> bool:
    """Whether a use of a root with a flipped byte ended with an error, which names the file; else it is right."""
    damaged, at, bit = root.flip(name, random.Random(seed))
    what, error, found = f"{use.__name__}, byte {at} of {name} ^ {bit}", None, None
    try:
        found = use(damaged)
    except Exception as raised:  # noqa: BLE001  (whatever it is, it must be the one)
        error = raised
    if error is None:
        assert found == expected, f"{what}: other rows"
        return False
    assert isinstance(error, CorruptionError), f"{what}: {error!r}"
    assert Path(name).name in str(error), f"{what}: {error}"
    return True


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return Root(tmp_path_factory.mktemp("committed"))


@pytest.mark.parametrize("use", [*READING, *MAKING], ids=lambda use: use.__name__)
def test_a_flipped_byte_of_a_committed_root_is_named_or_changes_nothing(
    committed: Root, use: Callable[[Path], list[object]]
) -> None:
    """(R1, R2, R5, R8)"""
    expected = use(committed.fresh())
    noticed = [
        name for name in committed.files if tried(committed, name, use, expected, f"{use.__name__} {name}")
    ]
    assert noticed


@pytest.mark.parametrize("step", ["merge", "tokenize", "exchange", "pack"])
def test_a_flipped_byte_of_an_unfinished_root_is_named_or_changes_nothing(tmp_path: Path, step: str) -> None:
    """(R1, R5, R8)"""
    root = Root(tmp_path / "unfinished", stop=step)
    expected = finished(root.fresh())
    aside = root.folder / "out" / "aside"
    seeds = {name: f"{step} {name}" for name in root.files}
    noticed = [n for n, seed in seeds.items() if tried(root, n, finished, expected, seed) or aside.exists()]
    assert noticed
