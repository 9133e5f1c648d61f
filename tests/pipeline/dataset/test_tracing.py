"""What a stream has seen, and where a row is seen, beside the stream itself."""

import numpy as np
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset.tracing import places_of, rows_at, rows_with
from tests.support.corpora import documents, recipe_for, write_jsonl


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("traced")
    write_jsonl(folder / "in" / "a.jsonl", documents(3000))
    run(recipe_for(folder, "pack.seq_len=32", "pack.file_tokens=40000"))
    return open_dataset(str(folder / "out"))


@pytest.mark.parametrize("seed", [None, 7])
def test_rows_at_a_place_are_those_that_the_loader_gives_there(dataset: Dataset, seed: int | None) -> None:
    loader = dataset.loader(7, seed=seed, epochs=3)
    assert loader.rows > 2 * 1024  # several blocks
    table = dataset.table()
    for start in (0, loader.rows - 20, 2 * loader.rows - 9):
        loader.load_state_dict(loader.state_at(start - start % 7))
        at = loader.place
        wanted = next(iter(loader))
        found = rows_at(loader, at, at + 7)
        assert table.take(found).column("input_ids").equals(wanted.column("input_ids"))


@pytest.mark.parametrize("seed", [None, 7])
def test_places_of_rows_are_the_inverse(dataset: Dataset, seed: int | None) -> None:
    loader = dataset.loader(1, seed=seed)
    rng = np.random.default_rng(0)
    for epoch in (0, 2):
        rows = rng.integers(0, loader.rows, 40).tolist()
        for row, place in zip(rows, places_of(loader, rows, epoch).tolist(), strict=True):
            assert place // loader.rows == epoch
            assert rows_at(loader, place, place + 1).tolist() == [row]


def test_rows_with_a_document_are_all_that_have_it(dataset: Dataset) -> None:
    table = dataset.table().to_pylist()
    for number in {one for row in table[::97] for one in row["document"]}:
        wanted = [
            (i, offset, length)
            for i, row in enumerate(table)
            for one, offset, length in zip(
                row["document"], row["offset"], row["segment_lengths"], strict=True
            )
            if one == number
        ]
        assert rows_with(dataset, number, "train") == wanted


def test_skip_goes_to_where_reading_would(dataset: Dataset) -> None:
    read, skipped = (dataset.loader(4, seed=1, epochs=2) for _ in range(2))
    batches = iter(read)
    for _ in range(3):
        next(batches)
    skipped.skip(12)
    assert skipped.state_dict() == read.state_dict()
    assert next(batches).equals(next(iter(skipped)))
    for wrong in (-1, 2 * read.rows):
        with pytest.raises(RecipeError, match="cannot skip"):
            skipped.skip(wrong)
    endless = dataset.loader(4, epochs=None)
    endless.skip(5 * endless.rows + 3)
    assert (endless.state_dict()["epoch"], endless.state_dict()["row"]) == (5, 3)
