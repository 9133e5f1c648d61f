"""A dataset of Pairloom's in Airflow: brought up to date each night, and an asset that is updated only where something changed.

    pip install 'apache-airflow>=3.3' && cp pairloom_dag.py $AIRFLOW_HOME/dags/     # with PAIRLOOM_RECIPE=recipe.yaml

The run is a process of its own, so that it may need another environment than Airflow's. What it says as JSON is the value of the
task, and its exit code decides whether it has failed: a recipe that is wrong is not tried again, anything else is, and goes on
where it was. Where nothing has changed the task is skipped, and so is what waits for the asset.
"""

import json
import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

RECIPE = os.environ.get("PAIRLOOM_RECIPE", "recipe.yaml")
ROWS = Asset(name="packed_rows", uri=f"x-pairloom://recipe/{Path(RECIPE).name}")


@task(outlets=[ROWS], retries=2, retry_delay=timedelta(minutes=1))
def packed_rows() -> dict[str, Any]:
    """The packed rows of the recipe, of the corpus as it is now."""
    done = subprocess.run(
        ["pairloom", "retokenize", RECIPE, "--if-changed", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PAIRLOOM_LOG": "json"},
    )
    for line in done.stderr.splitlines():
        print(line, flush=True)  # Airflow takes it into the log of the task
    if done.returncode == 2:
        raise AirflowFailException("the recipe is wrong; the log says where")
    if done.returncode:
        raise AirflowException(f"pairloom ended with {done.returncode}")
    if not done.stdout:
        raise AirflowSkipException("nothing has changed")
    said = json.loads(done.stdout)
    return {name: said[name] for name in ("generation", "documents", "tokens") if name in said}


@dag(schedule="0 2 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def pairloom_nightly() -> None:
    """Every night at two."""
    packed_rows()


nightly = pairloom_nightly()
