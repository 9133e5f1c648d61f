"""The loader: one stream of rows, whoever reads it and however often it is stopped."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.selection.epochs import epoch_order
from pairloom.operators.selection.order import permutation
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset.blocks import open_rows
from pairloom.pipeline.dataset.loader import Loader
from pairloom.pipeline.dataset.stream import BLOCK_ROWS, RowStream, block_sizes, rows_a_block
from pairloom.pipeline.store.files import StoredFile, write_arrow
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import documents, recipe_for, write_jsonl

Row = tuple[int, ...]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Files of more than one block, the last of which is short."""
    folder = tmp_path_factory.mktemp("loader")
    write_jsonl(folder / "in" / "a.jsonl", documents(500))
    recipe = recipe_for(folder, "pack.seq_len=16", "pack.file_tokens=20000", "vocabulary.size=300")
    run(recipe)
    return open_dataset(recipe.root)


@pytest.fixture(scope="module")
def epochs(dataset: Dataset) -> dict[int | None, list[Row]]:
    """Five epochs of rows in each order, row by row, by a loop over the definition."""
    table = dataset.table()
    stored = [
        (*ids, *lengths, *documents)
        for ids, lengths, documents in zip(
            *(table.column(name).to_pylist() for name in ("input_ids", "segment_lengths", "document")),
            strict=True,
        )
    ]
    blocks, first = [], 0
    for file in dataset.manifest.stage("pack").files:
        if file.role == "train":
            blocks += [
                stored[first + at : first + min(at + BLOCK_ROWS, file.rows)]
                for at in range(0, file.rows, BLOCK_ROWS)
            ]
            first += file.rows
    assert len(blocks) > len(dataset.files("pack", "train")) > 1
    assert all(0 < len(block) <= BLOCK_ROWS for block in blocks)
    out: dict[int | None, list[Row]] = {None: stored * 5}
    for seed in (0, 7):
        out[seed] = []
        for epoch in range(5):
            stream = hash_bytes(f"{seed} {epoch}".encode())
            for number in permutation(len(blocks), stream).tolist():
                block = blocks[number]
                out[seed] += [block[i] for i in permutation(len(block), stream + 1 + number).tolist()]
    return out


def rows(batches: Iterator[Any]) -> list[Row]:
    return [
        (*row["input_ids"], *row["segment_lengths"], *row["document"])
        for batch in batches
        for row in batch.to_pylist()
    ]


def test_an_epoch_has_every_row_once(dataset: Dataset, epochs: dict[int | None, list[Row]]) -> None:
    total = len(epochs[None]) // 5
    assert rows(iter(dataset.loader(1))) == epochs[None][:total]
    assert rows(iter(dataset.loader(1, seed=7, epoch=2))) == epochs[7][2 * total : 3 * total]
    assert sorted(epochs[7][:total]) == sorted(epochs[None][:total])
    assert len({tuple(epochs[seed][n * total : (n + 1) * total]) for seed in (0, 7) for n in range(5)}) == 10


