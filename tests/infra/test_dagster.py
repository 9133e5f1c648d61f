"""The asset for Dagster, materialized by Dagster in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MATERIALIZE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import dagster as dg
from pairloom_assets import definitions, packed_rows
assert definitions.get_schedule_def("nightly").cron_schedule == "0 2 * * *"
result = dg.materialize([packed_rows], raise_on_error=False)
(found,) = result.asset_materializations_for_node("packed_rows") or [None]
print("SAID", json.dumps([result.success, found and found.metadata["changed"].value]))
"""


@pytest.mark.rare("infra/dagster", "tests/infra/test_dagster.py")
def test_dagster_makes_it_and_makes_it_again_only_where_something_changed(tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    subprocess.run([*install, "dagster>=1.10,<2"], check=True)
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "a rose is a rose " * 50}) + "\n")
    recipe = (
        "root: out\ncorpus: [{name: web, paths: in.jsonl}]\nvocabulary: {size: 300}\npack: {seq_len: 64}\n"
    )
    (tmp_path / "recipe.yaml").write_text(recipe + "execution: {engine: local}\n")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PAIRLOOM_RECIPE": "recipe.yaml",
        "DAGSTER_HOME": str(tmp_path),
    }

    def materialized() -> object:
        command = [python, "-c", MATERIALIZE, str(ROOT / "infra" / "dagster")]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("SAID ")]
        assert lines, done.stderr[-2000:]
        return json.loads(lines[-1].removeprefix("SAID "))

    first = subprocess.run(
        ["pairloom", "run", "recipe.yaml"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert first.returncode == 0, first.stderr
    assert materialized() == [True, False]
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "another rose " * 50}) + "\n")
    assert materialized() == [True, True]
    (tmp_path / "recipe.yaml").write_text("root: out\ncorpus: []\n")
    assert materialized() == [False, None]
