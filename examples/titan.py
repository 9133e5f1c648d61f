"""Training as torchtitan does it, from packed rows, stopped and gone on with:

    pairloom run nanogpt.yaml
    python titan.py out/nanogpt --steps 20     # again with more steps, it goes on where it was

torchtitan's trainer asks three things of a data loader: `iter`, which gives ({"input": ids}, labels) with shifted labels, and the
two methods of `Stateful`, by which a distributed checkpoint stores it beside the model. `TitanLoader` is such a one; the rest of
this file is a trainer for one process. The state is where all ranks are together, so that another number of them may go on from it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed import checkpoint
from torch.distributed.checkpoint.stateful import Stateful

import pairloom as pl
from pairloom.pipeline.dataset.torch import TorchRows


class TitanLoader(Stateful):
    """Batches of packed rows for one rank of data parallelism."""

    def __init__(self, root: str, batch_size: int, dp_rank: int = 0, dp_world_size: int = 1) -> None:
        loader = pl.open(root).loader(
            batch_size=batch_size, rank=dp_rank, world_size=dp_world_size, seed=0, epochs=None
        )
        columns = ("input_ids", "labels", "position_ids", "place")
        self.rows = TorchRows(loader, columns=columns, shifted=True)
        self.state: dict[str, Any] = self.rows.state_dict()

    def __iter__(self) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
        for batch in self.rows:
            self.state = self.rows.state_at(batch["place"])
            yield {"input": batch["input_ids"], "positions": batch["position_ids"]}, batch["labels"]

    def state_dict(self) -> dict[str, Any]:
        """Where the last batch ended that was given."""
        return dict(self.state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on there."""
        if state_dict:
            self.rows.load_state_dict(dict(state_dict))
            self.state = dict(state_dict)


class Tiny(nn.Module):
    """One layer of causal attention."""

    def __init__(self, tokens: int, length: int, width: int = 32) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(length, width)
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
        self.out = nn.Linear(width, tokens)

    def forward(self, input: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:  # noqa: A002  (torchtitan's word)
        """Logits of ids [b, n]."""
        mask = nn.Transformer.generate_square_subsequent_mask(input.shape[1])
        return self.out(
            self.layer(self.tokens(input) + self.places(positions), src_mask=mask, is_causal=True)
        )


class Trained(Stateful):
    """What a checkpoint holds of the training itself."""

    step = 0

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.step = state_dict["step"]


def train(root: str, steps: int, folder: Path, batch_size: int = 4) -> list[float]:
    """Train up to a step, from the checkpoint in a folder if there is one; the losses of the steps that were made."""
    dataset = pl.open(root)
    torch.manual_seed(0)
    model = Tiny(len(dataset.vocabulary()), int(dataset.table().schema.field("input_ids").type.list_size))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader, trained = TitanLoader(root, batch_size), Trained()
    states = {"model": model, "dataloader": loader, "train_state": trained}
    if folder.exists():
        checkpoint.load(states, checkpoint_id=folder, no_dist=True)
    losses, batches = [], iter(loader)
    while trained.step < steps:
        inputs, labels = next(batches)
        logits = model(**inputs)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        trained.step += 1
        losses.append(loss.item())
    checkpoint.save(states, checkpoint_id=folder, no_dist=True)
    return losses


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("root")
    asked.add_argument("--steps", type=int, default=20)
    asked.add_argument("--checkpoint", type=Path, default=Path("out/titan"))
    given = asked.parse_args()
    for number, value in enumerate(train(given.root, given.steps, given.checkpoint), 1):
        print(f"{number}: {value:.4f}")
