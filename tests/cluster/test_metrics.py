"""What Prometheus would scrape from the node that the driver is on, during a real run on a real Ray."""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray

from pairloom.pipeline import run
from pairloom.pipeline.execution.ray.metrics import METRICS
from pairloom.pipeline.execution.ray.tasks import RayExecutor
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.store.receipts import Ledger
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.tasks import Scripted

SAMPLE = re.compile(r"^(ray_pairloom_\w+)\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
OF_RAY = {"Component", "NodeAddress", "SessionName", "Version", "WorkerId", "JobId", "NodeId"}
Sample = tuple[str, tuple[tuple[str, str], ...]]


class Scraper(threading.Thread):
    """Scrapes often, and keeps what it has seen last of every series: Ray forgets a gauge that is no longer set."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.seen, self.over = url, dict[Sample, float](), threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2):
            with suppress(urllib.error.URLError):  # it listens a moment after the cluster has started
                self.seen |= scraped(self.url)


@contextmanager
def scraping() -> Iterator[Scraper]:
    config = {"metrics_report_interval_ms": 300}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _system_config=config)
    (node,) = ray.nodes()
    scraper = Scraper(f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics")
    scraper.start()
    yield scraper
    scraper.over.set()
    scraper.join()
    ray.shutdown()


def scraped(url: str) -> dict[Sample, float]:
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    found: dict[Sample, float] = {}
    for name, labels, value in SAMPLE.findall(text):
        own = tuple(
            sorted(
                (k, v)
                for k, v in LABEL.findall(labels)
                if k not in OF_RAY and not k.startswith(("otel_", "le"))
            )
        )
        if 'le="' not in labels or 'le="+Inf"' in labels:
            found[name, own] = float(value)
    return found


def queried() -> set[str]:
    """The metrics that the dashboard asks for."""
    text = (Path(__file__).parents[2] / "infra" / "grafana" / "pairloom.json").read_text()
    expressions = [
        target["expr"] for panel in json.loads(text)["panels"] for target in panel.get("targets", [])
    ]
    return {name for expression in expressions for name in re.findall(r"ray_pairloom_\w+", expression)}


def test_what_is_scraped_is_what_the_receipts_say(tmp_path: Path) -> None:
    # In a process of its own: Ray goes on counting what a process has counted in an earlier cluster.
    command = [sys.executable, "-m", "tests.cluster.test_metrics", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


def check(tmp_path: Path, scraper: Scraper) -> None:
    """Run a recipe, and compare what Ray exports with what it made."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    (tmp_path / "in" / "b.jsonl").write_text("nonsense\n")
    recipe = recipe_for(tmp_path, "execution.unit_bytes=5000", "execution.engine=ray", "max_rejected=1")
    failing = Scripted(folder=str(tmp_path), name="x", script=("storage", "killed"))
    assert len(list(RayExecutor(retries=Retries(first_wait=0.01)).run([failing]))) == 1
    manifest = run(recipe)

    def wanted(name: str, amount: int, **tags: str) -> tuple[Sample, float]:
        return (f"ray_pairloom_{name}", tuple(sorted(tags.items()))), float(amount)

    expected = [
        wanted("retries_total", 1, stage="scripted", cause="storage"),
        wanted("retries_total", 1, stage="scripted", cause="worker"),
    ]
    for stage in ("count", "tokenize"):
        record = manifest.stages[stage]
        ledger: Ledger = record.ledger
        assert ledger.rejects == 1
        expected += [
            wanted("units_total", len(record.units), stage=stage),
            wanted("documents_total", ledger.documents_in, stage=stage),
            wanted("input_bytes_total", ledger.bytes_in, stage=stage),
            wanted("text_bytes_total", ledger.text_bytes, stage=stage),
            *(
                wanted("rejected_documents_total", 1, stage=stage, reason=reason)
                for reason in ledger.rejected
            ),
            wanted("unit_seconds_count", len(record.units), stage=stage),
        ]
    tokenized = manifest.stages["tokenize"]
    expected += [
        wanted("tokens_total", tokenized.ledger.tokens, stage="tokenize"),
        wanted(
            "written_bytes_total",
            sum(file.bytes for file in (*tokenized.files, *tokenized.rejected)),
            stage="tokenize",
        ),
    ]
    memory = ("ray_pairloom_worker_memory_bytes", (("stage", "pack"),))

    def all_there() -> bool:
        seen = dict(scraper.seen)
        return memory in seen and all(seen.get(key) == value for key, value in expected)

    deadline = time.monotonic() + 60
    while not all_there() and time.monotonic() < deadline:
        time.sleep(0.1)
    found = dict(scraper.seen)
    assert {key: found.get(key) for key, _ in expected} == dict(expected)
    encoding = found["ray_pairloom_phase_seconds_total", (("phase", "encode"), ("stage", "tokenize"))]
    assert encoding > 0
    assert found[memory] > 10e6
    names = {name for name, _ in found}
    for name in METRICS:
        assert any(one.startswith(f"ray_pairloom_{name}") for one in names), name
    asked = queried()
    assert len(asked) >= 12
    assert asked <= names


if __name__ == "__main__":
    with scraping() as running:
        check(Path(sys.argv[1]), running)
