"""The forecast for a cluster: requests are those that a run makes, and the limit is what really limits."""

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pairloom.jobs.cli import main
from pairloom.jobs.show.forecast import cluster_of
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Plan, make_plan, parse_recipe, run
from pairloom.pipeline.forecast.cluster import LOCAL_DISK, Cluster, forecast
from pairloom.pipeline.forecast.requests import Requests
from pairloom.pipeline.recipe.parity import ParityChoice
from pairloom.pipeline.stages.count import combine
from pairloom.pipeline.stages.count.cost import Counting
from pairloom.pipeline.stages.learn.cost import GROUPS_WORK, SHARDED_GROUPS_WORK, SHARDED_WORK, Learning
from pairloom.pipeline.stages.pack.cost import Packing
from pairloom.pipeline.stages.tokenize.cost import Tokenizing
from pairloom.pipeline.store.receipts import FEW
from pairloom.pipeline.store.remote import s3 as remote_s3
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.servers import Proxy, fresh_connections

TB = 1_000_000_000_000
STAGES = {
    "count": "count",
    "combine": "count",
    "merge": "count",
    "learn": "learn",
    "tokenize": "tokenize",
    "exchange": "pack",
    "index": "pack",
    "pack": "pack",
}
CLUSTER = Cluster(machines=64, processors=16, memory=64_000_000_000, network=5e9)


