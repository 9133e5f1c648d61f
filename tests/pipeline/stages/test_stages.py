"""The stages of a run: their order, what leads to each, and one that another distribution brings."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.compute as pc
import pytest

import pairloom.pipeline.stages
from pairloom.jobs.show.progress import Progress
from pairloom.jobs.show.summary import show_summary, summary
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.pipeline import make_plan, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.events import called
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.flow.plan import Asked, Plan
from pairloom.pipeline.flow.stage import Stage
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages import STAGES, in_order, leading_to, stage, stages
from pairloom.pipeline.store.files import StoredFile, read_batches
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Ledger
from tests.support.corpora import documents, recipe_for, write_jsonl

OWN = ("count", "learn", "tokenize", "merkle", "select", "pack", "statistics")


@dataclass(frozen=True, slots=True, kw_only=True)
class LongestTask(UnitTask):
    """The tokens of the longest document of a shard."""

    shard: StoredFile
    step = "longest"

    @property
    def label(self) -> str:
        return self.shard.path

    def identity(self) -> object:
        return {"shard": self.shard.sha256}

    def need(self) -> int:
        return longest_memory(self.shard.bytes)

    def work(self, attempt: Attempt, shared: Any) -> None:
        lengths = [
            pc.max(pc.list_value_length(batch.column("input_ids"))).as_py()
            for batch in read_batches(attempt.objects, self.shard)
        ]
        attempt.file("longest.json", json.dumps(lengths).encode(), role="longest")
        attempt.ledger = Ledger(documents_in=self.shard.rows, documents_out=self.shard.rows)
        attempt.facts = {"longest": max(lengths)}


def longest_memory(size: int) -> int:
    return 100_000_000 + size


class Longest(Stage):
    """The longest document, as a stranger would write it."""

    name = "longest"
    help = "Find the longest document."
    after = "tokenize"
    steps: ClassVar[Mapping[str, str]] = {"longest": "look for the longest"}

    def wanted(self, recipe: Recipe) -> bool:
        return recipe.vocabulary.from_ is None

    def key(self, asked: Asked, before: Mapping[str, str]) -> str:
        return fingerprint({"longest of": before["tokenize"]})

    def cost(self, plan: Plan, cluster: Cluster) -> Cost:
        return Cost(tasks=len(plan.units), memory=longest_memory(1000), work=plan.bytes / 1e9)

    def run(self, job: Job) -> StageRecord:
        shards = job.records["tokenize"].files
        tasks = [LongestTask(root=job.plan.recipe.root, shard=shard) for shard in shards]
        receipts = job.step("longest", tasks, sizes=[shard.bytes for shard in shards])
        return StageRecord(
            key=job.plan.keys["longest"],
            units=tuple(receipt.unit for receipt in receipts),
            files=tuple(receipt.file("longest") for receipt in receipts),
            ledger=Ledger.sum(receipt.ledger for receipt in receipts),
            facts={"tokens_at_most": max(receipt.facts["longest"] for receipt in receipts)},
        )


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution that brings the stage."""
    point = EntryPoint("longest", f"{__name__}:Longest", STAGES.group)
    monkeypatch.setitem(vars(STAGES), "_points", {"longest": point})


def test_stages_are_in_the_order_in_which_a_run_does_them() -> None:
    assert tuple(one.name for one in stages()) == OWN
    assert leading_to("learn") == ("count", "learn")
    assert leading_to("pack") == ("count", "learn", "tokenize", "select", "pack")
    assert leading_to("merkle") == ("count", "learn", "tokenize", "merkle")
    assert leading_to("statistics") == ("count", "learn", "tokenize", "statistics")
    assert stage("pack").after == "select"
    assert all(one.help and one.unless for one in stages())


def test_every_step_of_a_stage_is_in_its_table() -> None:
    """(U6) The first word of every step that the code of a stage begins is in the table of steps of that stage."""
    for one in stages():
        assert one.steps
        assert all(" " not in step and does for step, does in one.steps.items())
    begun = {
        step.partition(" ")[0]
        for folder in Path(pairloom.pipeline.stages.__file__).parent.iterdir()
        for file in folder.glob("*.py")
        for step in re.findall(r'job\.step\(\s*f?"([^"]+)"|learn_in_rounds\(job, "([^"]+)"', file.read_text())
        for step in step
        if step
    }
    assert begun >= {"count", "exchange", "pack", "join"}
    assert begun <= {step for one in stages() for step in one.steps}


