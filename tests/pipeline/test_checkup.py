"""Planted faults of a machine and of a recipe are found, each by its line, and with what to do."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pairloom.pipeline.checkup import Finding, examine, examine_recipe
from pairloom.pipeline.recipe.reading import check_recipe
from tests.support.corpora import documents, write_jsonl

Plant = Callable[[pytest.MonkeyPatch, Path], None]


def found(findings: Any) -> dict[str, Finding]:
    """Findings by what they are about."""
    return {finding.check: finding for finding in findings}


def test_a_machine_that_is_well_is_told_so() -> None:
    findings = found(examine(ray=False))
    assert list(findings) == [
        "python",
        "compiler",
        "processors",
        "memory",
        "shared memory",
        "temporary folder",
        "open files",
        "clock",
        "kernels",
    ]
    for finding in findings.values():
        assert finding.said
        assert bool(finding.advice) == (finding.state != "ok")
    assert findings["python"].state == findings["compiler"].state == findings["clock"].state == "ok"


def little_room(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20, total=64 << 20))


PLANTED: dict[str, tuple[str, str, Plant]] = {
    "an old Python": ("python", "wrong", lambda patch, _: patch.setattr(sys, "version_info", (3, 9, 1))),
    "no compiler": ("compiler", "wrong", lambda patch, _: patch.setenv("NUMBA_DISABLE_JIT", "1")),
    "few processors": (
        "processors",
        "slow",
        lambda patch, _: (
            patch.setattr(os, "cpu_count", lambda: 64),
            patch.setattr(os, "sched_getaffinity", lambda _: {0}),
        )[0],
    ),
    "little memory": ("memory", "slow", lambda patch, _: patch.setattr(os, "sysconf", lambda _: 1 << 14)),
    "small shared memory": ("shared memory", "slow", little_room),
    "a full temporary folder": ("temporary folder", "wrong", little_room),
    "a long name": (
        "temporary folder",
        "slow",
        lambda patch, folder: patch.setattr("tempfile.tempdir", str(_made(folder / ("long" * 20)))),
    ),
    "no temporary folder": (
        "temporary folder",
        "wrong",
        lambda patch, folder: patch.setattr("tempfile.tempdir", str(folder / "gone")),
    ),
    "few open files": (
        "open files",
        "wrong",
        lambda patch, _: patch.setattr(resource, "getrlimit", lambda _: (256, 4096)),
    ),
    "a clock that stands": ("clock", "wrong", lambda patch, _: patch.setattr(time, "time", lambda: 0.0)),
    "no compiled kernels": (
        "kernels",
        "slow",
        lambda patch, folder: patch.setenv("PAIRLOOM_CACHE_DIR", str(folder / "none")),
    ),
}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("hard", "said"),
    [
        (resource.RLIM_INFINITY, "ulimit -n 65536"),
        (1 << 20, "ulimit -n 65536"),
        (5000, "ulimit -n 5000"),
        (1024, "have whoever runs"),
    ],
)
def test_a_limit_that_cannot_be_raised_is_for_somebody_else(
    hard: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, hard))
    finding = found(examine(ray=False))["open files"]
    assert (finding.state, said in finding.advice) == ("wrong", True)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check, state, plant = PLANTED[name]
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    plant(monkeypatch, tmp_path)
    finding = found(examine(ray=False))[check]
    assert (finding.state, bool(finding.advice)) == (state, True), finding


def test_a_cluster_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    finding = found(examine())["ray"]
    assert finding.state == "wrong"
    assert "RAY_ADDRESS" in finding.said


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(5))
    return tmp_path


def recipe_of(folder: Path, root: str = "", **source: Any) -> Any:
    paths = {"name": "web", "paths": str(folder / "in" / "*.jsonl")}
    return check_recipe({"root": root or str(folder / "out" / "deep"), "corpus": [paths | source]})


def test_a_recipe_that_would_run_is_told_so_and_nothing_is_left(corpus: Path) -> None:
    findings = found(examine_recipe(recipe_of(corpus)))
    assert [findings[name].state for name in ("root", "sources")] == ["ok", "ok"]
    assert "with fsync" in findings["disk"].said
    assert sorted(path.name for path in corpus.iterdir()) == ["in"]


def test_what_a_recipe_names_wrongly_is_said(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (corpus / "file").write_text("no folder")
    assert "is a file" in found(examine_recipe(recipe_of(corpus, root=str(corpus / "file"))))["root"].said
    assert found(examine_recipe(recipe_of(corpus, root="http://somewhere/root")))["root"].state == "wrong"
    assert found(examine_recipe(recipe_of(corpus, paths=str(corpus / "none"))))["sources"].state == "wrong"
    wrong = found(examine_recipe(recipe_of(corpus, text="body")))["sources"]
    assert wrong.state == "wrong"
    assert "body" in wrong.said
    little_room(monkeypatch, corpus)
    assert found(examine_recipe(recipe_of(corpus)))["disk"].state == "wrong"


def test_the_command_says_each_and_fails_where_one_is_wrong(corpus: Path) -> None:
    recipe = corpus / "recipe.yaml"
    recipe.write_text(f"root: {corpus}/out\ncorpus: [{{name: web, paths: {corpus}/in/*.jsonl}}]\n")
    command = [sys.executable, "-m", "pairloom", "doctor", str(recipe), "--no-ray"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "ok    sources:" in done.stdout
    recipe.write_text("corpos: []")
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"check": "recipe", "state": "wrong"' in done.stdout
