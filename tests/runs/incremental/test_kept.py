"""What a generation keeps for the next: it outlives garbage collection, and what is wrong with it is noticed."""

from pathlib import Path

import pyarrow as pa
import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack.strategies.best_fit import BestFit
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize, rollback
from pairloom.pipeline.stages.exchange.files import Exchanged
from pairloom.pipeline.stages.pack.rows import RowSettings
from pairloom.pipeline.stages.pack.tasks import PackShared, PackTask
from pairloom.pipeline.steps import DocumentSteps, RowSteps
from pairloom.pipeline.store.gc import collect
from tests.runs.incremental.checks import BLOCK, Steps, even_corpus, held, same_as_from_nothing, write_even
from tests.support.corpora import (
    open_objects_of,
)


def test_what_is_kept_outlives_garbage_collection_and_going_back(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 12, vocabulary, *BLOCK, "pack.validation=0.2")
    objects = open_objects_of(tmp_path / "out")
    run(recipe)
    write_even(tmp_path, "007", 1)
    second, _ = retokenize(recipe)
    collect(objects, now=4e9, grace=0, keep=1, delete=True)
    verify(open_dataset(recipe.root))
    held_out = {file.path for file in second.stages["pack"].held}
    assert set(objects.list("data/held")) == held_out
    assert objects.list("data/index") == [second.stages["pack"].index.path]
    assert not objects.list("data/exchange")
    write_even(tmp_path, "003", 2)
    steps = Steps()
    third, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 1)
    same_as_from_nothing(third, recipe, tmp_path / "third")
    rollback(recipe.root, 2)
    write_even(tmp_path, "005", 3)
    steps = Steps()
    last, _ = retokenize(recipe, observe=steps)
    # What generation 3 had is known, but generation 2 has not kept it.
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 2)
    same_as_from_nothing(last, recipe, tmp_path / "last")


@pytest.mark.parametrize(
    ("role", "column", "message"),
    [
        ("index", "train", r"index\.arrow is not what was written"),
        (
            "held",
            "key",
            r"held\.arrow is not what was written: record batch 0.*; `pairloom repair .* makes it again",
        ),
    ],
)
def test_what_is_kept_and_was_changed_is_noticed(
    tmp_path: Path, vocabulary: str, role: str, column: str, message: str
) -> None:
    shuffle = "pack.shuffle={mode: block, groups: 1}"
    recipe = even_corpus(tmp_path, 6, vocabulary, shuffle, "pack.validation=0.5")
    run(recipe)
    for path in (tmp_path / "out" / "data" / role).rglob("*.arrow"):
        data = bytearray(path.read_bytes())
        value = pa.ipc.open_file(pa.py_buffer(bytes(data))).read_all().column(column)[0].as_py()
        what = value if isinstance(value, bytes) else value.to_bytes(8, "little")
        data[data.index(what)] ^= 1
        path.write_bytes(data)
    write_even(tmp_path, "006", 1)
    assert held("006", 1, 0.5)
    with pytest.raises(CorruptionError, match=message):
        retokenize(recipe)


def test_an_index_that_is_gone_is_named(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 3, vocabulary, *BLOCK)
    first = run(recipe)
    assert first.stages["pack"].index is not None
    open_objects_of(tmp_path / "out").delete(first.stages["pack"].index.path)
    write_even(tmp_path, "003", 1)
    with pytest.raises(CorruptionError, match=r"index\.arrow is committed but missing"):
        retokenize(recipe)
    with pytest.raises(CorruptionError, match="is missing"):
        verify(open_dataset(recipe.root))


def test_a_partition_is_not_packed_of_other_documents_than_the_index_says(tmp_path: Path) -> None:
    settings = RowSettings(
        vocabulary="v",
        seq_len=8,
        strategy=BestFit(),
        overflow="split",
        predict_every_token=False,
        min_bucket=4,
        pad_id=0,
        mode="block",
        seed=0,
    )
    task = PackTask(
        root=str(tmp_path),
        split="train",
        number=0,
        group=0,
        batch=0,
        documents=(1, 5, "0" * 32),
        width=2,
        carries=False,
        sources=("web",),
        settings=settings,
    )
    none = DocumentSteps(steps=(), tables=(), seed=0), RowSteps(steps=(), tables=())
    shared = PackShared(groups=(Exchanged.of([], 1),), documents=none[0], rows=none[1])
    with pytest.raises(
        CorruptionError, match=r"train partition 0: exchange files have \(0, 0, .* says \(1, 5, "
    ):
        task.run(shared)