def test_what_follows_a_stage_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError, match="these stages follow none that there is: longest follows tokenize"):
        in_order([stage("count"), Longest()])


def test_a_name_that_no_stage_has_gets_the_nearest_one(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(5))
    with pytest.raises(RecipeError, match="there is no stage 'tokenise'; did you mean 'tokenize'"):
        run(recipe_for(tmp_path), until="tokenise")
    with pytest.raises(RecipeError, match="there is no stage 'packs'"):
        leading_to("packs")


def test_stages_are_known_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from pairloom.pipeline.stages import stages; assert len(stages()) >= 5;"
        "heavy = {'numba', 'pyarrow', 'ray', 'pydantic'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("longest")
def test_a_stage_from_outside_is_one_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path, "execution.unit_bytes=3000")
    plan = make_plan(recipe)
    assert plan.stages == ("count", "learn", "tokenize", "pack", "longest")
    assert [one.stage for one in forecast(plan, Cluster.of(4))] == list(plan.stages)
    watch = Progress()
    manifest = run(recipe, observe=watch)
    assert list(manifest.stages) == list(plan.stages)
    record = manifest.stages["longest"]
    assert len(record.files) == len(manifest.stages["tokenize"].files) > 1
    assert watch.steps["longest"].called == "longest"
    show_summary(summary(manifest, recipe.root, watch))
    said = capsys.readouterr().out
    assert f"tokens at most {record.facts['tokens_at_most']}, files {len(record.files)}" in said
    assert "\nlongest  " in said
    dataset = open_dataset(recipe.root)
    assert len(dataset.files("longest")) == len(record.files)
    assert verify(dataset).units == sum(len(one.units) for one in manifest.stages.values())
    assert run(recipe) == manifest


@pytest.mark.usefixtures("longest")
def test_a_run_up_to_a_stage_does_only_what_leads_to_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path)
    assert list(run(recipe, until="longest").stages) == ["count", "learn", "tokenize", "longest"]
    packed = run(recipe, until="pack")
    assert list(packed.stages) == ["count", "learn", "tokenize", "pack", "longest"]
    assert packed.generation == 2


@pytest.mark.usefixtures("longest")
def test_the_files_of_a_stage_from_outside_are_verified_with_and_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path)
    manifest = run(recipe, until="longest")
    dataset = open_dataset(recipe.root)
    record, other = manifest.stages["longest"], manifest.stages["learn"].files[:1]
    wrong = manifest.model_copy(
        update={"stages": manifest.stages | {"longest": record.model_copy(update={"files": other})}}
    )
    object.__setattr__(dataset, "manifest", wrong)
    for points in (vars(STAGES)["_points"], {}):
        monkeypatch.setitem(vars(STAGES), "_points", points)
        with pytest.raises(CorruptionError, match="in the manifest but in no receipt of longest"):
            verify(dataset)


def test_a_stage_that_a_recipe_does_not_have_says_why(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(5))
    with pytest.raises(
        RecipeError,
        match=r"the recipe neither mixes nor deduplicates \(weight of .*\), so there is no stage select to run",
    ):
        run(recipe_for(tmp_path), until="select")


def test_the_documents_call_steps_as_the_code_does() -> None:
    """(U6) Its table is that of the stages, and what comes before and after them."""
    text = (Path(__file__).parents[3] / "docs" / "guides" / "watching.md").read_text(encoding="utf-8")
    table = text[text.index("| step | what it does |") :].split("\n\n", 1)[0]
    rows = dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", table, re.MULTILINE))
    steps = {called(one.name, step): does for one in stages() for step, does in one.steps.items()}
    assert {"start", "plan", "prepare", "commit"} == rows.keys() - steps.keys()
    assert steps.items() <= rows.items()
