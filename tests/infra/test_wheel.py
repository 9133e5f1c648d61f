"""The wheel, installed in an environment of its own by every Python of this machine that it is for, does a run there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPPORTED = ("3.11", "3.12", "3.13")


def interpreter(version: str) -> str | None:
    """A Python of this version that is here and can make environments; where pyenv keeps several, it is asked for this one."""
    environment = dict(os.environ)
    if shutil.which("pyenv"):
        there = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True).stdout.split()
        environment["PYENV_VERSION"] = next((one for one in there if one.startswith(f"{version}.")), version)
    asked = [f"python{version}", "-c", "import ensurepip, sys, venv; print(sys.executable)"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, env=environment)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python = next(found for version in SUPPORTED if (found := interpreter(version)))
    subprocess.run(
        [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    (made,) = folder.glob("pairloom-*.whl")
    return made


@pytest.mark.rare("pyproject.toml", "jobs/pairloom", "tests/infra/test_wheel.py")
@pytest.mark.parametrize("version", SUPPORTED)
def test_it_runs_where_nothing_else_is_installed(version: str, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    subprocess.run([python, "-m", "venv", tmp_path / "env"], check=True)
    bin_folder = tmp_path / "env" / "bin"
    # Not every file is imported, so that pip need not compile them all.
    install = [bin_folder / "python", "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*install, wheel], check=True)
    texts = "".join(json.dumps({"text": f"a rose is a rose, said {i} of us"}) + "\n" for i in range(200))
    (tmp_path / "in.jsonl").write_text(texts)
    recipe = (
        "root: out\ncorpus: [{name: web, paths: in.jsonl}]\nvocabulary: {size: 300}\npack: {seq_len: 64}\n"
    )
    (tmp_path / "recipe.yaml").write_text(recipe)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PAIRLOOM_CACHE_DIR": str(tmp_path / "kernels"),
    }
    run = [["run", "recipe.yaml", "--json"], ["verify", "out", "--all", "--json"]]
    look = [["plan", "recipe.yaml", "--json"], ["steps", "--json"], ["doctor", "--no-ray", "--json"]]
    for words in run if version == SUPPORTED[-1] else look:  # a run compiles kernels for half a minute
        done = subprocess.run(
            [bin_folder / "pairloom", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)
