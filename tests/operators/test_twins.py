"""Every kernel has a specification: the kernels of the package and those that have a twin are the same."""

import ast
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pairloom.operators.kernels.warmup import find_kernels, kernel_places

PACKAGE = "pairloom.operators"
TESTS = Path(__file__).parents[1]
SOURCES = Path(__file__).parents[2]


def modules(package: str) -> Iterator[str]:
    for info in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        yield info.name


def twins() -> dict[str, Callable[..., object]]:
    """Kernel -> twin, from the `TWINS` of every reference module; a kernel has one twin."""
    found: dict[str, Callable[..., object]] = {}
    for name in modules(f"{PACKAGE}.reference"):
        for kernel, twin in getattr(import_module(name), "TWINS", {}).items():
            assert kernel not in found, f"{kernel} has two twins"
            found[f"{PACKAGE}.{kernel}"] = twin
    return found


def test_every_kernel_has_a_twin_and_every_twin_a_kernel() -> None:
    kernels, specified = set(find_kernels(PACKAGE)), set(twins())
    assert not kernels - specified, (
        f"{sorted(kernels - specified)} have no twin: write what each means in plain Python below operators/reference, name it "
        "in that module's TWINS, and hold the two equal in a test"
    )
    assert not specified - kernels, (
        f"{sorted(specified - kernels)} are no kernels (any more): take them out of the TWINS of their reference module"
    )


def test_every_twin_is_compared_with_something_in_a_test() -> None:
    """A twin that no test calls specifies nothing: each is imported by one, by name or as a name of its module."""
    called: set[tuple[str, str]] = set()
    for file in TESTS.rglob("*.py"):  # what tests share is beside them
        tree = ast.parse(file.read_text(encoding="utf-8"))
        aliases: dict[str, str] = {}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.startswith(f"{PACKAGE}.reference")
            ):
                for name in node.names:
                    called.add((node.module, name.name))
                    aliases[name.asname or name.name] = f"{node.module}.{name.name}"
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in aliases
            ):
                called.add((aliases[node.value.id], node.attr))
    unused = {kernel for kernel, twin in twins().items() if (twin.__module__, twin.__name__) not in called}
    assert not unused, f"the twins of {sorted(unused)} are in no test"


def test_kernels_are_in_folders_and_files_named_kernels() -> None:
    """Lint and type exceptions, warm-up and this file find them by that name."""
    outside = [
        f"{path.relative_to(SOURCES)}:{node.lineno} {node.name}"
        for root in ("operators", "pipeline", "jobs")
        for path in (SOURCES / root).rglob("*.py")
        if "kernels" not in (*path.relative_to(SOURCES).parts[:-1], path.stem)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(mark, ast.Name) and mark.id in ("kernel", "inner") for mark in node.decorator_list)
    ]
    assert not outside, (
        f"{outside}: move them into a file `kernels.py`, or a folder `kernels`, beside what uses them"
    )


@pytest.mark.parametrize("package", [PACKAGE, "pairloom.pipeline"])
def test_every_place_of_kernels_can_be_warmed_up(package: str) -> None:
    without = [place for place in kernel_places(package) if not hasattr(import_module(place), "warm_up")]
    assert not without, f"{without} need a function warm_up(schemes) that runs their kernels once"
