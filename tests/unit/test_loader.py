"""The loader: one stream of rows, whoever reads it and however often it is stopped."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.loader import BLOCK_ROWS, row_order
from tests.corpora import documents, recipe_for, write_jsonl


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("loader")
    write_jsonl(folder / "in" / "a.jsonl", documents(300))
    recipe = recipe_for(folder, "pack.seq_len=16", "pack.file_tokens=9000", "vocabulary.size=300")
    run(recipe)
    return open_dataset(recipe.root)


def rows(batches: Iterator[Any]) -> list[tuple[int, ...]]:
    return [tuple(row) for batch in batches for row in batch.column("input_ids").to_pylist()]


def stream(dataset: Dataset, count: int, seed: int | None) -> list[tuple[int, ...]]:
    """The rows of the first epochs, read one by one without the loader."""
    stored = [tuple(row) for row in dataset.table().column("input_ids").to_pylist()]
    out: list[tuple[int, ...]] = []
    for epoch in range(count // len(stored) + 1):
        order = row_order(np.arange(len(stored)), len(stored), seed=seed, epoch=epoch)
        out += [stored[i] for i in order]
    return out[:count]


def test_an_epoch_has_every_row_once(dataset: Dataset) -> None:
    assert len(dataset.files("pack", "train")) > 1
    table = dataset.table()
    assert rows(iter(dataset.loader(1))) == [tuple(r) for r in table.column("input_ids").to_pylist()]
    assert sorted(rows(iter(dataset.loader(1, seed=5)))) == sorted(rows(iter(dataset.loader(1))))
    assert rows(iter(dataset.loader(1, seed=5))) != rows(iter(dataset.loader(1, seed=5, epoch=1)))


@pytest.mark.parametrize("seed", [None, 7])
def test_stopping_and_going_on_with_other_ranks_changes_nothing(dataset: Dataset, seed: int | None) -> None:
    rng = random.Random(0)
    total = 3 * dataset.table().num_rows
    expected = stream(dataset, total, seed)
    seen: list[tuple[int, ...]] = []
    state = None
    while len(seen) < total - 200:
        world_size, batch_size, steps = rng.randint(1, 4), rng.randint(1, 9), rng.randint(1, 12)
        loaders = [
            dataset.loader(
                batch_size, rank=rank, world_size=world_size, seed=seed, epochs=None, prefetch=rank % 3
            )
            for rank in range(world_size)
        ]
        if state is not None:
            for loader in loaders:
                loader.load_state_dict(state)
        iterators = [iter(loader) for loader in loaders]
        for _ in range(steps):
            for iterator in iterators:
                seen += rows(iter([next(iterator)]))
        states = [loader.state_dict() for loader in loaders]
        assert all(other == states[0] for other in states)
        state = states[0]
        for iterator in iterators:
            iterator.close()  # type: ignore[attr-defined]
    assert seen == expected[: len(seen)]


def test_every_rank_gets_the_same_number_of_rows(dataset: Dataset) -> None:
    total = dataset.table().num_rows
    loaders = [dataset.loader(4, rank=rank, world_size=3, seed=1) for rank in range(3)]
    counts = {len(rows(iter(loader))) for loader in loaders}
    assert counts == {total // 12 * 4}
    assert len(dataset.loader(4, world_size=3)) == total // 12


def test_a_state_of_other_rows_is_refused(dataset: Dataset) -> None:
    state = dataset.loader(2, seed=1).state_dict()
    for key, value in (("vocabulary", "other"), ("generation", 9), ("seed", 2), ("split", "validation")):
        with pytest.raises(RecipeError, match=f"{key} is .* here and {value!r} in the state"):
            dataset.loader(2, seed=1).load_state_dict(state | {key: value})
        dataset.loader(2, seed=1).load_state_dict(state | {key: value}, force=True)
    with pytest.raises(RecipeError, match="an epoch has"):
        dataset.loader(2, seed=1).load_state_dict(state | {"row": 10**9})


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"rank": 3}, {"world_size": 0}, {"split": "test"}])
def test_impossible_loaders_are_refused(dataset: Dataset, wrong: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        dataset.loader(**({"batch_size": 2, "world_size": 2} | wrong))


@pytest.mark.parametrize("count", [1, BLOCK_ROWS - 1, BLOCK_ROWS, 3 * BLOCK_ROWS + 17])
def test_an_epochs_order_is_a_permutation(count: int) -> None:
    order = row_order(np.arange(count), count, seed=3, epoch=2)
    assert np.array_equal(np.sort(order), np.arange(count))
    some = np.array([0, count - 1, count // 2])
    assert row_order(some, count, seed=3, epoch=2).tolist() == order[some].tolist()
