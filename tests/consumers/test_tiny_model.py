"""A small transformer learns the same from packed rows as from the documents one by one.

In float64, on rows with their masks and positions, the sum of all losses and every gradient are those of the documents
on their own; without the mask, or without positions that restart, they are not.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset.torch import TorchRows, mask_mod
from tests.support.corpora import documents, recipe_for, write_jsonl

WIDTH = 32
CLOSE = 1e-10
COLUMNS = ("input_ids", "labels", "position_ids", "segment_ids", "segment_lengths", "document", "offset")


class Tiny(torch.nn.Module):
    """One block of attention with two heads, and learned positions."""

    def __init__(self, tokens: int, positions: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.token = torch.nn.Embedding(tokens, 4)
        self.position = torch.nn.Embedding(positions, 4)
        self.project = torch.nn.Linear(4, 12)
        self.out = torch.nn.Linear(4, 4)
        self.double()

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits [b, n, tokens] of ids [b, n] under a mask [b, n, n]."""
        b, n = ids.shape
        x = self.token(ids) + self.position(positions)
        q, k, v = self.project(x).view(b, n, 3, 2, 2).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None])
        x = x + torch.tanh(self.out(seen.transpose(1, 2).reshape(b, n, 4)))
        return x @ self.token.weight.T


class Sums:
    """The losses and the gradients of all batches that were shown to a model."""

    def __init__(self, dataset: Dataset, longest: int) -> None:
        self.model = Tiny(len(dataset.vocabulary()), longest)
        self.loss, self.labels = 0.0, 0

    def add(self, ids: Any, labels: Any, positions: Any, mask: Any) -> None:
        """Labels as Hugging Face's models have them: position i is predicted at i - 1."""
        logits = self.model(ids, positions, mask)[:, :-1]
        loss = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
        loss.backward()
        self.loss += loss.item()
        self.labels += int((labels[:, 1:] >= 0).sum())

    def gradients(self) -> torch.Tensor:
        return torch.cat([p.grad.flatten() for p in self.model.parameters() if p.grad is not None])


def packed(
    dataset: Dataset, longest: int, *, masked: bool = True, restarting: bool = True, **choice: Any
) -> Sums:
    """The model over packed rows."""
    sums = Sums(dataset, longest)
    for batch in TorchRows(dataset.loader(1, seed=1), columns=COLUMNS, **choice):
        ids, n = batch["input_ids"], torch.arange(WIDTH)
        documents = batch["segment_ids"] if masked else torch.zeros_like(batch["segment_ids"])
        mask = mask_mod(documents)(torch.arange(len(ids))[:, None, None], 0, n[:, None], n)
        positions = batch["position_ids"] if restarting else n.expand_as(ids)
        sums.add(ids, batch["labels"], positions, mask)
    return sums


def alone(dataset: Dataset, longest: int, texts: list[list[int]]) -> Sums:
    """The model over sequences one by one: no packing, no padding, every token but the first predicted."""
    sums = Sums(dataset, longest)
    for tokens in texts:
        ids = torch.tensor([tokens])
        n = torch.arange(len(tokens))
        sums.add(ids, ids, n[None], (n[:, None] >= n)[None])
    return sums


def pieces(dataset: Dataset) -> dict[int, dict[int, list[int]]]:
    """The segments of each document, read from the rows without anything of the loader: offset to tokens."""
    out: dict[int, dict[int, list[int]]] = {}
    for batch in dataset.batches():
        for row in batch.to_pylist():
            cuts = list(itertools.accumulate(row["segment_lengths"], initial=0))
            for start, stop, document, offset in zip(
                cuts, cuts[1:], row["document"], row["offset"], strict=False
            ):
                known = out.setdefault(document, {})
                known[offset] = max(known.get(offset, []), row["input_ids"][start:stop], key=len)
    return out


def wholes(dataset: Dataset) -> dict[int, list[int]]:
    """The tokens of each document, whatever its segments repeat."""
    out = {}
    for document, parts in pieces(dataset).items():
        tokens: list[int] = []
        for offset in sorted(parts):
            assert offset <= len(tokens)
            assert tokens[offset:] == parts[offset][: len(tokens) - offset]
            tokens[offset:] = parts[offset]
        out[document] = tokens
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    write_jsonl(made / "in" / "a.jsonl", documents(24))
    return made


