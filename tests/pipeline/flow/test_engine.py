"""Which engine a run takes, and that people are told why."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.pipeline import make_plan, run
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.engine import HELD, RAY_SECONDS, choose_engine, chosen_engine
from pairloom.pipeline.flow.prepare import PrepareTask, preparing
from pairloom.pipeline.recipe import Execution
from tests.support.corpora import contents, documents, recipe_for, write_jsonl


def test_an_engine_that_is_asked_for_is_taken() -> None:
    named = {"RAY_ADDRESS": "10.0.0.7:6379"}
    assert choose_engine(Execution(engine="local"), work=1e9, places=64, environment=named).name == "local"
    assert choose_engine(Execution(engine="ray"), work=0.0, places=1, environment={}).name == "ray"


def test_a_cluster_that_is_named_means_ray(tmp_path: Path) -> None:
    asked = [
        choose_engine(Execution(address="ray://head:10001"), environment={}),
        choose_engine(Execution(address="auto"), environment={}),
        choose_engine(Execution(), environment={"RAY_ADDRESS": "10.0.0.7:6379"}),
    ]
    left = tmp_path / "ray" / "ray_current_cluster"
    left.parent.mkdir()
    left.write_text("127.0.0.1:6379\n")
    asked.append(choose_engine(Execution(), environment={"RAY_TMPDIR": str(tmp_path)}))
    assert [one.name for one in asked] == ["ray"] * 4
    for one, address in zip(
        asked, ("ray://head:10001", "auto", "10.0.0.7:6379", "127.0.0.1:6379"), strict=True
    ):
        assert address in one.why


@pytest.mark.parametrize("places", [1, 2, 8, 64])
def test_work_that_ray_would_not_shorten_by_what_its_start_takes_stays_here(places: int) -> None:
    nowhere = {"RAY_TMPDIR": "/nonexistent"}
    for held in (HELD, 1.0):
        gained = max(held, 1 / places) - 1 / places  # seconds, of a second of work
        if gained == 0:
            assert (
                choose_engine(Execution(), work=1e9, held=held, places=places, environment=nowhere).name
                == "local"
            )
            continue
        even = RAY_SECONDS / gained
        for work, name in ((0.9 * even, "local"), (1.1 * even, "ray")):
            chosen = choose_engine(Execution(), work=work, held=held, places=places, environment=nowhere)
            assert chosen.name == name


def test_a_plan_decides_by_what_is_left_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairloom.pipeline.flow.engine.named_cluster", lambda address, environment: None)
    monkeypatch.setattr("pairloom.pipeline.flow.engine.processors", lambda: 64)
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(20))
    recipe = recipe_for(tmp_path, "execution.engine=auto")
    assert chosen_engine(make_plan(recipe), None).name == "local"
    monkeypatch.setattr("pairloom.pipeline.flow.engine.RAY_SECONDS", 0.0)
    assert chosen_engine(make_plan(recipe), None).name == "ray"
    last = run(recipe, executor=LocalExecutor())
    assert chosen_engine(make_plan(recipe), last).name == "local", "nothing is left to do"


def test_plan_and_summary_say_the_engine_and_why(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(20))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f'root: {tmp_path}/out\ncorpus: [{{name: all, paths: ["{tmp_path}/in/*.jsonl"]}}]\nvocabulary: {{size: 300}}\n'
    )
    runner = CliRunner()
    for command in ("plan", "run"):
        said = runner.invoke(app, [command, str(recipe), "--engine", "local"]).stdout
        assert any(
            line.startswith("engine") and "this process (as asked)" in line for line in said.splitlines()
        )
    said = runner.invoke(app, ["plan", str(recipe), "--engine", "local", "--json"]).stdout
    assert json.loads(said)["engine"] == {"name": "local", "why": "as asked"}


def test_threads_give_the_same_bytes_as_one_after_another(tmp_path: Path) -> None:
    """However many there are, and in whatever order they end."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    settings = ["execution.unit_bytes=5000", "pack.file_tokens=2000"]
    superwords = ["vocabulary={size: 400, superwords: {transition: 0.8}}"]
    mix = ["corpus.0.epochs=1.5", "pack.deduplicate=exact"]
    rows = ["pack={strategy: concat, seq_len: 50, file_tokens: 2000, shuffle: {mode: block}}"]
    for number, more in enumerate(([], superwords, mix, rows)):
        made = [
            run(
                recipe_for(tmp_path, *settings, *more, root=tmp_path / f"{number}-{threads}"),
                executor=LocalExecutor(at_once=threads),
            )
            for threads in (1, 2, 7)
        ]
        assert contents(made[0]) == contents(made[1]) == contents(made[2])


def test_workers_are_made_ready_all_at_once_where_kernels_are_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where some are not, the first worker compiles them alone, and the others load what it has compiled."""
    first = PrepareTask(schemes=("gpt2",), places=("pairloom.operators.counts.kernels",))
    for missing, sizes in ((set(), [3]), ({"a:kernel"}, [1, 2])):
        monkeypatch.setattr(
            "pairloom.pipeline.flow.prepare.missing_kernels", lambda places, missing=missing: missing
        )
        rounds = preparing(first, 3)
        assert [len(one) for one in rounds] == sizes
        assert [task.unit for one in rounds for task in one] == ["kernels", "kernels 1", "kernels 2"]
    assert preparing(first, 1) == ([first],)
