"""The notebooks of `examples/` run from the first cell to the last, in a kernel of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "examples"
    shutil.copytree(EXAMPLES, folder)
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("notebooks/*.ipynb")))
def test_a_notebook_runs(name: str, data: Path) -> None:
    notebook = nbformat.read(data / "notebooks" / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(data / "notebooks")}}
    ).execute()
    assert all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code")
