"""The recipes of `examples/` run as they are, and what they make verifies."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pairloom
from pairloom.pipeline import load_recipe, open_dataset, run

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    for path in (*EXAMPLES.glob("*.yaml"), EXAMPLES / "make_data.py"):
        shutil.copy(path, folder)
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def base(data: Path) -> Path:
    """The vocabulary that `extend.yaml` goes on from, as its first line says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data)
        run(load_recipe("web-and-code.yaml", ["execution.engine=local"]))
        open_dataset("out/web-and-code").vocabulary().save("base.json")
    return data / "base.json"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_and_verifies(
    name: str, data: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base.exists()
    monkeypatch.chdir(data)
    recipe = load_recipe(name, ["execution.engine=local"])
    run(recipe)
    proof = pairloom.verify(recipe.root, everything=True)
    assert proof.rows > 0


def test_weights_bring_languages_nearer_to_parity(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each costs for the same text, as the report of the example says, with its weights and without."""
    monkeypatch.chdir(data)
    spread = {}
    for name, settings in (("weighed", []), ("equal", ["vocabulary.weights={}"])):
        root = f"root=out/languages-{name}"
        run(load_recipe("languages.yaml", ["execution.engine=local", root, *settings]), until="tokenize")
        report = pairloom.report(f"out/languages-{name}", by="lang", parallel="meaning", engine="local")
        premiums = [row["premium"] for row in report.figures["premiums"]["rows"]]
        assert len(premiums) == 19
        spread[name] = max(premiums) / min(premiums)
    assert spread["weighed"] < 0.9 * spread["equal"]


def test_the_table_names_all_of_them() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    there = RECIPES + [f"notebooks/{path.name}" for path in EXAMPLES.glob("notebooks/*.ipynb")]
    assert all(f"]({name})" in text for name in there)
