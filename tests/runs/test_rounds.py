"""Learning in rounds as a stage: the same bytes and the same key, begun and continued anywhere."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pairloom.jobs.show.lines import Lines
from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.learners import Target
from pairloom.operators.learners.bpe import BPELearner
from pairloom.pipeline import Recipe, make_plan, run
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import Event, RoundDone
from pairloom.pipeline.flow.log import RunLog, list_runs, read_run
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from pairloom.pipeline.stages.learn.rounds import WordsSpec, share_out
from pairloom.pipeline.store.merge_log import MergeLog
from tests.support.corpora import contents, open_objects_of, recipe_for, write_jsonl

ROUNDS = BPELearner().rounds(Target(size=700, special_tokens=("<|endoftext|>",)))
UNIT = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = random.Random(3)
    syllables = ["ba", "co", "du", "fe", "gi", "ha", "ko", "li", "ñu", "日本", " \n", "x" * 70]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 5))) for _ in range(1000)]
    write_jsonl(
        tmp_path / "in" / "a.jsonl", [(f"d{i}", " ".join(rng.choices(words, k=40))) for i in range(80)]
    )
    return tmp_path


def recipe(folder: Path, mode: str, *settings: str) -> Recipe:
    chosen = ["vocabulary.size=700", f"vocabulary.learn.mode={mode}", *settings]
    return recipe_for(folder, *chosen, root=folder / mode)


class Watch:
    """The rounds of a run; raises in one of them if told to."""

    def __init__(self, interrupt: int = 0) -> None:
        self.rounds: list[RoundDone] = []
        self._interrupt = interrupt

    def __call__(self, event: Event) -> None:
        if isinstance(event, RoundDone):
            self.rounds.append(event)
            if event.rounds == self._interrupt:
                raise KeyboardInterrupt


def test_the_mode_decides_no_byte_and_no_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = {mode: recipe(folder, mode) for mode in ("single", "sharded", "auto")}
    assert len({make_plan(one).keys["learn"] for one in recipes.values()}) == 1
    watches = {mode: Watch() for mode in recipes}
    made = [contents(run(recipes[mode], observe=watches[mode])) for mode in ("single", "sharded")]
    assert made[0] == made[1]
    assert not watches["single"].rounds
    assert watches["sharded"].rounds[-1].merges == watches["sharded"].rounds[-1].wanted == 700 - 257
    # What does not fit the machine is learned in rounds; what was learned is not learned again.
    # A member that fits none either spills, wherever the recipe says.
    monkeypatch.setattr(LocalExecutor, "room", lambda self, members=1: 250_000_000)
    nowhere = recipe(folder, "auto", f"vocabulary.learn.spill={folder / 'nowhere'}")
    with pytest.raises(CapacityError, match="nowhere"):
        run(nowhere, until="learn")
    assert contents(run(recipes["auto"], observe=watches["auto"])) == made[0]
    assert watches["auto"].rounds
    again = Watch()
    run(recipe(folder, "auto", "pack.seq_len=32"), observe=again)
    assert not again.rounds


@pytest.mark.parametrize("members", [1, 2, 4])
def test_an_interrupted_run_goes_on_after_what_it_has_stored(folder: Path, members: int) -> None:
    expected = contents(run(recipe(folder, "single"), until="learn"))
    settings = [f"vocabulary.learn.members={members}", "vocabulary.learn.checkpoint_seconds=3600"]
    interrupted = recipe(folder, "sharded", *settings)
    stored = 0
    for last in (2, 4):  # before the first merges pairs are counted once, later in two steps
        watch = Watch(interrupt=last)
        with pytest.raises(KeyboardInterrupt):
            run(interrupted, until="learn", observe=watch)
        assert watch.rounds[0].merges == stored
        assert watch.rounds[-1].merges > stored
        stored = watch.rounds[-1].merges
    watch = Watch()
    assert contents(run(interrupted, until="learn", observe=watch)) == expected
    assert watch.rounds[0].merges == stored
    assert not list((folder / "sharded").rglob("*merges*"))


def test_a_vocabulary_is_kept_whatever_way_it_was_learned(folder: Path) -> None:
    manifest = run(recipe(folder, "single"))
    kept = make_plan(recipe(folder, "sharded"), keep=manifest)
    assert kept.keys["learn"] == manifest.stages["learn"].key


def test_the_log_of_a_run_counts_the_members(folder: Path) -> None:
    chosen = recipe(folder, "sharded", "vocabulary.learn.members=3")
    plan, objects = make_plan(chosen), open_objects_of(folder / "sharded")
    with RunLog(objects, plan) as log:
        log.committed(run(chosen, until="learn", plan=plan, observe=log))
    (name,) = list_runs(objects)
    (step,) = [step for step in read_run(objects, name).steps if step.step == "rounds"]
    assert (step.units, step.done, step.done_bytes) == (3, 3, step.bytes)
    assert step.ended >= step.progressed > step.started


def test_rounds_are_shown_with_merges(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(recipe(folder, "sharded"), until="learn", observe=Lines())
    said = capsys.readouterr().err
    assert "learn: rounds: 2 members" in said or "learn: rounds: 4 members" in said
    assert "443 merges in " in said


def test_a_plan_spreads_the_memory_of_a_sharded_learner(folder: Path) -> None:
    memory = {}
    for mode in ("single", "sharded"):
        plan = make_plan(recipe(folder, mode))
        (learn,) = [stage for stage in forecast(plan, Cluster.of(4)) if stage.stage == "learn"]
        memory[mode] = learn.memory
        assert learn.tasks == {"single": 1, "sharded": 5}[mode]
    assert memory["sharded"] != memory["single"]


def test_words_that_are_not_those_that_were_counted_are_refused(folder: Path) -> None:
    manifest = run(recipe(folder, "single"), until="count")
    files = manifest.stages["count"].files
    words, pairs = (tuple(file for file in files if file.role == role) for role in ("words", "pairs"))
    root = str(folder / "single")
    spec = WordsSpec(root=root, number=0, words=words[:2], pairs=pairs[:2], rounds=ROUNDS)
    spec.start()
    with pytest.raises(CorruptionError, match="words were lost or added"):
        WordsSpec(root=root, number=0, words=words[:2], pairs=pairs[1:3], rounds=ROUNDS).start()


def test_a_member_declares_the_memory_that_it_takes(folder: Path) -> None:
    files = run(recipe(folder, "single"), until="count").stages["count"].files
    words = tuple(file for file in files if file.role == "words")
    spec = WordsSpec(root=str(folder / "single"), number=0, words=words, pairs=(), rounds=ROUNDS)
    assert not spec.spills
    assert spec.need() == spec.projected
    assert not replace(spec, allowed=spec.projected).spills
    tight = replace(spec, allowed=spec.projected - 1)
    assert tight.spills
    assert tight.need() < spec.need()
    fewer = replace(tight, words=words[:1])
    assert not fewer.spills
    assert LocalExecutor().room(4) == (LocalExecutor().room() or 0) // 4


def test_partitions_are_shared_out_whole_and_evenly() -> None:
    sizes = [7, 1, 9, 3, 3, 8, 2]
    shares = share_out(sizes, 3)
    assert sorted(part for share in shares for part in share) == list(range(7))
    assert sorted(sum(sizes[part] for part in share) for share in shares) == [11, 11, 11]
    assert share_out([], 2) == [[], []]


def test_a_log_holds_what_was_added_whoever_added_it(tmp_path: Path) -> None:
    objects = open_objects_of(tmp_path)
    merges = np.arange(40, dtype=np.int32).reshape(-1, 2)
    one, two = MergeLog(objects, "learn", UNIT), MergeLog(objects, "learn", UNIT)
    one.extend(merges[:3])
    one.extend(merges[:3])
    two.extend(merges[:7])  # finds the first segment, and stores the rest behind it
    one.extend(merges[:5])  # knows less than what is there
    one.extend(merges)
    assert MergeLog(objects, "learn", UNIT).merges.tolist() == merges.tolist()
    assert MergeLog(objects, "learn", UNIT).segments == 3
    assert len(MergeLog(objects, "learn", UNIT[::-1]).merges) == 0
    one.discard()
    assert len(MergeLog(objects, "learn", UNIT).merges) == 0


def test_other_merges_under_one_name_are_corruption(tmp_path: Path) -> None:
    objects = open_objects_of(tmp_path)
    merges = np.arange(20, dtype=np.int32).reshape(-1, 2)
    late = MergeLog(objects, "learn", UNIT)
    MergeLog(objects, "learn", UNIT).extend(merges[:5])
    with pytest.raises(CorruptionError, match="other merges"):
        late.extend(merges[:7] + 1)
    with pytest.raises(CorruptionError, match="other merges"):
        MergeLog(objects, "learn", UNIT).extend(merges[:3] + 1)


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "empty"])
def test_damaged_segments_are_named(tmp_path: Path, damage: str) -> None:
    objects = open_objects_of(tmp_path)
    log = MergeLog(objects, "learn", UNIT)
    log.extend(np.ones((5, 2), np.int32))
    log.extend(np.ones((9, 2), np.int32))
    first, second = (f"data/learn/{UNIT[:2]}/{UNIT}.merges-00000{n}" for n in range(2))
    data = objects.read(first)
    if damage == "missing":  # the second takes the place of the first
        objects.put(first, objects.read(second))
    else:
        objects.put(
            first, {"cut": data[:-8], "flipped": data[:30] + b"\xff" + data[31:], "empty": b""}[damage]
        )
    with pytest.raises(CorruptionError, match=r"merges-000000"):
        MergeLog(objects, "learn", UNIT)
