"""Rows through PyTorch: the same batches in the same order, whoever reads them and however often they stop."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, create_mask
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from pairloom.operators.errors import RecipeError
from pairloom.operators.pack import derive as segments
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset.torch import COLUMNS, TorchRows, mask_mod, stream_state
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import documents, mixed_recipe_for, write_jsonl

# More workers than processors are what some of the tests are about.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),  # torchdata 0.11 calls it
]

WIDTH = 16
Batch = tuple[list[list[int]], list[int]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch")
    write_jsonl(folder / "web" / "a.jsonl", documents(300))
    write_jsonl(folder / "code" / "b.jsonl", documents(60, seed=1))
    settings = [f"pack.seq_len={WIDTH}", "pack.file_tokens=20000", "vocabulary.size=300"]
    recipe = mixed_recipe_for(folder, {"web": {}, "code": {}}, *settings)
    run(recipe)
    return folder / "out"


@pytest.fixture(scope="module")
def dataset(here: Path) -> Dataset:
    return open_dataset(str(here))


def seen(batch: dict[str, Any]) -> Batch:
    """The tokens of a batch, and the place after it."""
    return batch["input_ids"].tolist(), batch["place"].tolist()


def rows_of(dataset: Dataset, batch_size: int = 40, **settings: Any) -> TorchRows:
    settings = {"seed": 3, "epochs": 2} | settings
    return TorchRows(dataset.loader(batch_size, **settings), columns=("input_ids", "place"))


@pytest.fixture(scope="module")
def expected(dataset: Dataset) -> list[Batch]:
    """Two epochs in batches of 40, by the plain loader."""
    loader, out = dataset.loader(40, seed=3, epochs=2), []
    for batch in loader:
        state = loader.state_dict()
        out.append((batch.column("input_ids").to_pylist(), [state["epoch"], state["row"]]))
    assert len(out) > 30
    return out


def test_nothing_but_this_module_imports_torch() -> None:
    code = "import sys, pairloom.jobs.cli, pairloom.pipeline, pairloom.operators.pack.derive; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_batches_are_what_the_functions_of_segments_say(dataset: Dataset) -> None:
    for shifted, across in ((False, False), (True, False), (True, True)):
        rows = TorchRows(dataset.loader(7, seed=1), columns=COLUMNS, shifted=shifted, across_documents=across)
        for batch, table in zip(rows, dataset.loader(7, seed=1), strict=True):
            ids = np.array(table.column("input_ids").to_pylist())
            lengths = table.column("segment_lengths")
            want = {
                "input_ids": ids,
                "labels": segments.labels(ids, lengths, shifted=shifted, across_documents=across),
                "position_ids": segments.position_ids(lengths, WIDTH),
                "segment_ids": segments.segment_ids(lengths, WIDTH),
                "cu_seqlens": segments.cu_seqlens(lengths, WIDTH),
            }
            for name, array in want.items():
                assert torch.equal(batch[name], torch.from_numpy(array))
                assert batch[name].dtype == torch.from_numpy(array).dtype
            assert batch["max_seqlen"] == int(batch["cu_seqlens"].diff().max())
            for name in ("segment_lengths", "document", "offset"):
                split = batch[name].split(batch["segments_per_row"].tolist())
                assert [row.tolist() for row in split] == table.column(name).to_pylist()
            # The functions take the tensors too.
            lengths = batch["segment_lengths"].split(batch["segments_per_row"].tolist())
            assert torch.equal(torch.from_numpy(segments.position_ids(lengths, WIDTH)), batch["position_ids"])
            made = segments.labels(batch["input_ids"], lengths, shifted=shifted, across_documents=across)
            assert torch.equal(torch.from_numpy(made), batch["labels"])
        assert set(batch) == {*COLUMNS, "segments_per_row"}


def test_sources_come_by_segment_or_by_token(dataset: Dataset) -> None:
    columns = ("source", "segment_ids", "document")
    by_segment = TorchRows(dataset.loader(7, seed=1), columns=columns)
    by_token = TorchRows(dataset.loader(7, seed=1), columns=columns, per_token=True)
    for one, other, table in zip(by_segment, by_token, dataset.loader(7, seed=1), strict=True):
        lists = table.column("source").to_pylist()
        assert one["source"].dtype == other["source"].dtype == torch.int32
        assert [part.tolist() for part in one["source"].split(one["segments_per_row"].tolist())] == lists
        assert other["source"].shape == (7, WIDTH)
        assert other["document"].tolist() == one["document"].tolist()
        for row, segments_of, values in zip(
            other["source"].tolist(), other["segment_ids"].tolist(), lists, strict=True
        ):
            assert row == [values[segment] if segment >= 0 else -1 for segment in segments_of]
    seen = {
        number for table in dataset.loader(7) for row in table.column("source").to_pylist() for number in row
    }
    assert [dataset.sources[number] for number in sorted(seen)] == ["web", "code"]


def test_a_batch_is_its_own_and_may_be_written_to(dataset: Dataset) -> None:
    first = next(iter(TorchRows(dataset.loader(7), columns=COLUMNS)))
    before = copy.deepcopy(first)
    for value in first.values():
        if isinstance(value, torch.Tensor):
            value.add_(1)
    again = next(iter(TorchRows(dataset.loader(7), columns=COLUMNS)))
    assert all(
        torch.equal(again[name], value) for name, value in before.items() if isinstance(value, torch.Tensor)
    )


def test_flex_attention_gets_the_dense_reference_mask(dataset: Dataset) -> None:
    rows = TorchRows(dataset.loader(9), columns=("segment_ids",))
    for batch, table in zip(rows, dataset.loader(9), strict=True):
        ids = batch["segment_ids"]
        dense = create_mask(mask_mod(ids), len(ids), 1, WIDTH, WIDTH, device="cpu")[:, 0]
        reference = segments.document_mask(table.column("segment_lengths"), WIDTH)
        padding = (ids < 0).numpy()
        assert np.array_equal(dense.numpy() & ~padding[:, :, None], reference)
        assert dense.any(-1).all()
    assert create_block_mask(mask_mod(ids), len(ids), None, WIDTH, WIDTH, device="cpu").shape[0] == len(ids)


@pytest.mark.parametrize(("workers", "how"), [(0, None), (1, "fork"), (2, "fork"), (3, "fork"), (2, "spawn")])
def test_workers_change_nothing(
    dataset: Dataset, expected: list[Batch], workers: int, how: str | None
) -> None:
    rows = rows_of(dataset)
    loader = DataLoader(rows, batch_size=None, num_workers=workers, multiprocessing_context=how)
    assert len(loader) == len(expected)
    assert [seen(batch) for batch in loader] == expected
    if how == "spawn":
        return
    assert [seen(batch) for batch in loader] == expected  # the next pass begins where the first one did
    for stop, resumed in ((1, 2), (7, 0), (len(expected) - 1, 3)):
        batches = iter(loader)
        for _ in range(stop):
            batch = next(batches)
        del batches
        rows.load_state_dict(json.loads(json.dumps(rows.state_at(batch["place"]))))
        assert len(rows) == len(expected) - stop
        again = DataLoader(
            rows, batch_size=None, num_workers=resumed, multiprocessing_context="fork" if resumed else None
        )
        assert [seen(batch) for batch in again] == expected[stop:]
        rows.set_epoch(0)


def test_ranks_with_workers_share_the_stream(dataset: Dataset, expected: list[Batch]) -> None:
    stream = [row for ids, _ in expected for row in ids]
    steps = len(stream) // 60
    state = None
    got: list[list[int]] = []
    for ranks, batch_size, workers in ((3, 20, 2), (2, 30, 0), (1, 60, 3), (4, 15, 1)):
        found = []
        for rank in range(ranks):
            rows = rows_of(dataset, batch_size, rank=rank, world_size=ranks, epochs=None)
            if state is not None:
                rows.load_state_dict(state)
            batches = iter(DataLoader(rows, batch_size=None, num_workers=workers))
            found.append([next(batches) for _ in range(steps // 4)])
            del batches
        got += [
            row for step in zip(*found, strict=True) for batch in step for row in batch["input_ids"].tolist()
        ]
        states = [rows.state_at(batches[-1]["place"]) for batches in found]
        assert all(other == states[0] for other in states)
        state = states[0]
    assert got == stream[: len(got)]
    assert len(got) == steps // 4 * 4 * 60


def stateful(rows: TorchRows, workers: int, **settings: Any) -> StatefulDataLoader:
    return StatefulDataLoader(rows, batch_size=None, num_workers=workers, **settings)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("every", [1, 4])
def test_a_stateful_loader_stops_anywhere(
    dataset: Dataset, expected: list[Batch], workers: int, every: int
) -> None:
    end = len(expected)
    for stop in (0, 2, 5, end - 1, end):
        loader = stateful(rows_of(dataset), workers, snapshot_every_n_steps=every)
        batches = iter(loader)
        assert [seen(next(batches)) for _ in range(stop)] == expected[:stop]
        state = copy.deepcopy(loader.state_dict())
        del batches
        again = stateful(rows_of(dataset), workers, snapshot_every_n_steps=every)
        again.load_state_dict(state)
        found = [seen(batch) for batch in again]
        assert found == expected[stop:]
        # The place of the stream is in there, for any other number of workers.
        place = stream_state(json.loads(json.dumps(state, default=str)))
        assert place == rows_of(dataset).state_at(expected[stop - 1][1] if stop else (0, 0))
        rows = rows_of(dataset)
        rows.load_state_dict(place)
        assert [seen(batch) for batch in stateful(rows, (workers + 1) % 3)] == expected[stop:]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_that_has_finished_goes_on_with_the_next_epoch(
    dataset: Dataset, workers: int
) -> None:
    def epoch(number: int) -> list[Batch]:
        return [seen(batch) for batch in rows_of(dataset, epoch=number, epochs=1)]

    rows = rows_of(dataset, epochs=1)
    loader = stateful(rows, workers)
    for number in range(3):
        rows.set_epoch(number)
        assert [seen(batch) for batch in loader] == epoch(number)
    state = loader.state_dict()
    rows = rows_of(dataset, epochs=1)
    again = stateful(rows, workers)
    rows.set_epoch(2)
    again.load_state_dict(state)
    # A StatefulDataLoader that is loaded with the end of a pass begins another.
    assert [seen(batch) for batch in again] == epoch(2)
    rows.set_epoch(3)
    assert [seen(batch) for batch in again] == epoch(3)


def test_workers_that_persist_begin_again(dataset: Dataset, expected: list[Batch]) -> None:
    loader = DataLoader(rows_of(dataset), batch_size=None, num_workers=2, persistent_workers=True)
    for _ in range(2):
        assert [seen(batch) for batch in loader] == expected


def test_a_workers_state_is_refused_by_others(dataset: Dataset) -> None:
    loader = stateful(rows_of(dataset), 2)
    batches = iter(loader)
    next(batches)
    state = copy.deepcopy(loader.state_dict())
    del batches
    one = state["_snapshot"]["_worker_snapshots"]["worker_1"]["dataset_state"]
    with pytest.raises(
        RecipeError, match=r"worker 1 of 2 alone: pairloom\.pipeline\.dataset\.torch\.stream_state gives"
    ):
        rows_of(dataset).load_state_dict(one)
    with pytest.raises(RecipeError, match=r"worker 1 of 2 alone"):
        dataset.loader(40, seed=3).load_state_dict(one)
    other = stateful(rows_of(dataset, 20), 2)
    other.load_state_dict(state)
    with pytest.raises(RecipeError, match="step is 20 here and 40 in the state"):
        next(iter(other))
    other = stateful(rows_of(dataset, seed=4), 2)
    other.load_state_dict(state)
    with pytest.raises(RecipeError, match="seed is 4 here and 3 in the state"):
        next(iter(other))
    with pytest.raises(RecipeError, match="no state of a StatefulDataLoader over TorchRows"):
        stream_state({"dataset_state": None})


def test_impossible_choices_are_refused(dataset: Dataset) -> None:
    with pytest.raises(RecipeError, match=r"no columns \['tokens'\]; choose from input_ids,"):
        TorchRows(dataset.loader(2), columns=("tokens",))
    with pytest.raises(RecipeError, match="epoch -1"):
        rows_of(dataset).set_epoch(-1)
    endless = rows_of(dataset, epochs=None)
    with pytest.raises(TypeError, match="no end"):
        len(endless)
    rows = rows_of(dataset, epochs=1)
    with pytest.raises(RecipeError, match="past the end of this dataset: set_epoch first"):
        rows.load_state_dict(rows.state_at((2, 0)))


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_workers_read_from_a_bucket_that_their_parent_reads_too(
    here: Path, s3_root: str, expected: list[Batch], how: str
) -> None:
    bucket, folder = open_objects(s3_root), LocalObjects(str(here))
    for path in folder.list(""):
        bucket.put(path, folder.read(path))
    rows = rows_of(open_dataset(s3_root), prefetch=3)
    mine = iter(rows)
    assert seen(next(mine)) == expected[0]  # threads and connections are at work when the workers are forked
    loader = DataLoader(rows, batch_size=None, num_workers=2, multiprocessing_context=how)
    assert [seen(batch) for batch in loader] == expected
    assert [seen(batch) for batch in mine] == expected[1:]


def test_without_padding_rows_are_their_tokens_and_attention_is_the_same(dataset: Dataset) -> None:
    """Scores of attention over the tokens alone are those over rows with padding (C07)."""
    columns = (
        "input_ids",
        "labels",
        "position_ids",
        "segment_ids",
        "cu_seqlens",
        "max_seqlen",
        "token_places",
    )
    whole = list(TorchRows(dataset.loader(5, seed=1, epochs=1), columns=columns))
    packed = list(TorchRows(dataset.loader(5, seed=1, epochs=1), columns=columns, padding_free=True))
    assert len(whole) == len(packed) > 3
    for rows, tokens in zip(whole, packed, strict=True):
        there = rows["segment_ids"] >= 0
        for name in ("input_ids", "labels", "position_ids", "segment_ids"):
            assert tokens[name].tolist() == [rows[name][there].tolist()]
        assert tokens["token_places"].tolist() == torch.nonzero(there.reshape(-1)).reshape(-1).tolist()
        edges = tokens["cu_seqlens"]
        assert edges.dtype == torch.int32
        assert int(edges.diff().max()) == tokens["max_seqlen"]
        segment = torch.repeat_interleave(torch.arange(len(edges) - 1), edges.diff())
        value = rows["input_ids"].float()
        mask = torch.tril(torch.ones(WIDTH, WIDTH)) * (
            rows["segment_ids"][:, :, None] == rows["segment_ids"][:, None]
        )
        sums = (mask * value[:, None, :]).sum(-1)[there]
        alone = torch.tril(torch.ones(len(segment), len(segment))) * (segment[:, None] == segment)
        assert torch.equal((alone * tokens["input_ids"].float()).sum(-1), sums)


@pytest.mark.parametrize("order", ["zigzag", "blocks"])
def test_the_ranks_of_context_parallelism_have_each_row_between_them(dataset: Dataset, order: Any) -> None:
    """Labels and positions are those of whole rows, wherever these are cut (D7)."""
    columns = ("input_ids", "labels", "position_ids", "cu_seqlens", "run_first", "token_places")
    (whole, *_) = TorchRows(dataset.loader(5, seed=1), columns=columns, shifted=True)
    found = {name: torch.zeros_like(whole[name]).reshape(-1) for name in columns[:3]}
    for rank in range(2):
        rows = TorchRows(
            dataset.loader(5, seed=1), columns=columns, shifted=True, context=(rank, 2), context_order=order
        )
        part = next(iter(rows))
        assert part["input_ids"].shape == (5, WIDTH // 2)
        for name, values in found.items():
            values[part["token_places"]] = part[name].reshape(-1)
        positions = part["position_ids"].reshape(-1)
        for begin, end, first in zip(
            part["cu_seqlens"], part["cu_seqlens"][1:], part["run_first"], strict=False
        ):
            run = positions[begin:end]
            assert run.tolist() in ([*range(first, first + len(run))], [0] * len(run))
    for name, values in found.items():
        assert torch.equal(values.reshape(5, WIDTH), whole[name])
    with pytest.raises(RecipeError, match="cannot be cut into 6 blocks"):
        TorchRows(dataset.loader(5), context=(0, 3))
    with pytest.raises(RecipeError, match="cannot be had together"):
        TorchRows(dataset.loader(5), context=(0, 1), padding_free=True)
