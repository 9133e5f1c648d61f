"""What people see first is answered without loading what they may never need."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numba", "pyarrow", "ray", "numpy", "polars", "fsspec", "rich.progress")
KERNELS = "pairloom.operators.kernels.jit"


def called(*words: str, env: dict[str, str] | None = None) -> tuple[int, str, set[str]]:
    """The exit code, everything that was said, and the modules that were loaded in the end."""
    code = f"""
import atexit, sys
atexit.register(lambda: sys.stderr.write("\\nMODULES " + " ".join(sys.modules) + "\\n"))
sys.argv = ["pairloom", *{list(words)!r}]
from pairloom.jobs.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    said, _, modules = done.stderr.rpartition("MODULES ")
    return done.returncode, done.stdout + said, set(modules.split())


def test_help_and_version_load_nothing_heavy() -> None:
    import pairloom

    code, said, modules = called("--help")
    assert code == 0
    assert "retokenize" in said
    assert modules & {*HEAVY, KERNELS, "yaml"} == set()
    code, said, modules = called("--version")
    assert (code, said.strip()) == (0, f"pairloom {pairloom.__version__}")
    assert modules & {*HEAVY, KERNELS, "yaml"} == set()


@pytest.mark.parametrize("command", ["run", "plan", "report", "verify", "export", "retokenize", "gc"])
def test_help_of_commands_loads_nothing_heavy(command: str) -> None:
    code, said, modules = called(command, "--help")
    assert code == 0
    assert "Options" in said
    assert modules & {*HEAVY, KERNELS, "yaml"} == set()


def test_completion_loads_nothing_heavy() -> None:
    env = {"_PAIRLOOM_COMPLETE": "complete_bash", "COMP_WORDS": "pairloom re", "COMP_CWORD": "1"}
    code, said, modules = called(env=env)
    assert code == 0
    assert {"report", "rejected", "retokenize"} <= set(said.split())
    assert modules & {*HEAVY, KERNELS} == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "corpus: [{name: web, paths: [a]}]\npack: {seq_length: 512}\n",
            "line 2: pack.seq_length: unknown key",
        ),
        (
            "corpus: [{name: web, paths: [a]}]\nvocabulary: {pretokenizer: {scheme: gtp2}}\n",
            "unknown pretokenizer",
        ),
        (
            "corpus: [{name: web, paths: [a]}]\nvocabulary: {size: 7}\n",
            "size must be at least 257: 256 bytes and 1 special tokens",
        ),
        ("corpus: [{name: web, paths: [a]}]\npack: {strategy: buckets, seq_len: 100}\n", "powers of two"),
        ("corpus: {\n", "is not YAML"),
        (None, "there is no recipe"),
    ],
)
def test_a_wrong_recipe_loads_nothing_heavy(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    if text is not None:
        path.write_text(text)
    code, said, modules = called("run", str(path))
    assert code == 2
    assert message in said
    assert modules & {*HEAVY, KERNELS} == set()


def test_a_plan_loads_no_kernels(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text("a rose is a rose\n" * 100)
    path = tmp_path / "recipe.yaml"
    path.write_text(f"root: {tmp_path}/out\ncorpus: [{{name: roses, paths: ['{tmp_path}/*.txt']}}]\n")
    code, said, modules = called("plan", str(path))
    assert code == 0
    assert "12 files" in said
    assert modules & {"numba", "ray", "polars", KERNELS} == set()


def test_a_recipe_comes_from_standard_input(tmp_path: Path) -> None:
    """(U7)"""
    (tmp_path / "a.txt").write_text("a rose is a rose")
    recipe = f"root: {tmp_path}/out\ncorpus: {{name: a, paths: {tmp_path}/a.txt}}\n"
    done = subprocess.run(
        [sys.executable, "-m", "pairloom.jobs", "plan", "-"], input=recipe, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "1 file," in done.stdout


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    """(U8)"""
    code, said, _ = called("plan", str(tmp_path))
    assert code == 2
    assert "is a folder: name the recipe's file in it" in said


def test_help_and_version_are_where_people_look(tmp_path: Path) -> None:
    """(U7)"""
    assert called("-h") == called("--help")
    assert "--set" in called("run", "-h")[1]
    done = subprocess.run([sys.executable, "-m", "pairloom", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("pairloom "), done.stderr
