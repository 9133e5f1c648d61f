"""A dataset of Pairloom's as an asset of Dagster's: brought up to date each night, and only where something has changed.

    pip install dagster && PAIRLOOM_RECIPE=recipe.yaml dagster dev -f pairloom_assets.py

The run is a process of its own, so that it may need another environment than Dagster's; what it says as JSON becomes the
metadata of the asset, and its exit code decides whether the step has failed. Killed, it goes on when it is run again.
"""

import json
import os
import subprocess

import dagster as dg

RECIPE = os.environ.get("PAIRLOOM_RECIPE", "recipe.yaml")


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=60))
def packed_rows(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The packed rows of the recipe, of the corpus as it is now."""
    done = subprocess.run(
        ["pairloom", "retokenize", RECIPE, "--if-changed", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PAIRLOOM_LOG": "json"},
    )
    for line in done.stderr.splitlines():
        context.log.info(line)
    if done.returncode:
        raise dg.Failure(f"pairloom ended with {done.returncode}", allow_retries=done.returncode != 2)
    if not done.stdout:
        return dg.MaterializeResult(metadata={"changed": False})
    said = json.loads(done.stdout)
    told = {name: said[name] for name in ("generation", "documents", "tokens") if name in said}
    return dg.MaterializeResult(metadata={"changed": True, "summary": dg.MetadataValue.json(told)})


nightly = dg.ScheduleDefinition(name="nightly", target=[packed_rows], cron_schedule="0 2 * * *")
definitions = dg.Definitions(assets=[packed_rows], schedules=[nightly])
