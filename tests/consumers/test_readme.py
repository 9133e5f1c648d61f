"""(U2) Blocks of the README that need PyTorch, one after the other, as somebody would type them."""

from pathlib import Path
from typing import Any

import pytest

from pairloom.pipeline import open_dataset, run
from tests.support.blocks import blocks
from tests.support.corpora import documents, recipe_for, write_jsonl


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata 0.11 calls it
def test_blocks_that_need_torch_run(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(600))
    run(recipe_for(tmp_path, "pack.seq_len=2048"))
    names: dict[str, Any] = {"rank": 0, "world_size": 1, "dataset": open_dataset(str(tmp_path / "out"))}
    found = [block for block in blocks("README.md") if "make test-consumers" in (block.why or "")]
    assert len(found) == 3
    for block in found:
        exec(compile("\n" * block.line + block.code, "README.md", "exec"), names)
