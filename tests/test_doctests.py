"""Every example in a docstring is true, also of kernels and of what is private."""

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("operators", "pipeline", "jobs")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def with_examples() -> list[Path]:
    """The files that have examples, by their paths in the repository."""
    files = (file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")))
    return [file.relative_to(ROOT) for file in files if ">>> " in file.read_text(encoding="utf-8")]


def module_of(file: Path) -> str:
    """The name that a file is imported by."""
    if file.is_relative_to("jobs/pairloom"):
        return ".".join(file.relative_to("jobs").with_suffix("").parts).removesuffix(".__init__")
    return ".".join(("pairloom", *file.with_suffix("").parts)).removesuffix(".__init__")


def examples(file: Path) -> Iterator[doctest.DocTest]:
    """The examples of each docstring of a file. A kernel is no function to `doctest`, which would pass over it."""
    module = importlib.import_module(module_of(file))
    parser = doctest.DocTestParser()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node, clean=False)):
            line = node.body[0].lineno - 1
            name = getattr(node, "name", module.__name__)
            test = parser.get_doctest(text, vars(module).copy(), name, str(file), line)
            if test.examples:
                yield test


@pytest.mark.parametrize("file", with_examples(), ids=str)
def test_examples(file: Path) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in examples(file):
        runner.run(test, out=said.append)
    assert runner.tries > 0
    assert not runner.failures, "".join(said)
