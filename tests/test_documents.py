"""The Python of the documents is Python, and does what it says it does.

The blocks of a document run one after the other, as somebody would type them, in a folder that holds what the words
around them stand for (`given`). A block that cannot is marked above by `<!-- not run: why -->`, and is compiled; those that
need PyTorch are run by `tests/consumers/test_blocks.py`.
"""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, count_words
from pairloom.operators.registry import Registry
from pairloom.pipeline import open_dataset
from tests.support.blocks import blocks
from tests.support.corpora import documents
from tests.support.documented import DOCUMENTS, ROOT, prepare


def given() -> dict[str, Any]:
    """A packed root `out` of a `recipe.yaml`, a learned vocabulary in each file format, and a rank of one."""
    prepare()
    dataset = open_dataset("out")
    texts = pa.chunked_array([[text for _, text in documents(20)]])
    return {
        "rank": 0,
        "world_size": 1,
        "batch": next(iter(dataset.loader(batch_size=4))),
        "words": ["threads", "needle"],
        "path": "words.json",
        "texts": texts,
        "counts": count_words(texts, Pretokenizer()),
        "vocabulary": dataset.vocabulary(),
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = blocks(name)
    assert len(found) == (ROOT / name).read_text(encoding="utf-8").count("```python\n")
    monkeypatch.chdir(tmp_path)
    names = given() if any(block.why is None for block in found) else {}
    for block in found:
        code = compile("\n" * block.line + block.code, name, "exec")
        if block.why is None:
            exec(code, names)


def has(module: str, name: str) -> bool:
    """Whether a name can be imported from a module; from the one that needs torch, which may not be here, whether it has it."""
    if module != "pairloom.pipeline.dataset.torch":
        return hasattr(importlib.import_module(module), name)
    tree = ast.parse((ROOT / "pipeline" / "dataset" / "torch.py").read_text(encoding="utf-8"))
    return name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_imports_of_blocks_that_are_not_run_resolve(name: str) -> None:
    for block in blocks(name):
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pairloom"):
                missing = [alias.name for alias in node.names if not has(str(node.module), alias.name)]
                assert not missing, (name, block.line, missing)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    folders = ("operators", "pipeline", "jobs", "tests", "infra", "docs")
    paths = {
        path for path in re.findall(r"`([\w./-]+)`", text) if "/" in path and path.split("/")[0] in folders
    }
    assert not sorted(path for path in paths if not (ROOT / path).exists())
    linked = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    assert not sorted(link for link in linked if not ((ROOT / name).parent / link).exists())


def test_the_page_of_the_house_names_every_socket_with_its_group() -> None:
    """Each registry's base class has a row, with its folder and its group of entry points."""
    page = (ROOT / "docs" / "explain" / "architecture.md").read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` \(`.*$", page, re.MULTILINE)}
    registries = {
        value.base.partition(":")[2]: value
        for path in (*ROOT.glob("operators/**/*.py"), *ROOT.glob("pipeline/**/*.py"))
        if "Registry[" in (text := path.read_text(encoding="utf-8")) and "class Registry" not in text
        for value in vars(importlib.import_module(module_of(path))).values()
        if isinstance(value, Registry)
    }
    assert len(registries) >= 6
    assert set(registries) <= set(rows)
    for base, registry in registries.items():
        assert f"`{registry.group}`" in rows[base], base
        folder = registry.package.removeprefix("pairloom.").replace(".", "/")
        assert f"{folder}/" in rows[base], base


def module_of(path: Path) -> str:
    parts = ("pairloom", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")