SESSIONS = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 5]),  # ranks
        st.sampled_from([1, 2, 7, 60, 700, 1500]),  # rows in a batch
        st.integers(1, 4),  # steps
        st.sampled_from([0, 1, 3]),  # blocks read ahead
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(sessions=SESSIONS, seed=st.sampled_from([None, 0, 7]), skip=st.integers(0, 3000))
def test_stopping_and_going_on_with_other_ranks_changes_nothing(
    dataset: Dataset,
    epochs: dict[int | None, list[Row]],
    sessions: list[tuple[int, int, int, int]],
    seed: int | None,
    skip: int,
) -> None:
    expected = epochs[seed]
    state = dataset.loader(1, seed=seed).state_at(skip)
    seen = skip
    for world_size, batch_size, steps, prefetch in sessions:
        count = min(steps, (len(expected) - seen) // (world_size * batch_size))
        ranks, reached = [], state
        for rank in range(world_size):
            loader = dataset.loader(
                batch_size, rank=rank, world_size=world_size, seed=seed, epochs=None, prefetch=prefetch
            )
            loader.load_state_dict(state)
            batches = iter(loader)
            ranks.append([rows(iter([next(batches)])) for _ in range(count)])
            batches.close()  # type: ignore[attr-defined]
            after = loader.state_dict()
            assert rank == 0 or after == reached
            reached = after
        for step in range(count):
            for rank in range(world_size):
                assert ranks[rank][step] == expected[seen : seen + batch_size]
                seen += batch_size
        state = reached
    assert state == dataset.loader(1, seed=seed).state_at(seen)


def test_every_rank_gets_the_same_number_of_rows(dataset: Dataset) -> None:
    total = dataset.table().num_rows
    loaders = [dataset.loader(4, rank=rank, world_size=3, seed=1) for rank in range(3)]
    assert {len(loader) for loader in loaders} == {total // 12}
    counts = {len(rows(iter(loader))) for loader in loaders}
    assert counts == {total // 12 * 4}
    assert {len(loader) for loader in loaders} == {0}


def test_a_loader_is_a_value(dataset: Dataset) -> None:
    loader = dataset.loader(5, seed=1)
    batches = iter(loader)
    next(batches)
    copy = pickle.loads(pickle.dumps(loader))
    assert copy.state_dict() == loader.state_dict()
    assert rows(iter([next(iter(copy))])) == rows(iter([next(batches)]))
    batches.close()  # type: ignore[attr-defined]


def test_a_state_of_other_rows_is_refused(dataset: Dataset) -> None:
    state = dataset.loader(2, seed=1).state_dict()
    for key, value in (("vocabulary", "other"), ("generation", 9), ("seed", 2), ("split", "validation")):
        with pytest.raises(RecipeError, match=f"{key} is .* here and {value!r} in the state"):
            dataset.loader(2, seed=1).load_state_dict(state | {key: value})
        dataset.loader(2, seed=1).load_state_dict(state | {key: value}, force=True)
    for place in ({"row": 10**9}, {"row": -1}, {"epoch": -1}):
        with pytest.raises(RecipeError, match="an epoch has"):
            dataset.loader(2, seed=1).load_state_dict(state | place, force=True)
    with pytest.raises(RecipeError, match=r"no number epoch and no number row"):
        dataset.loader(2, seed=1).load_state_dict({"place": 3}, force=True)
    with pytest.raises(RecipeError, match=r"epoch 1 row 1, past the end of this loader"):
        dataset.loader(2, seed=1).load_state_dict(state | {"epoch": 1, "row": 1})


def test_whole_numbers_of_numpy_are_numbers(dataset: Dataset) -> None:
    """(F16) In what makes a loader, and in its state; the state that is kept holds plain ones, which JSON can."""
    plain = dataset.loader(2, seed=1, epochs=2)
    made = dataset.loader(np.int64(2), seed=np.uint32(1), epoch=np.int8(0), epochs=2)  # type: ignore[arg-type]
    state = plain.state_dict() | {"epoch": 1, "row": 3}
    assert json.loads(json.dumps(made.state_dict())) == plain.state_dict()
    made.load_state_dict({key: np.int64(v) if isinstance(v, int) else v for key, v in state.items()})
    plain.load_state_dict(state)
    assert json.loads(json.dumps(made.state_dict())) == state
    assert rows(iter(made)) == rows(iter(plain))


def test_a_state_of_an_earlier_generation_opens_that_generation(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path, "pack.seq_len=16", "vocabulary.size=300")
    run(recipe)
    batches = iter(loader := open_dataset(recipe.root).loader(3, seed=1))
    next(batches)
    state, expected = loader.state_dict(), rows(batches)
    write_jsonl(tmp_path / "in" / "b.jsonl", documents(20, seed=1))
    run(recipe)
    with pytest.raises(RecipeError, match=r"generation is .* here and"):
        open_dataset(recipe.root).loader(3, seed=1).load_state_dict(state)
    again = open_dataset(recipe.root, generation=state["generation"]).loader(3, seed=1)
    again.load_state_dict(state)
    assert rows(iter(again)) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"rank": 3},
        {"world_size": 0},
        {"split": "test"},
        {"epoch": -1},
        {"epochs": 0},
        {"prefetch": -1},
    ],
)
def test_impossible_loaders_are_refused(dataset: Dataset, wrong: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        dataset.loader(**({"batch_size": 2, "world_size": 2} | wrong))


def cut(rows: int, width: int = 4) -> np.ndarray[Any, Any]:
    """The sizes of the blocks of a file, which has nothing but a number of rows."""
    return block_sizes(
        StoredFile(role="train", path="-", bytes=0, sha256="", rows=rows, facts={"seq_len": width})
    )


@pytest.mark.parametrize("width", [1, 8192, 8193, 1 << 20, 1 << 24])
def test_blocks_are_those_that_are_written(tmp_path: Path, width: int) -> None:
    usual = rows_a_block(width)
    assert usual * width <= max(width, 1 << 23)
    for rows in (0, 1, usual - 1, usual, usual + 1, 3 * usual):
        assert cut(rows, width).tolist() == [min(usual, rows - at) for at in range(0, rows, usual)]


@pytest.mark.parametrize("count", [1, BLOCK_ROWS - 1, BLOCK_ROWS, 3 * BLOCK_ROWS + 17])
def test_an_epochs_order_is_a_permutation_that_keeps_blocks_together(count: int) -> None:
    sizes = np.append(cut(count), 5)
    firsts = np.cumsum(sizes) - sizes
    order = epoch_order(sizes, seed=3, epoch=2)
    made = [firsts[block] + order.within(slot) for slot, block in enumerate(order.blocks)]
    assert np.array_equal(np.sort(np.concatenate(made)), np.arange(sizes.sum()))
    assert [len(part) for part in made] == np.diff(order.starts).tolist()
    assert [order.slot(position) for position in range(int(sizes.sum()))] == np.repeat(
        np.arange(len(sizes)), np.diff(order.starts)
    ).tolist()


def packed_file(folder: Path, width: int, batches: list[int], path: str = "rows.arrow") -> StoredFile:
    """A file with one column, whose rows count up, in record batches of the given sizes."""
    schema = pa.schema([("input_ids", pa.list_(pa.uint16(), width))])
    with write_arrow(LocalObjects(str(folder)), path, schema, role="train") as writer:
        for size in batches:
            first = writer.rows * width
            values = pa.array(np.arange(first, first + size * width).astype(np.uint16))
            column = pa.FixedSizeListArray.from_arrays(values, width)
            writer.write(pa.RecordBatch.from_arrays([column], schema=schema))
        writer.facts["seq_len"] = width
    assert writer.stored is not None
    return writer.stored


@pytest.mark.parametrize("batches", [[4], [4, 4, 1], [4, 4, 4], [1, 4, 2], [4, 1, 4], [2, 4], [3, 0, 3], []])
def test_any_rows_of_a_file_whatever_its_record_batches(tmp_path: Path, batches: list[int]) -> None:
    objects = LocalObjects(str(tmp_path))
    file = open_rows(objects, packed_file(tmp_path, 2, batches))
    assert np.diff(file.starts).tolist() == batches
    total = sum(batches)
    for start in range(total):
        for stop in range(start + 1, total + 1):
            found = file.read(start, stop).column("input_ids").flatten().to_pylist()
            assert found == list(range(2 * start, 2 * stop))


def stream(folder: Path, *files: StoredFile, prefetch: int = 0, batch_size: int = 2) -> RowStream:
    return RowStream(
        objects=LocalObjects(str(folder)),
        files=files,
        batch_size=batch_size,
        rank=0,
        world_size=1,
        seed=None,
        prefetch=prefetch,
    )


def test_files_of_other_widths_are_refused(tmp_path: Path) -> None:
    files = tuple(packed_file(tmp_path, width, [5], f"{width}.arrow") for width in (4, 2))
    with pytest.raises(RecipeError, match="rows of 2 and 4 tokens: make a loader for each length"):
        Loader(
            objects=LocalObjects(str(tmp_path)),
            files=files,
            identity={"split": "train"},
            batch_size=1,
            rank=0,
            world_size=1,
            seed=None,
            epoch=0,
            epochs=1,
            prefetch=0,
        )


@pytest.mark.parametrize("prefetch", [0, 2])
def test_files_that_are_gone_or_not_whole_are_named(tmp_path: Path, prefetch: int) -> None:
    stored = packed_file(tmp_path, 2, [4, 4, 2])
    path = tmp_path / stored.path
    whole = path.read_bytes()

    def read() -> int:
        return sum(len(batch) for _, batch in stream(tmp_path, stored, prefetch=prefetch).batches(0, 10))

    assert read() == 10
    for broken in (
        whole[:-1],
        whole[: len(whole) // 2],
        b"ARROW1\0\0",
        whole[:-60] + b"\xff" * 50 + whole[-10:],
    ):
        path.write_bytes(broken)
        with pytest.raises(CorruptionError, match=r"rows\.arrow"):
            read()
    path.unlink()
    with pytest.raises(CorruptionError, match=r"rows\.arrow is missing"):
        read()
    path.write_bytes(whole)
    wrong = stored.model_copy(update={"rows": 9})
    with pytest.raises(CorruptionError, match="has 10 rows, expected 9"):
        open_rows(LocalObjects(str(tmp_path)), wrong)
