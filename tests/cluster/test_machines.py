"""Two machines that share a bucket and a network and nothing else: jobs submitted to them, and one of them cut off.

Each is a network namespace with a Ray node, an object store and a temporary folder of its own. Ray asks for its token.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.flow.log import RunRecord, list_runs, read_run
from pairloom.pipeline.store.location import open_objects
from tests.support.corpora import contents, documents, recipe_for, write_jsonl
from tests.support.machines import RAY_FOLDER, Network, network
from tests.support.servers import fresh_connections, s3_client, s3_server

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root"),
    pytest.mark.rare(
        "pipeline/execution",
        "pipeline/flow",
        "pipeline/store",
        "jobs",
        "infra",
        "tests/support",
        "pyproject.toml",
    ),
]

RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
STARTED = "Ray runtime started"  # what a node writes into its log: reading that costs less than asking Ray
PAIRLOOM = [sys.executable, "-m", "pairloom.jobs"]
RECIPE = """
root: s3://machines/tokens
corpus: [{{name: lines, paths: ["{folder}/in/*"], id: id}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64, validation: 0.1, file_tokens: 2000}}
execution: {{unit_bytes: 3000, address: auto}}
"""


@dataclass
class Cluster:
    """Two machines, and a way to call Ray's command line from outside of them."""

    network: Network
    environment: dict[str, str]
    folder: Path

    def ray(self, *words: str) -> subprocess.CompletedProcess[str]:
        address = f"http://{self.network.machines[0].address}:8265"
        command = [*RAY, "job", words[0], "--address", address, *words[1:]]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)

    def nodes(self) -> str:
        """What `ray status` says, asked for on the head."""
        head = self.network.machines[0]
        command = ["ip", "netns", "exec", head.name, *RAY, "status", f"--address={head.address}:6379"]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True).stdout

    def log(self, machine: str) -> str:
        return (self.folder / f"{machine}.log").read_text()

    def logs(self) -> str:
        return "".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(32))
    with network(2) as net, s3_server(net.host) as url, fresh_connections():
        settings = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        s3_client(url).create_bucket(Bucket="machines")
        environment = {
            **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_health_check_initial_delay_ms": "0",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_failure_threshold": "3",
            "RAY_USAGE_STATS_ENABLED": "0",
            "PAIRLOOM_LOG": "json",
        }
        head, worker = net.machines
        common = ["--num-cpus=1", "--object-store-memory=80000000", "--memory=1500000000", "--block"]
        mine = [
            f"--node-ip-address={head.address}",
            f"--dashboard-host={head.address}",
            f"--temp-dir={RAY_FOLDER}",
        ]
        head.run(
            [*RAY, "start", "--head", "--port=6379", *mine, *common], environment, f"{tmp_path}/head.log"
        )
        made = Cluster(network=net, environment=environment, folder=tmp_path)
        wait(lambda: STARTED in made.log("head"), 180, made)
        wait(lambda: made.ray("list").returncode == 0, 120, made)
        other = [f"--address={head.address}:6379", f"--node-ip-address={worker.address}"]
        worker.run([*RAY, "start", *other, *common], environment, f"{tmp_path}/worker.log")
        yield made


def wait(until: Callable[[], bool], seconds: float, cluster: Cluster) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, cluster.logs()
        time.sleep(0.05)


def newest(root: str) -> RunRecord | None:
    objects = open_objects(root)
    runs = list_runs(objects)
    return read_run(objects, runs[-1]) if runs else None


def test_jobs_on_two_machines_of_which_one_is_cut_off(tmp_path: Path, cluster: Cluster) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(800))
    recipe, root = tmp_path / "recipe.yaml", "s3://machines/tokens"
    recipe.write_text(RECIPE.format(folder=tmp_path))
    whole = run(recipe_for(tmp_path, "pack.file_tokens=2000", "execution.unit_bytes=3000"))

    failed = cluster.ray(
        "submit", "--submission-id=wrong", "--", *PAIRLOOM, "run", f"{tmp_path}/nothing.yaml"
    )
    assert failed.returncode != 0
    assert '"event": "error"' in failed.stdout + failed.stderr
    status = cluster.ray("status", "wrong").stdout
    assert "Job 'wrong' failed" in status
    assert "exit code 2" in status

    wait(lambda: STARTED in cluster.log("worker"), 180, cluster)
    wait(lambda: "/2.0 CPU" in cluster.nodes(), 60, cluster)
    sent = cluster.ray("submit", "--submission-id=right", "--no-wait", "--", *PAIRLOOM, "run", str(recipe))
    assert sent.returncode == 0, sent.stderr

    far = cluster.network.machines[1]
    wait(lambda: any(name.startswith("ray::CountTask") for name in far.names()), 180, cluster)
    far.cut()
    wait(lambda: (record := newest(root)) is not None and record.state != "running", 300, cluster)
    record = newest(root)
    assert record is not None
    assert record.state == "done", record.message
    assert sum(step.retries for step in record.steps) >= 1
    assert contents(open_dataset(root).manifest) == contents(whole)
    wait(lambda: "Job 'right' succeeded" in cluster.ray("status", "right").stdout, 60, cluster)
    said = [
        json.loads(line) for line in cluster.ray("logs", "right").stdout.splitlines() if line.startswith("{")
    ]
    steps = [line["step"] for line in said if line.get("event") == "end"]
    work = ["prepare", "count", "merge", "learn", "tokenize", "exchange", "pack", "carry"]
    assert [step for step in steps if step not in ("start", "plan", "commit")] == work
