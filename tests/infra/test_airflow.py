"""The DAG for Airflow, read and its task called by Airflow in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALL = """
import json, sys
sys.path.insert(0, sys.argv[1])
import pairloom_dag as made
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
assert [one.task_id for one in made.nightly.tasks] == ["packed_rows"]
assert made.nightly.schedule == "0 2 * * *"
(found,) = made.nightly.tasks
assert (found.retries, [one.name for one in found.outlets]) == (2, ["packed_rows"])
try:
    said = ["made", sorted(made.packed_rows.function())]
except (AirflowFailException, AirflowSkipException) as error:
    said = [type(error).__name__, None]
print("SAID", json.dumps(said))
"""


@pytest.mark.rare("infra/airflow", "tests/infra/test_airflow.py")
def test_airflow_makes_it_again_only_where_something_changed(tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    subprocess.run([*install, "apache-airflow>=3.3,<4"], check=True)
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "a rose is a rose " * 50}) + "\n")
    (tmp_path / "recipe.yaml").write_text(
        "root: out\ncorpus: [{name: web, paths: in.jsonl}]\nvocabulary: {size: 300}\npack: {seq_len: 64}\n"
        "execution: {engine: local}\n"
    )
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PAIRLOOM_RECIPE": "recipe.yaml",
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    }

    def called() -> object:
        command = [python, "-c", CALL, str(ROOT / "infra" / "airflow")]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("SAID ")]
        assert lines, done.stderr[-2000:]
        return json.loads(lines[-1].removeprefix("SAID "))

    first = subprocess.run(
        ["pairloom", "run", "recipe.yaml"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert first.returncode == 0, first.stderr
    assert called() == ["AirflowSkipException", None]
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "another rose " * 50}) + "\n")
    assert called() == ["made", ["documents", "generation", "tokens"]]
    (tmp_path / "recipe.yaml").write_text("root: out\ncorpus: []\n")
    assert called() == ["AirflowFailException", None]
