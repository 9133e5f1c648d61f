"""The package as it is installed and imported."""

import ast
import importlib
import pkgutil
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("operators", "pipeline", "jobs")


def tracked(*folders: str) -> list[str]:
    command = ["git", "ls-files", *folders]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()


def test_the_wheel_holds_exactly_the_tree(tmp_path: Path) -> None:
    # From a copy of what git tracks: setuptools packs what an earlier build left behind.
    tree = tmp_path / "tree"
    for name in tracked():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", tmp_path, tree]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {f"pairloom/{name.removeprefix('jobs/pairloom/')}" for name in tracked(*FOLDERS)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_cannot_be_imported_under_a_second_name(folder: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"import this package as pairloom.{folder}" in done.stderr


def test_the_face_is_no_part_of_the_jobs() -> None:
    code = "import pairloom.jobs.pairloom"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "import this package as pairloom " in done.stderr


LAZY = [
    "pairloom",
    "pairloom.operators",
    "pairloom.operators.counts",
    "pairloom.operators.models.bpe",
    "pairloom.operators.pack",
    "pairloom.operators.text.pretokenize",
    "pairloom.pipeline",
    "pairloom.pipeline.export",
]


@pytest.mark.parametrize("package", LAZY)
def test_all_is_what_is_there_and_what_editors_see(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    assert all(hasattr(module, name) for name in module.__all__)
    # Types are checked by the imports below TYPE_CHECKING; names are found by what `lazily` is told.
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = {
        (one.module, alias.asname or alias.name)
        for one in ast.walk(block)
        if isinstance(one, ast.ImportFrom)
        for alias in one.names
    }
    assert {name for _, name in imported} == set(module.__all__) - {"__version__"}
    assert all(
        getattr(importlib.import_module(str(home)), name) is getattr(module, name) for home, name in imported
    )


@pytest.mark.parametrize("package", LAZY)
def test_no_lazy_name_is_that_of_a_submodule_which_would_take_its_place(package: str) -> None:
    module = importlib.import_module(package)
    assert not {info.name for info in pkgutil.iter_modules(module.__path__)} & set(module.__all__)


def test_the_command_starts_without_ray_and_without_compiling() -> None:
    code = "import pairloom.jobs.cli, sys; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
