"""Modules import each other in no circle, so that any of them may be the first that a worker imports."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules() -> dict[str, Path]:
    """Every module of the package, by the name that it is imported by."""
    found = {}
    for folder in ("operators", "pipeline", "jobs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[1:] if parts[:2] == ("jobs", "pairloom") else ("pairloom", *parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def at_once(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that are made as a module is imported: not those within functions, nor those for type checkers."""
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield statement
        elif isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from at_once(statement.orelse)
        elif isinstance(statement, (ast.If, ast.Try, ast.With, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from at_once(getattr(statement, name, []))


def imported(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules that must be there before this one is, without the packages that it is in."""
    wanted: set[str] = set()
    for statement in at_once(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(statement, ast.Import):
            wanted |= {alias.name for alias in statement.names}
        elif statement.module:
            inner = {f"{statement.module}.{alias.name}" for alias in statement.names} & known.keys()
            wanted |= inner or {statement.module}
    packages = {".".join(one.split(".")[:n]) for one in wanted for n in range(1, one.count(".") + 2)}
    return {one for one in packages & known.keys() if one != name and not name.startswith(f"{one}.")}


def test_no_module_waits_for_itself() -> None:
    known = modules()
    graph = {name: imported(name, path, known) for name, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" is imported by ".join(error.args[1])) from None


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "bench").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_takes_of_the_package_is_there(path: Path) -> None:
    """Benchmarks run when somebody measures, which is too late to find that a name has moved."""
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(
            ("pairloom", "tests")
        ):
            try:
                module = import_module(str(statement.module))
            except ImportError as error:
                if "pip install" in str(error):
                    pytest.skip(str(error))
                raise
            for one in statement.names:
                assert hasattr(module, one.name) or find_spec(f"{statement.module}.{one.name}"), ast.unparse(
                    statement
                )