def plan_of(folder: Path, size: int, **execution: str) -> Plan:
    (folder / "in").mkdir()
    for number in range(10):
        with (folder / "in" / f"{number}.jsonl").open("wb") as file:
            file.truncate(size // 10)
    settings = [f"execution.{name}={value}" for name, value in execution.items()]
    text = f'root: {folder}/out\ncorpus: [{{name: lines, paths: ["{folder}/in/*"]}}]\n'
    return make_plan(parse_recipe(text, overrides=settings))


@pytest.mark.parametrize(
    ("unit_bytes", "combining", "mode"), [(5000, False, "none"), (2000, True, "document")]
)
def test_requests_are_those_of_a_run(
    tmp_path: Path,
    s3_root: str,
    faulty: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    unit_bytes: int,
    combining: bool,
    mode: str,
) -> None:
    monkeypatch.setattr(combine, "COMBINE_FROM", 100 if combining else 1 << 17)
    monkeypatch.setattr(combine, "COMBINE_FILES", 6)
    monkeypatch.setattr(remote_s3, "READ_SECONDS", 60)  # nothing is asked again because a machine is busy
    for number in range(3):
        write_jsonl(tmp_path / "in" / f"{number}.jsonl", documents(40))
    settings = [f"execution.unit_bytes={unit_bytes}", "pack.file_tokens=4000", "max_rejected=0"]
    if mode == "none":
        settings += ["pack.shuffle.mode=none", "pack.validation=0"]
    with fresh_connections():
        manifest = run(recipe_for(tmp_path, *settings, f"root={s3_root}"))
    units = len(manifest.stages["tokenize"].units)
    assert (units > FEW) == (unit_bytes == 2000)
    files = len(manifest.stages["pack"].units)
    assert files == len(manifest.stages["pack"].files)  # none without rows
    partitions = len(manifest.stages["count"].files) // 2
    seen: Counter[str] = Counter()
    for method, path, _headers in faulty.requests:
        if found := re.search(r"(?:/|prefix=[^&]*(?:/|%2F))(?:data|receipts)(?:/|%2F)(\w+)", path):
            kind = "writes" if method == "PUT" or "list-type" in path else "reads"
            spread = kind == "reads" and "/data/exchange/" in path
            seen["pieces" if spread else kind] += method != "DELETE"
            assert found[1] in STAGES
    leftovers = len(manifest.stages["pack"].leftovers)
    groups = -(-units // 6) if combining else 0
    packing = Packing(units=units, files=files, leftovers=leftovers, kept=int(mode == "none"), pieces=0)
    asked = (
        Counting(units=units, partitions=partitions, groups=groups),
        Learning(partitions=partitions),
        Tokenizing(units=units),
        packing,
    )
    total = sum((one.requests for one in asked), Requests())
    assert seen["writes"] == total.writes
    assert seen["reads"] == total.reads
    # Not every unit has documents for every packed file.
    most = replace(packing, pieces=None).requests.reads - packing.requests.reads
    assert 0 < seen["pieces"] <= most


def test_large_files_take_more_requests() -> None:
    counting, tokenizing = Counting(units=100, partitions=8), Tokenizing(units=100)
    packing = Packing(units=100, files=10)
    for small, large in (
        (counting, replace(counting, words=50 << 20)),
        (tokenizing, replace(tokenizing, tokens=200 << 20)),
        (packing, replace(packing, tokens=200 << 20, rows=1 << 30)),
    ):
        assert large.requests.reads > small.requests.reads
        assert large.requests.writes > small.requests.writes
    # 200 MiB are 13 parts, one request to begin and one to end.
    large = replace(tokenizing, tokens=200 << 20)
    assert large.requests.writes - tokenizing.requests.writes == 100 * 14


def test_what_limits_is_named(tmp_path: Path) -> None:
    plan = _learning(plan_of(tmp_path, 4 * TB, unit_bytes="512MB"), "single")
    limits = {f.stage: f.limit for f in forecast(plan, CLUSTER, remote=False)}
    assert limits == {
        "count": "processors",
        "learn": "one task",
        "tokenize": "processors",
        "pack": "processors",
    }
    tight = replace(CLUSTER, memory=8_000_000_000)
    assert {f.stage: f.limit for f in forecast(plan, tight, remote=False)}["tokenize"] == "memory"
    slow = replace(CLUSTER, network=1e6)
    assert {f.limit for f in forecast(plan, slow, remote=False) if f.stage != "learn"} == {"network"}
    vast = replace(CLUSTER, machines=4096)
    assert {f.stage: f.limit for f in forecast(plan, vast, remote=False)}["tokenize"] == "few tasks"
    remote = {f.stage: f for f in forecast(plan, CLUSTER, remote=True)}
    assert remote["pack"].limit == "requests"
    packing = Packing.of(plan)
    assert packing.width > 1  # in two steps, so that not every packed file reads of every unit
    least, most = packing.units * packing.batches, packing.units * packing.files
    assert least < remote["pack"].requests.reads < most


def test_learning_in_rounds_needs_less_of_each_machine_and_more_in_all(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TB, unit_bytes="512MB")
    small = replace(
        CLUSTER, memory=32_000_000_000
    )  # one learner is projected to need a quarter of a terabyte
    single, auto = (
        next(f for f in forecast(one, small, remote=False) if f.stage == "learn")
        for one in (_learning(plan, "single"), plan)
    )
    assert single.limit == "one task"
    assert auto.seconds < single.seconds
    assert auto.busy > single.busy
    assert auto.memory < 32_000_000_000 < single.memory
    assert (
        next(f for f in forecast(plan, replace(CLUSTER, memory=TB), remote=False) if f.stage == "learn")
        == single
    )
    # So many members on so slow a network that asking them takes longer than their work.
    crowd = replace(small, machines=4096, network=1e5)
    assert next(f for f in forecast(plan, crowd, remote=False) if f.stage == "learn").limit == "rounds"


def test_groups_are_forecast_to_take_longer_and_longest_in_rounds(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TB // 10, unit_bytes="512MB")
    vocabulary = plan.recipe.vocabulary.model_copy(update={"parity": ParityChoice(by="source")})
    grouped = replace(plan, recipe=plan.recipe.model_copy(update={"vocabulary": vocabulary}))
    busy = {
        (one is grouped, mode): next(
            f.busy for f in forecast(_learning(one, mode), CLUSTER, remote=False) if f.stage == "learn"
        )
        for one in (plan, grouped)
        for mode in ("single", "sharded")
    }
    assert busy[True, "single"] == pytest.approx(GROUPS_WORK * busy[False, "single"], rel=0.05)
    assert busy[True, "sharded"] == pytest.approx(SHARDED_GROUPS_WORK * busy[True, "single"], rel=0.05)
    assert busy[False, "sharded"] == pytest.approx(SHARDED_WORK * busy[False, "single"], rel=0.05)


def test_members_that_no_memory_holds_are_forecast_to_spill(tmp_path: Path) -> None:
    """What a member is projected to need beyond its share lies on its machine's disk, and takes as long as that."""
    plan = plan_of(tmp_path, 50 * TB, unit_bytes="2GB")
    few = replace(CLUSTER, machines=25, processors=40, memory=64_000_000_000)
    rows = [
        next(f for f in forecast(plan, cluster, remote=False) if f.stage == "learn")
        for cluster in (replace(few, memory=4 * TB), few, replace(few, machines=1))
    ]
    held, spilled, crowded = rows
    assert (held.spilled, held.limit) == (0, "few tasks")  # 64 members on 1,000 processors
    assert (spilled.limit, crowded.limit) == ("few tasks", "local disk")
    assert spilled.memory < few.room < spilled.spilled
    waited = 3 * 2 * spilled.spilled / LOCAL_DISK  # 64 members on 25 machines: three on some
    assert spilled.seconds == pytest.approx(held.seconds + waited)
    assert crowded.seconds > spilled.seconds


def _learning(plan: Plan, mode: str) -> Plan:
    choice = plan.recipe.vocabulary
    learn = choice.learn.model_copy(update={"mode": mode})
    vocabulary = choice.model_copy(update={"learn": learn})
    return replace(plan, recipe=plan.recipe.model_copy(update={"vocabulary": vocabulary}))


def test_word_counts_are_combined_where_their_pieces_are_many(tmp_path: Path) -> None:
    counting = Counting.of(plan_of(tmp_path, TB))
    assert counting.groups < counting.units / 30
    plain = replace(counting, groups=0)
    assert counting.requests.reads < plain.requests.reads / 20
    (tmp_path / "small").mkdir()
    assert Counting.of(plan_of(tmp_path / "small", TB // 100)).groups == 0


def test_every_stage_of_a_recipe_that_selects_is_forecast(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TB // 10)
    recipe = plan.recipe.model_copy(
        update={"pack": plan.recipe.pack.model_copy(update={"deduplicate": "exact"})}
    )
    selecting = replace(plan, recipe=recipe)
    found = {f.stage: f for f in forecast(selecting, CLUSTER, remote=True)}
    assert list(found) == ["count", "learn", "tokenize", "select", "pack"]
    assert found["select"].requests.reads > len(plan.units)
    assert found["select"].written > 0


def test_more_machines_are_never_slower(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TB, unit_bytes="256MB")
    took = [
        sum(f.seconds for f in forecast(plan, replace(CLUSTER, machines=machines), remote=True))
        for machines in (1, 2, 8, 64, 1024)
    ]
    assert took == sorted(took, reverse=True)
    busy = {
        round(sum(f.busy for f in forecast(plan, replace(CLUSTER, machines=n), remote=True))) for n in (1, 64)
    }
    assert len(busy) == 1


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_of(tmp_path, TB)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f'root: {tmp_path}/out\ncorpus: [{{name: lines, paths: ["{tmp_path}/in/*"]}}]\n'
        "vocabulary: {learn: {mode: single}}\n"
    )
    command = [
        "pairloom",
        "plan",
        str(recipe),
        "--workers",
        "256",
        "--machine-memory",
        "64GB",
        "--network",
        "10Gb",
    ]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    said = capsys.readouterr().out
    assert "16 machines with 16 processors, 64.0 GB and 10 Gb/s each" in said
    assert "learn, limited by one task" in said
    monkeypatch.setattr(sys, "argv", [*command, "--json"])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    facts = json.loads(capsys.readouterr().out)
    assert facts["cluster"] == {
        "machines": 16,
        "processors": 16,
        "memory": 64_000_000_000,
        "network": 1.25e9,
        "prefixes": 1,
    }
    assert [stage["stage"] for stage in facts["stages"]] == ["count", "learn", "tokenize", "pack"]
    assert facts["seconds"] == pytest.approx(sum(stage["seconds"] for stage in facts["stages"]), abs=0.1)
    assert not (tmp_path / "out").exists()


def test_a_store_that_has_split_its_prefixes_is_asked_so_many_times_as_fast(tmp_path: Path) -> None:
    """Requests take a 16th of the time for 16 prefixes, and a 256th for any more, since names have no more."""
    plan, fast = plan_of(tmp_path, TB), replace(CLUSTER, network=1e15, machines=10_000)
    found = {
        prefixes: next(
            one
            for one in forecast(plan, replace(fast, prefixes=prefixes), remote=True)
            if one.stage == "pack"
        )
        for prefixes in (1, 2, 16)
    }
    assert found[1].limit == "requests"
    assert found[1].seconds == 2 * found[2].seconds
    reads, writes = found[1].requests.reads, found[1].requests.writes
    assert found[1].seconds == max(reads / 5500, writes / 3500)


@pytest.mark.parametrize(("memory", "network"), [("lots", "10Gb"), ("64GB", "fast"), ("64GB", "10GB")])
def test_what_is_no_cluster_is_named(memory: str, network: str) -> None:
    with pytest.raises(RecipeError, match="write for example"):
        cluster_of(8, 16, memory, network)
