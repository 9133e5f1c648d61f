"""Rows with masks and weights teach a small model what their documents teach it one by one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from pairloom.pipeline import Dataset, open_dataset, parse_recipe, run
from pairloom.pipeline.dataset.torch import TorchRows, mask_mod
from tests.consumers.test_tiny_model import CLOSE, Tiny
from tests.support.corpora import documents

WIDTH = 48
COLUMNS = ("input_ids", "labels", "loss_weights", "position_ids", "segment_ids")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "in").mkdir()
    with (folder / "in" / "a.jsonl").open("w", encoding="utf-8") as file:
        for name, text in documents(80):
            middle = len(text) // 2
            row = {"id": name, "text": text[:60], "spans": [[min(middle, 60), len(text[:60])]]}
            weights = [[0, min(middle, 60), 3.0], [min(middle, 60), len(text[:60]), 0.375]]
            file.write(json.dumps(row | {"weights": weights}) + "\n")
    text = f"""
root: {folder / "out"}
corpus:
  name: lines
  paths: "{folder}/in/*"
  id: id
  steps: [{{spans: {{keep_untrained: true}}}}, {{spans: {{field: weights, column: loss_weight, rule: any}}}}]
vocabulary: {{size: 320}}
pack: {{seq_len: {WIDTH}}}
execution: {{engine: local}}
"""
    run(parse_recipe(text))
    return open_dataset(folder / "out")


def alone(dataset: Dataset) -> list[tuple[list[int], list[int], list[float]]]:
    """The documents of all rows: ids, mask and weights."""
    found = []
    for batch in dataset.batches():
        for row in batch.to_pylist():
            at = 0
            for length in row["segment_lengths"]:
                part = slice(at, at + length)
                found.append(tuple(row[name][part] for name in ("input_ids", "loss_mask", "loss_weight")))
                at += length
    return found


def loss_of(
    model: Tiny, ids: Any, labels: Any, weights: Any, positions: Any, mask: Any, shifted: bool
) -> Any:
    """The weighted sum of losses; labels stand with their tokens, or one before where they are shifted."""
    logits = model(ids, positions, mask)
    if not shifted:
        logits, labels, weights = logits[:, :-1], labels[:, 1:], weights[:, 1:]
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return (losses * weights.flatten().double()).sum()


@pytest.mark.parametrize("shifted", [False, True])
def test_packed_and_alone_teach_the_same(dataset: Dataset, shifted: bool) -> None:
    size = len(dataset.vocabulary())
    packed, single = Tiny(size, WIDTH), Tiny(size, WIDTH)
    total = torch.zeros((), dtype=torch.double)
    for batch in TorchRows(dataset.loader(1, seed=1), columns=COLUMNS, shifted=shifted):
        places = torch.arange(WIDTH)
        mask = mask_mod(batch["segment_ids"])(
            torch.zeros(1, 1, 1, dtype=torch.long), 0, places[:, None], places
        )
        assert batch["loss_weights"].dtype == torch.float32
        assert ((batch["labels"] == -100) == (batch["loss_weights"] == 0)).all()
        loss = loss_of(
            packed,
            batch["input_ids"],
            batch["labels"],
            batch["loss_weights"],
            batch["position_ids"],
            mask,
            shifted,
        )
        loss.backward()
        total += loss.detach()
    other, trained = torch.zeros((), dtype=torch.double), 0
    for ids, masks, weights in alone(dataset):
        labels = [token if said else -100 for token, said in zip(ids, masks, strict=True)]
        labels[0] = -100
        trained += sum(label >= 0 for label in labels)
        n = torch.arange(len(ids))
        values = torch.tensor([[w if label >= 0 else 0 for w, label in zip(weights, labels, strict=True)]])
        loss = loss_of(
            single,
            torch.tensor([ids]),
            torch.tensor([labels]),
            values,
            n[None],
            (n[:, None] >= n)[None],
            False,
        )
        loss.backward()
        other += loss.detach()
    assert trained > 200
    assert total.item() == pytest.approx(other.item(), rel=CLOSE)
    for one, two in zip(packed.parameters(), single.parameters(), strict=True):
        assert torch.allclose(one.grad, two.grad, rtol=CLOSE, atol=CLOSE)


def test_views_show_masks_where_their_tokens_are(dataset: Dataset) -> None:
    for whole, free in zip(
        TorchRows(dataset.loader(4, seed=2), columns=COLUMNS),
        TorchRows(dataset.loader(4, seed=2), columns=COLUMNS, padding_free=True),
        strict=True,
    ):
        used = whole["segment_ids"] >= 0
        for name in ("labels", "loss_weights"):
            assert torch.equal(whole[name][used], free[name][0])


def test_rows_without_masks_have_weights_of_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"text": "some text"}\n')
    text = f"{{root: {tmp_path}/out, corpus: {{name: a, paths: '{tmp_path}/in/*'}}, vocabulary: {{size: 270}}, pack: 16}}"
    run(parse_recipe(text.replace("pack: 16", "pack: {seq_len: 16}"), overrides=["execution.engine=local"]))
    (batch,) = TorchRows(open_dataset(tmp_path / "out").loader(1), columns=("labels", "loss_weights"))
    assert np.array_equal(batch["loss_weights"].numpy(), (batch["labels"] != -100).numpy())
