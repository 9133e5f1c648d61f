"""Roots to repair, of every kind of recipe, and what is looked at of them."""

import json
import shutil
from pathlib import Path

from pairloom.pipeline import Recipe, run
from pairloom.pipeline.repair.repair import Repaired
from tests.support.corpora import documents, mixed_recipe_for, recipe_for, write_jsonl

__all__ = [
    "RECIPES",
    "UNITS",
    "appended",
    "blocks",
    "extended",
    "flip",
    "given",
    "lose_everything",
    "made",
    "measured",
    "mixed",
    "plain",
    "snapshot",
    "superwords",
    "without_seconds",
]


UNITS = "execution.unit_bytes=9000"


def plain(folder: Path) -> Recipe:
    write_jsonl(folder / "in" / "a.jsonl", documents(150))
    (folder / "in" / "b.jsonl").write_text("nonsense\n")
    return recipe_for(folder, UNITS, "max_rejected=1", "pack.validation=0.2")


def blocks(folder: Path) -> Recipe:
    write_jsonl(folder / "in" / "a.jsonl", documents(150))
    return recipe_for(folder, UNITS, "pack.shuffle={mode: block}", "pack.validation=0.2")


def mixed(folder: Path) -> Recipe:
    for seed, name in enumerate(("x", "y")):
        write_jsonl(folder / name / "a.jsonl", documents(100, seed=seed))
    return mixed_recipe_for(folder, {"x": {"epochs": 2}, "y": {"epochs": 1}}, UNITS, "pack.deduplicate=exact")


def measured(folder: Path) -> Recipe:
    write_jsonl(folder / "in" / "a.jsonl", documents(150))
    return recipe_for(folder, UNITS, "statistics=[ngrams: {n: [2]}]")


def given(folder: Path) -> Recipe:
    write_jsonl(folder / "first" / "in" / "a.jsonl", documents(100))
    first = run(recipe_for(folder / "first"))
    assert first.vocabulary is not None
    shutil.copy(folder / "first" / "out" / first.vocabulary.path, folder / "tokenizer.json")
    write_jsonl(folder / "in" / "a.jsonl", documents(150))
    return recipe_for(folder, UNITS, f"vocabulary={{from: {folder / 'tokenizer.json'}}}")


def superwords(folder: Path) -> Recipe:
    write_jsonl(folder / "in" / "a.jsonl", documents(100))
    return recipe_for(folder, UNITS, "vocabulary.superwords={transition: 0.8}")


def _brought(folder: Path, key: str, size: int) -> Path:
    """The vocabulary of other documents."""
    write_jsonl(folder / key / "in" / "a.jsonl", documents(60, seed=size))
    first = run(recipe_for(folder / key, f"vocabulary.size={size}"))
    assert first.vocabulary is not None
    file = folder / f"{key}.json"
    shutil.copy(folder / key / "out" / first.vocabulary.path, file)
    return file


def extended(folder: Path) -> Recipe:
    base = _brought(folder, "base", 300)
    write_jsonl(folder / "in" / "a.jsonl", documents(100))
    return recipe_for(folder, UNITS, f"vocabulary={{extend: {base}, size: 340}}")


def appended(folder: Path) -> Recipe:
    base, more = _brought(folder, "base", 300), _brought(folder, "more", 330)
    write_jsonl(folder / "in" / "a.jsonl", documents(100))
    return recipe_for(folder, UNITS, f"vocabulary={{from: {base}, append: {more}}}")


RECIPES = [plain, blocks, mixed, measured, given, superwords, extended, appended]


def snapshot(root: Path) -> dict[str, bytes]:
    """Everything that a generation holds."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for name in ("data", "manifests", "receipts")
        for path in sorted((root / name).rglob("*"))
        if path.is_file()
    }


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def made(found: Repaired) -> list[str]:
    return [one.uri for one in found.mended if one.result == "made"]


def without_seconds(data: bytes) -> object:
    """A receipt, but for how long its unit took."""
    receipt = json.loads(data)
    for one in (receipt, *receipt["pieces"]):
        one.pop("seconds")
    return {name: value for name, value in receipt.items() if name not in ("sha256", "sum", "seal")}


def lose_everything(root: Path) -> None:
    for path in (root / "data").rglob("*.arrow"):
        path.unlink()
