"""Lineage as catalogues take it: one event a generation, sent over HTTP to a server that keeps what it gets."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import RecipeError, StorageError
from pairloom.pipeline import open_dataset, run
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.loopback import listening


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lineage")
    write_jsonl(folder / "in" / "a.jsonl", documents(100))
    run(recipe_for(folder))
    return folder / "out"


@pytest.fixture
def server() -> Iterator[tuple[str, list[Any]]]:
    """A catalogue on the loopback: its address, and what it has been sent."""
    got: list[Any] = []

    class Catalogue(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path, body))
            self.send_response(201 if body["job"]["namespace"] != "refused" else 422)
            self.end_headers()

        def log_message(self, format: str, *words: object) -> None:
            pass

    with listening(Catalogue) as address:
        yield address, got


def event_of(root: Path, *words: str) -> Any:
    result = CliRunner().invoke(app, ["lineage", str(root), *words], catch_exceptions=False)
    return json.loads(result.stdout) if result.stdout else None


def test_an_event_has_the_inputs_and_outputs_of_a_generation(root: Path) -> None:
    event = event_of(root, "--namespace", "corpora")
    dataset = open_dataset(str(root))
    assert event["eventType"] == "COMPLETE"
    assert event["job"] == {"namespace": "corpora", "name": dataset.objects.root, "facets": {}}
    (source,) = event["inputs"]
    assert source["name"].endswith(
        str(dataset.manifest.recipe["corpus"][0]["paths"][0]).removeprefix("file://")
    )
    learned, packed = event["outputs"]
    assert learned["name"].endswith("/out/learn")
    assert packed["name"].endswith("/out/pack")
    assert packed["outputFacets"]["outputStatistics"]["rowCount"] == sum(
        dataset.table(split).num_rows for split in dataset.manifest.stage("pack").splits
    )
    columns = {field["name"]: field["type"] for field in packed["facets"]["schema"]["fields"]}
    assert columns == {field.name: str(field.type) for field in dataset.table().schema}
    assert packed["facets"]["version"]["datasetVersion"] == "1"
    assert event_of(root)["run"]["runId"] == event["run"]["runId"]  # told again, it is the same run


def test_it_is_sent(root: Path, server: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, got = server
    monkeypatch.setenv("OPENLINEAGE_URL", address)
    assert event_of(root, "--emit") is None
    ((path, body),) = got
    assert path == "/api/v1/lineage"
    assert body["run"]["runId"] == event_of(root)["run"]["runId"]
    with pytest.raises(StorageError, match="the event was not taken"):
        event_of(root, "--emit", "--namespace", "refused")


def test_where_nothing_says_where_it_goes_that_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="OPENLINEAGE_URL"):
        event_of(root, "--emit")
