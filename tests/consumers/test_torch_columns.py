"""What rows have beside their tokens, through PyTorch: columns, labels of row steps, joined documents."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.dataset.torch import TorchRows
from tests.support.columns import with_columns
from tests.support.corpora import documents, recipe_for, write_jsonl

# More workers than processors are what one of the tests is about.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")

WIDTH = 16


def test_further_columns_come_as_they_are_stored(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    dataset = with_columns(recipe_for(tmp_path, f"pack.seq_len={WIDTH}", "vocabulary.size=300"))
    names = ("loss_mask", "weight", "quality", "segment_ids")
    by_segment = TorchRows(dataset.loader(5), columns=names)
    by_token = TorchRows(dataset.loader(5), columns=names, per_token=True)
    for one, other, table in zip(by_segment, by_token, dataset.loader(5), strict=True):
        assert one["loss_mask"].dtype == torch.uint8
        assert one["weight"].dtype == torch.float16
        assert (
            one["loss_mask"].tolist() == other["loss_mask"].tolist() == table.column("loss_mask").to_pylist()
        )
        assert one["weight"].tolist() == table.column("weight").to_pylist()
        lists = table.column("quality").to_pylist()
        assert [part.tolist() for part in one["quality"].split(one["segments_per_row"].tolist())] == lists
        padding = other["segment_ids"] < 0
        assert bool(other["quality"][padding].isnan().all())
        assert other["quality"][~padding].tolist() == [
            values[segment]
            for row, values in zip(other["segment_ids"].tolist(), lists, strict=True)
            for segment in row
            if segment >= 0
        ]


def test_labels_of_a_row_step_are_those_of_the_batch(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    special = 'vocabulary.special_tokens=["<|endoftext|>", "[MASK]"]'
    recipe = recipe_for(tmp_path, special, "pack.rows=[{masked_lm: {rate: 0.3, when: load}}]")
    run(recipe)
    made = open_dataset(recipe.root)
    rows = TorchRows(made.loader(8, epochs=2), columns=("input_ids", "labels"))
    plain = list(TorchRows(made.loader(8, epochs=2, steps=()), columns=("input_ids", "labels")))
    for batch, before in zip(rows, plain, strict=True):
        ids, labels = batch["input_ids"], batch["labels"]
        assert labels.dtype == torch.int64
        assert torch.equal(torch.where(labels == -100, ids, labels), before["input_ids"])
        assert (labels != -100).any()
    one, two = (list(DataLoader(rows, batch_size=None, num_workers=n)) for n in (0, 2))
    assert all(torch.equal(a["labels"], b["labels"]) for a, b in zip(one, two, strict=True))
    with pytest.raises(RecipeError, match="labels of their own"):
        next(iter(TorchRows(made.loader(8), columns=("labels",), shifted=True)))


def test_columns_of_a_recipe_have_a_value_for_every_token(tmp_path: Path) -> None:
    lines = [
        {"text": text, "lang": ("de", "en", None)[i % 3], "quality": i % 8 / 8 if i % 5 else None}
        for i, (_, text) in enumerate(documents(80))
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = ["lang", {"name": "quality", "type": "float32"}]
    recipe = recipe_for(tmp_path, "pack.seq_len=32", "vocabulary.size=300")
    source = recipe.corpus[0].model_dump(by_alias=True) | {"id": None, "columns": columns}
    run(type(recipe).model_validate(recipe.model_dump(by_alias=True) | {"corpus": [source]}))
    dataset = open_dataset(recipe.root)
    names = ("input_ids", "segment_ids", "segment_lengths", "source", "lang", "quality")
    whole = TorchRows(dataset.loader(4), columns=names, per_token=True)
    cut = TorchRows(dataset.loader(4), columns=names)
    seen: set[int] = set()
    for tokens, segments_of in zip(whole, cut, strict=True):
        for name in ("source", "lang", "quality"):
            each = torch.repeat_interleave(segments_of[name], segments_of["segment_lengths"])
            assert tokens[name].shape == tokens["input_ids"].shape
            here = tokens[name][tokens["segment_ids"] >= 0]
            assert torch.allclose(here.double(), each.double(), equal_nan=True)
        seen.update(tokens["lang"].flatten().tolist())
    assert {dataset.columns["lang"].said(value) for value in seen} == {"de", "en", None}


def test_joined_documents_are_seen_as_one(tmp_path: Path) -> None:
    """Positions, labels and attention cross what is joined; what documents have stays with each."""
    lines = [{"text": f"file {i} " * (1 + i % 5), "repo": i % 7, "number": i} for i in range(80)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = [{"name": name, "type": "int32"} for name in ("repo", "number")]
    asked = Recipe.model_validate(
        {
            "root": str(tmp_path / "out"),
            "corpus": [{"name": "code", "paths": [str(tmp_path / "*.jsonl")], "columns": columns}],
            "vocabulary": {"size": 280},
            "pack": {
                "seq_len": 64,
                "shuffle": {"mode": "group", "by": "repo", "then": "number"},
                "join": {"separator": "\n"},
            },
            "execution": {"engine": "local"},
        }
    )
    run(asked)
    wanted = ("input_ids", "labels", "position_ids", "segment_ids", "cu_seqlens", "repo", "number", "joined")
    rows = TorchRows(open_dataset(asked.root).loader(4), columns=(*wanted, "segment_lengths"), shifted=True)
    many = 0
    for batch in rows:
        flags, lengths = batch["joined"].numpy(), batch["segment_lengths"].numpy()
        whole = np.split(lengths, np.flatnonzero(flags & 1 == 0))[1:]
        assert set(np.diff(batch["cu_seqlens"].numpy())) >= {one.sum() for one in whole}
        assert batch["segment_ids"].max() < len(whole)
        seen_ids = batch["segment_ids"].numpy()
        inside = (seen_ids[:, 1:] == seen_ids[:, :-1]) & (seen_ids[:, 1:] >= 0)
        assert (np.diff(batch["position_ids"].numpy(), axis=1)[inside] == 1).all()
        ids, labels = batch["input_ids"].numpy(), batch["labels"].numpy()
        assert (labels[:, :-1][inside] == ids[:, 1:][inside]).all()
        assert len(batch["number"]) == len(flags)
        many += int((flags & 1).sum())
    assert many > 20
    per_token = TorchRows(open_dataset(asked.root).loader(4), columns=("number",), per_token=True)
    assert next(iter(per_token))["number"].shape == (4, 64)
