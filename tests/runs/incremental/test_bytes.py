"""Following a corpus that changes: every byte is that of a run from nothing."""

from pathlib import Path

import pytest

from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from tests.runs.incremental.checks import (
    BLOCK,
    GROUPS,
    Corpus,
    Steps,
    even_corpus,
    same_as_from_nothing,
    write_even,
)
from tests.support.corpora import (
    documents,
    mixed_recipe_for,
    open_objects_of,
    recipe_for,
    write_jsonl,
)


@pytest.mark.parametrize(
    ("mode", "validation", "unit_bytes"),
    [("block", 0.3, 2500), ("block", 0.0, 700), ("none", 0.3, 1500), ("document", 0.3, 2500)],
)
def test_whatever_changes_the_bytes_are_those_of_a_run_from_nothing(
    tmp_path: Path, vocabulary: str, mode: str, validation: float, unit_bytes: int
) -> None:
    corpus = Corpus(tmp_path, 9, seed=unit_bytes)
    shuffle = f"pack.shuffle={{mode: {mode}{f', groups: {GROUPS}' if mode == 'block' else ''}}}"
    settings = (f"pack.validation={validation}", f"execution.unit_bytes={unit_bytes}", "pack.file_tokens=500")
    recipe = recipe_for(tmp_path, vocabulary, shuffle, *settings, "pack.seq_len=32")
    made = run(recipe)
    assert (made.stages["pack"].index is None) == (mode == "document")
    assert bool(made.stages["pack"].held) == (mode != "document" and validation > 0)
    for number in range(3):
        corpus.tick()
        made, _ = retokenize(recipe)
        same_as_from_nothing(made, recipe, tmp_path / f"fresh{number}")
    verify(open_dataset(recipe.root))
    assert not open_objects_of(tmp_path / "out").list("receipts/exchange")
    assert not open_objects_of(tmp_path / "out").list("data/exchange")


@pytest.mark.parametrize(
    ("mode", "asked"), [("block", {"epochs": 1.5}), ("none", {"weight": 1}), ("document", {"weight": 1})]
)
def test_mixtures_are_those_of_a_run_from_nothing(
    tmp_path: Path, vocabulary: str, mode: str, asked: dict[str, float]
) -> None:
    for name in ("prose", "code"):
        write_jsonl(tmp_path / name / "a.jsonl", [(f"{name} {i}", f"{t} {name}") for i, t in documents(20)])
        write_jsonl(tmp_path / name / "b.jsonl", [(f"{name} b{i}", t) for i, t in documents(20, 1)])
    settings = (vocabulary, f"pack.shuffle.mode={mode}", "pack.file_tokens=2000", "execution.unit_bytes=4000")
    recipe = mixed_recipe_for(tmp_path, {"prose": asked, "code": asked}, *settings, "pack.deduplicate=exact")
    run(recipe)
    write_jsonl(tmp_path / "code" / "a.jsonl", [(f"code {i}", f"{t} again") for i, t in documents(25)])
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    assert steps.fresh["exchange"] == len(made.stages["tokenize"].units)
    assert made.stages["pack"].index is None
    same_as_from_nothing(made, recipe, tmp_path / "fresh")
    verify(open_dataset(recipe.root))


@pytest.mark.parametrize("step", ["exchange", "rejoin", "pack"])
def test_a_run_that_dies_between_its_steps_goes_on(tmp_path: Path, vocabulary: str, step: str) -> None:
    recipe = even_corpus(tmp_path, 24, vocabulary, *BLOCK, "pack.validation=0.2")
    run(recipe)
    write_even(tmp_path, "007", 1)
    dead = Steps(dies_after=step)
    with pytest.raises(KeyboardInterrupt):
        retokenize(recipe, observe=dead)
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    whole = dead.fresh + steps.fresh
    assert {name: whole[name] for name in ("tokenize", "exchange")} == {"tokenize": 1, "exchange": 1}
    assert not any(steps.fresh[name] for name in dead.fresh if name != "prepare")  # nothing is done twice
    same_as_from_nothing(made, recipe, tmp_path / "fresh")
    verify(open_dataset(recipe.root))
