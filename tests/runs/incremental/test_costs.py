"""Following a corpus that changes: only what has changed is done again."""

import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.generations.retokenize import retokenize, unchanged
from pairloom.pipeline.inputs.readers import READERS
from pairloom.pipeline.stages.exchange.partitions import Splits
from tests.runs.incremental.checks import (
    BLOCK,
    Steps,
    even_corpus,
    group_of,
    held,
    same_as_from_nothing,
    trained,
    write_even,
)
from tests.support.corpora import (
    recipe_for,
)


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_changed_input_costs_its_unit_its_group_and_what_is_in_the_group(
    tmp_path: Path, vocabulary: str, share: float
) -> None:
    recipe = even_corpus(tmp_path, 24, vocabulary, *BLOCK, f"pack.validation={share}")
    first = run(recipe)
    assert len(first.stages["tokenize"].units) == 24
    for seed, name in enumerate(["007", "012", "019"], 1):
        before = open_dataset(recipe.root).manifest
        write_even(tmp_path, name, seed)
        steps = Steps()
        after, found = retokenize(recipe, observe=steps)
        group = group_of(tmp_path / "in" / f"{name}.jsonl")
        others = [f"{i:03}" for i in range(24) if f"{i:03}" != name]
        changed = {"007": 1, "012": 2, "019": 3}
        sharing = [
            other
            for other in others
            if group_of(tmp_path / "in" / f"{other}.jsonl") == group
            and trained(other, changed[other] if changed.get(other, 99) < seed else 0, share)
        ]
        apart = held(name, 0, share) or held(name, seed, share)
        assert steps.fresh == Counter(
            prepare=1, tokenize=1, exchange=1, rejoin=len(sharing), pack=1 + apart, carry=steps.fresh["carry"]
        )
        assert (found.units, found.units_reused) == (24, 23)
        kept = {file.path for file in before.stages["pack"].files} & {
            f.path for f in after.stages["pack"].files
        }
        assert found.packed_reused.files == len(kept) >= found.packed.files - 2 - apart - steps.fresh["carry"]
        assert found.packed.bytes == sum(file.bytes for file in after.stages["pack"].files)
    same_as_from_nothing(after, recipe, tmp_path / "fresh")


def test_what_is_added_and_removed_touches_its_group_alone(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 16, vocabulary, *BLOCK, "pack.validation=0")
    run(recipe)
    write_even(tmp_path, "00A", 1)
    steps = Steps()
    retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"], steps.fresh["pack"]) == (1, 1, 1)
    (tmp_path / "in" / "00A.jsonl").unlink()
    steps = Steps()
    back, _ = retokenize(recipe, observe=steps)
    # The group is what it was: what was packed of it then is packed still, once it has been found out.
    assert (steps.fresh["tokenize"], steps.fresh["exchange"], steps.fresh["pack"]) == (0, 0, 0)
    same_as_from_nothing(back, recipe, tmp_path / "fresh")


def test_an_input_that_is_only_touched_is_read_and_nothing_is_packed(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 6, vocabulary, *BLOCK, "pack.validation=0.2")
    first = run(recipe)
    os.utime(tmp_path / "in" / "003.jsonl", ns=(1, 77))
    steps = Steps()
    second, _ = retokenize(recipe, observe=steps)
    assert steps.fresh == Counter(prepare=1, tokenize=1, exchange=0, pack=0, carry=0)
    assert second.generation == 2
    assert second.stages["pack"].files == first.stages["pack"].files
    assert second.stages["pack"].index == first.stages["pack"].index


def test_of_a_large_input_only_the_blocks_that_changed_are_packed_again(
    tmp_path: Path, vocabulary: str
) -> None:
    groups = 64
    settings = (
        vocabulary,
        f"pack.shuffle={{mode: block, groups: {groups}}}",
        "pack.seq_len=32",
        "pack.validation=0",
    )
    write_even(tmp_path, "large", 0, documents_in=80)
    path = tmp_path / "in" / "large.jsonl"
    recipe = recipe_for(tmp_path, *settings, f"execution.unit_bytes={path.stat().st_size // 5}")
    run(recipe)
    lines = path.read_text().splitlines()
    lines[41] = lines[41].replace("one", "six")  # the sixth block of eight, as long as before
    path.write_text("\n".join(lines) + "\n")
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    # Every unit of the input is read again, for who knows; one shard is another one, and one block with its group.
    assert steps.fresh["tokenize"] == 5
    assert steps.fresh["exchange"] == 1
    assert steps.fresh["pack"] == 1
    same_as_from_nothing(made, recipe, tmp_path / "fresh")


def test_where_the_order_is_kept_what_comes_before_the_change_is_kept(
    tmp_path: Path, vocabulary: str
) -> None:
    settings = ("pack.shuffle.mode=none", "pack.seq_len=32", "pack.validation=0.2", "pack.file_tokens=400")
    recipe = even_corpus(tmp_path, 20, vocabulary, *settings)
    first = run(recipe)
    write_even(tmp_path, "020", 0)
    steps = Steps()
    second, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 1)
    same_as_from_nothing(second, recipe, tmp_path / "grown")
    units = [m.stages["pack"].units for m in (first, second)]
    train = [
        Splits.of(m.stages["tokenize"].ledger.tokens, 400, 0.2, mode="none").train for m in (first, second)
    ]
    assert units[0][: train[0] - 1] == units[1][: train[0] - 1]
    write_even(tmp_path, "010", 1)
    steps = Steps()
    third, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"]) == (1, 11)  # it and those behind it
    same_as_from_nothing(third, recipe, tmp_path / "changed")


def test_where_everything_mixes_everything_is_exchanged(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 8, vocabulary, "pack.file_tokens=400", "pack.seq_len=32")
    run(recipe)
    write_even(tmp_path, "003", 1)
    steps = Steps()
    made, _ = retokenize(recipe, observe=steps)
    assert (steps.fresh["tokenize"], steps.fresh["exchange"], steps.fresh["rejoin"]) == (1, 8, 0)
    same_as_from_nothing(made, recipe, tmp_path / "fresh")


def test_rows_of_another_length_need_no_index_anew(tmp_path: Path, vocabulary: str) -> None:
    recipe = even_corpus(tmp_path, 6, vocabulary, *BLOCK, "pack.validation=0.2")
    first = run(recipe)
    steps = Steps()
    longer = even_corpus(tmp_path, 6, vocabulary, *BLOCK, "pack.validation=0.2", "pack.seq_len=64")
    second = run(longer, observe=steps)
    assert (steps.fresh["exchange"], steps.fresh["rejoin"]) == (0, 6)
    assert second.stages["pack"].index == first.stages["pack"].index
    same_as_from_nothing(second, longer, tmp_path / "fresh")


def test_a_tick_opens_no_input(tmp_path: Path, vocabulary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"text": ["one two", "three"], "id": ["a", "b"]})
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    recipe = recipe_for(tmp_path, vocabulary)
    run(recipe)
    assert unchanged(recipe)
    monkeypatch.setattr(READERS.get("parquet"), "blocks", lambda *_: pytest.fail("was opened"))
    assert unchanged(recipe)
    pq.write_table(table, tmp_path / "in" / "b.parquet")
    assert not unchanged(recipe)
