"""The example that trains as torchtitan does: its loader is what that trainer asks for, and a stop changes nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.stateful import Stateful

from pairloom.pipeline import load_recipe, run

EXAMPLES = Path(__file__).parents[2] / "examples"
torch.set_num_threads(1)  # a model so small is not worth two


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("examples")
    for name in ("nanogpt.yaml", "make_data.py", "titan.py"):
        shutil.copy(EXAMPLES / name, at)
    subprocess.run([sys.executable, "make_data.py"], cwd=at, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(at)
        run(load_recipe("nanogpt.yaml", ["execution.engine=local", "pack.seq_len=128", "vocabulary.size=1k"]))
    return at


def test_a_run_that_stops_goes_on_with_the_same_losses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    import titan

    root = str(folder / "out/nanogpt")
    whole = titan.train(root, 12, folder / "whole")
    parts = titan.train(root, 5, folder / "parts") + titan.train(root, 12, folder / "parts")
    assert parts == whole
    assert titan.train(root, 12, folder / "parts") == []
    assert whole[-1] < whole[0]


def test_the_loader_is_what_torchtitan_asks_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches as its trainer takes them apart, a state as its checkpoints take it, other ranks go on from it."""
    monkeypatch.syspath_prepend(str(folder))
    import titan

    root = str(folder / "out/nanogpt")
    loader = titan.TitanLoader(root, 4)
    assert isinstance(loader, Stateful)
    batches = iter(loader)
    inputs, labels = next(batches)
    assert inputs["input"].shape == labels.shape == inputs["positions"].shape == (4, 128)
    same = labels[:, :-1] != -100
    assert torch.equal(labels[:, :-1][same], inputs["input"][:, 1:][same])
    state = loader.state_dict()
    following = next(batches)[0]["input"]
    ranks = [titan.TitanLoader(root, 2, rank, 2) for rank in range(2)]
    for rank in ranks:
        rank.load_state_dict(state)
    parts = [next(iter(rank))[0]["input"] for rank in ranks]
    rows = {tuple(row.tolist()) for part in parts for row in part}
    assert rows == {tuple(row.tolist()) for row in following}
    loader.load_state_dict({})