def made_with(folder: Path, strategy: str, *settings: str) -> Dataset:
    root = folder / "-".join([strategy, *settings])
    choice = (
        f"pack.seq_len={WIDTH}",
        f"pack.strategy={strategy}",
        "vocabulary.size=300",
        "pack.validation=0",
    )
    run(recipe_for(folder, *choice, *settings, root=root))
    return open_dataset(str(root))


STRATEGIES = ["best_fit", "first_fit", "concat", "padded"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_of_whole_documents_are_the_documents(folder: Path, strategy: str) -> None:
    """Documents that are cut nowhere: the shorter ones of the corpus."""
    short = folder / strategy
    write_jsonl(short / "in" / "a.jsonl", [(name, text) for name, text in documents(60) if len(text) < 24])
    overflow = [] if strategy == "concat" else ["pack.overflow=drop"]
    dataset = made_with(short, strategy, *overflow)
    texts = wholes(dataset)
    cut = {number for number, parts in pieces(dataset).items() if len(parts) > 1}
    assert len(texts) > 10
    if strategy != "concat":
        assert not cut
    # What concat cuts is compared piece by piece.
    sequences = [tokens for number, parts in pieces(dataset).items() for tokens in parts.values()]
    if not cut:
        assert sorted(sequences) == sorted(texts.values())
    compare(dataset, sequences)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_of_pieces_are_the_pieces(folder: Path, strategy: str) -> None:
    dataset = made_with(folder, strategy)
    assert any(len(parts) > 1 for parts in pieces(dataset).values())
    compare(dataset, [tokens for parts in pieces(dataset).values() for tokens in parts.values()])


def compare(dataset: Dataset, sequences: list[list[int]]) -> None:
    expected, found = alone(dataset, WIDTH, sequences), packed(dataset, WIDTH)
    assert found.labels == expected.labels == sum(len(tokens) - 1 for tokens in sequences)
    assert found.loss == pytest.approx(expected.loss, rel=CLOSE)
    assert torch.allclose(found.gradients(), expected.gradients(), rtol=CLOSE, atol=CLOSE)
    several = any(len(row) > 1 for row in dataset.table().column("segment_lengths").to_pylist())
    for wrong in ({"masked": False}, {"restarting": False}):
        other = packed(dataset, WIDTH, **wrong)
        assert other.labels == expected.labels
        assert (abs(other.loss - expected.loss) > 1e-6 * expected.loss) == several


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_token_is_predicted_exactly_once(folder: Path, strategy: str) -> None:
    dataset = made_with(folder, strategy, "pack.predict_every_token=true")
    texts = wholes(dataset)
    assert any(len(tokens) > WIDTH for tokens in texts.values())
    times: dict[tuple[int, int], int] = {}
    for batch in TorchRows(dataset.loader(1, seed=1), columns=COLUMNS):
        starts = batch["segment_ids"][0].tolist()
        for place, label in enumerate(batch["labels"][0].tolist()):
            if label < 0:
                continue
            segment = starts[place]
            document = batch["document"][segment].item()
            token = batch["offset"][segment].item() + batch["position_ids"][0, place].item()
            assert texts[document][token] == label
            times[document, token] = times.get((document, token), 0) + 1
    assert times == {
        (document, token): 1 for document, tokens in texts.items() for token in range(1, len(tokens))
    }
    # Without it, the first token of every piece that goes on with a document is predicted by nobody.
    plain = made_with(folder, strategy)
    lost = sum(len(parts) - 1 for parts in pieces(plain).values())
    assert lost > 0
    assert packed(plain, WIDTH).labels == len(times) - lost


def test_labels_across_documents_are_all_that_is_not_padding(folder: Path) -> None:
    dataset = made_with(folder, "concat")
    tokens = [sum(row) for row in dataset.table().column("segment_lengths").to_pylist()]
    assert packed(dataset, WIDTH, across_documents=True).labels == sum(tokens) - len(tokens)
    assert json.loads(dataset.table().schema.metadata[b"pairloom"])["labels_shifted"] is False
