"""No module of the product uses another's private names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Private to other projects, that keep no public name for it; and of every named tuple.
FOREIGN = {
    "jobs/entry.py": {"_exit"},  # public, in `os`
    "operators/kernels/kept.py": {"_rebuild", "_reduce"},
    "operators/kernels/jit.py": {"_cache"},
    "pipeline/store/remote/s3.py": {"_cat_file"},
}
EVERYWHERE = {"_replace", "_asdict", "_fields"}


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def made_in(tree: ast.Module) -> set[str]:
    """The private names that a module gives to anything: functions, classes, fields, attributes of its own objects."""
    made = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    made |= {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return made | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("self", "cls")
    }


def taken_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, name) of every private name of somebody else that a module uses."""
    made = made_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pairloom"):
            yield from ((node.lineno, alias.name) for alias in node.names if private(alias.name))
        elif isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in made:
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            yield from [] if own else [(node.lineno, node.attr)]


@pytest.mark.parametrize("folder", ["operators", "pipeline", "jobs"])
def test_no_module_uses_a_private_name_of_another(folder: str) -> None:
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        allowed = FOREIGN.get(file, set()) | EVERYWHERE
        taken = taken_in(ast.parse(path.read_text("utf-8")))
        found += [f"{file}:{line} {name}" for line, name in taken if name not in allowed]
    assert found == []


def test_what_is_taken_is_found() -> None:
    tree = ast.parse(
        "from pairloom.x import _y\n\nclass A:\n    def __init__(self, b):\n        self._c = b._d + b._c\n"
    )
    assert list(taken_in(tree)) == [(1, "_y"), (5, "_d")]
