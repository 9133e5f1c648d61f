"""Batches padded to their longest row: the same tokens, labels and losses as whole rows have."""

import pytest
import torch

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset.torch import TorchRows
from tests.support.corpora import documents, recipe_for, write_jsonl

COLUMNS = ("input_ids", "labels", "position_ids", "segment_ids", "cu_seqlens", "max_seqlen", "token_places")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("trimmed")
    write_jsonl(folder / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(folder, "pack.strategy=padded", "pack.seq_len=256", "vocabulary.size=300")
    run(recipe)
    return open_dataset(recipe.root)


def test_a_batch_ends_behind_its_longest_row(dataset: Dataset) -> None:
    whole = TorchRows(dataset.loader(4, seed=1), columns=COLUMNS)
    cut = TorchRows(dataset.loader(4, seed=1), columns=COLUMNS, trim=8)
    widths = set()
    for all_of_it, batch in zip(whole, cut, strict=True):
        width = batch["input_ids"].shape[1]
        widths.add(width)
        used = int((all_of_it["segment_ids"] >= 0).any(dim=0).sum())
        assert width == min(256, -(-used // 8) * 8)
        for name in ("input_ids", "labels", "position_ids", "segment_ids"):
            assert torch.equal(batch[name], all_of_it[name][:, :width])
        assert (all_of_it["labels"][:, width:] == -100).all()
        assert batch["cu_seqlens"][-1] == batch["input_ids"].numel()
        assert batch["max_seqlen"] == int(batch["cu_seqlens"].diff().max())
        places = batch["token_places"]
        assert torch.equal(all_of_it["input_ids"].reshape(-1)[places], batch["input_ids"].reshape(-1))
    assert len(widths) > 3


def test_views_that_exclude_each_other_are_refused(dataset: Dataset) -> None:
    with pytest.raises(RecipeError, match="padding_free, trim and context cannot be had together"):
        TorchRows(dataset.loader(4), trim=8, padding_free=True)
    with pytest.raises(RecipeError, match="trim=0: rows are cut at multiples of 1 or more"):
        TorchRows(dataset.loader(4), trim=0)
