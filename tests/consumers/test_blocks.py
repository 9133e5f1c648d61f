"""(U2) Blocks of the documents that need PyTorch, one after the other, as somebody would type them."""

from pathlib import Path
from typing import Any

import pytest

import pairloom
from pairloom.pipeline import run
from tests.support.blocks import blocks
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.documented import DOCUMENTS

NEEDED = {
    name: found
    for name in DOCUMENTS
    if (found := [block for block in blocks(name) if "make test-consumers" in (block.why or "")])
}


def test_the_pages_that_need_torch_are_found() -> None:
    assert {"README.md", "docs/guides/training.md"} <= NEEDED.keys()


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")  # torchdata 0.11 calls it
@pytest.mark.parametrize("name", NEEDED)
def test_blocks_that_need_torch_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(600))
    run(recipe_for(tmp_path, "pack.seq_len=2048"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"rank": 0, "world_size": 1, "pl": pairloom, "dataset": pairloom.open("out")}
    for block in NEEDED[name]:
        exec(compile("\n" * block.line + block.code, name, "exec"), names)
