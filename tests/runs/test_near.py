"""Runs that keep one of the documents that are nearly the same: which, for which, and whatever the machines do."""

import itertools
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.jobs.report.sections.compression import compression
from pairloom.operators.errors import CorruptionError, RecipeError, StorageError
from pairloom.operators.near import Hashes, word_shingles
from pairloom.operators.reference import near as plain
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.report import Options, report_on_root
from pairloom.pipeline.stages.select import cost
from pairloom.pipeline.stages.select.near.proving import check_kept
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import contents, copies_of, open_objects_of, recipe_for, write_jsonl
from tests.support.fates import ONCE, Fate, Killed, fated

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SMALL = ("execution.unit_bytes=6000", "vocabulary.size=300", "pack.deduplicate=near", "pack.file_tokens=4000")


def planted(seed: int = 3) -> list[str]:
    """Documents of 40 words, with copies that differ in nothing, in case and punctuation, or in some words; some chains."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(LETTERS, k=rng.randint(1, 5))) for _ in range(400)]
    texts = [" ".join(rng.choices(words, k=40)) for _ in range(50)]
    for text in texts[:25]:
        changed = text.split()
        for _ in range(rng.randint(1, 4)):
            for _ in range(rng.randint(0, 2)):
                changed[rng.randrange(40)] = rng.choice(words)
            texts.insert(rng.randrange(len(texts)), " ".join(changed))
    texts += (
        [text.upper().replace(" ", ", ") for text in texts[30:34]] + texts[40:44] + ["", "?!", "one", "One!"]
    )
    return texts


TEXTS = planted()
RUNS = [set(plain.word_shingles(text, 5)) for text in TEXTS]
PAIRS = list(itertools.combinations(range(len(TEXTS)), 2))


def recipe_of(folder: Path, *settings: str, texts: list[str] = TEXTS, root: str = "out") -> Recipe:
    """A recipe over texts, in two files."""
    for name, some in (("a", texts[:60]), ("b", texts[60:])):
        write_jsonl(
            folder / "in" / f"{name}.jsonl", [(f"{name}{number}", text) for number, text in enumerate(some)]
        )
    return recipe_for(folder, *SMALL, *settings, root=folder / root)


def left_out(recipe: Recipe) -> dict[int, int]:
    """The documents that were left out, each with the one that is kept, by their places."""
    table = open_dataset(recipe.root).duplicates().to_pydict()

    def places(uris: list[str], rows: list[int]) -> list[int]:
        return [row + (60 if "b.jsonl" in uri else 0) for uri, row in zip(uris, rows, strict=True)]

    assert set(table["source"]) | set(table["kept_source"]) == {"lines"}
    dropped, kept = places(table["uri"], table["row"]), places(table["kept_uri"], table["kept_row"])
    assert dropped == sorted(set(dropped))
    return dict(zip(dropped, kept, strict=True))


def candidates() -> list[tuple[int, int]]:
    """The pairs of documents that have a key in common, all of them."""
    keys = Hashes().keys(word_shingles(pa.array(TEXTS, pa.large_string()), 5))
    return [(a, b) for a, b in PAIRS if TEXTS[a] and TEXTS[b] and (keys[a] == keys[b]).any()]


def expected(pairs: list[tuple[int, int]], rank: Callable[[int], float]) -> dict[int, int]:
    """What is left out, and for which: of what hangs together the lowest rank stays, then the first."""
    groups: dict[int, list[int]] = {}
    for end, least in plain.components(pairs).items():
        groups.setdefault(least, []).append(end)
    best = {least: min(group, key=lambda one: (rank(one), one)) for least, group in groups.items()}
    kept = {end: best[least] for least, group in groups.items() for end in group}
    return {end: one for end, one in sorted(kept.items()) if end != one}


@pytest.mark.parametrize("documents", [1 << 23, 30], ids=["one range", "many ranges"])
def test_what_hangs_together_is_left_out_but_for_one(
    tmp_path: Path, documents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "PARTITION_DOCUMENTS", documents)
    recipe = recipe_of(tmp_path)
    manifest = run(recipe)
    found = left_out(recipe)
    assert found == expected(candidates(), lambda _: 0)
    ledger = manifest.stages["select"].ledger
    (source,) = manifest.stages["select"].sources
    assert len(found) == ledger.deduplicated == source.duplicate_documents > 40
    assert ledger.documents_in == len(TEXTS) - 1, "an empty text is no document"
    assert verify(open_dataset(recipe.root)).taken_documents == ledger.documents_out
    dataset = open_dataset(recipe.root)
    rows = sum(
        (copies_of(dataset, split) for split in ("train", "validation")), start=copies_of(dataset, "none")
    )
    assert sum(rows.values()) == ledger.documents_out
    assert len(manifest.stages["select"].files) == (1 if documents > 100 else -(-ledger.documents_in // 30))
    # Every document that differs in nothing, or in case and punctuation alone, is left out for one like it.
    same = [(a, b) for a, b in PAIRS if RUNS[a] == RUNS[b] and TEXTS[a] and TEXTS[b]]
    assert len(same) > 10
    assert all(found.get(a, a) == found.get(b, b) for a, b in same)


@pytest.mark.parametrize("documents", [1 << 23, 30], ids=["one range", "many ranges"])
def test_the_longest_is_kept_and_pairs_are_compared(
    tmp_path: Path, documents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "PARTITION_DOCUMENTS", documents)
    recipe = recipe_of(tmp_path, "pack.near={keep: longest, verify: 0.6}")
    run(recipe)
    found = left_out(recipe)
    shares = {pair: plain.jaccard(RUNS[pair[0]], RUNS[pair[1]]) for pair in candidates()}
    near = [pair for pair, share in shares.items() if share >= 0.6]
    assert len(near) < len(shares)
    vocabulary = open_dataset(recipe.root).vocabulary()
    length = [len(vocabulary.encode_one(text)) for text in TEXTS]
    assert found == expected(near, lambda place: -length[place])
    assert any(kept > dropped for dropped, kept in found.items())
    verify(open_dataset(recipe.root))


def test_equal_documents_are_found_among_many_that_are_compared_and_too_different(tmp_path: Path) -> None:
    rng = random.Random(2)
    page = [f"word{number}" for number in range(60)]
    texts = []
    for number in range(40):
        page[rng.randrange(60)] = f"name{number}"
        texts.append(" ".join(page))
        page = [f"word{number}" for number in range(60)]
    recipe = recipe_of(tmp_path, "pack.near={bands: 1, rows: 1, verify: 0.99}", texts=texts + texts[::-1])
    run(recipe)
    assert left_out(recipe) == {79 - number: number for number in range(40)}
    verify(open_dataset(recipe.root))


def test_the_best_by_a_column_is_kept(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    table = pa.table({"text": ["a b c", "A b C.", "a, b, c", "x y z"], "quality": [0.5, None, 0.9, 0.1]})
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    columns = "columns: [{name: quality, type: float32}]"
    recipe = recipe_for(
        tmp_path,
        f'corpus=[{{name: web, paths: ["{tmp_path}/in/*"], {columns}}}]',
        "pack={seq_len: 16, deduplicate: near, near: {keep: best, by: quality}}",
    )
    run(recipe)
    found = open_dataset(recipe.root).duplicates().to_pydict()
    assert (found["row"], found["kept_row"]) == ([0, 1], [2, 2])


def test_ids_without_words_are_compared_by_runs_of_tokens(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ids = [[1, 2, 3, 4, 5, 6, 7], [9, 9, 9], [1, 2, 3, 4, 5, 6, 7], [9, 9], [9, 9, 9]]
    pq.write_table(pa.table({"input_ids": ids}), tmp_path / "in" / "a.parquet")
    recipe = recipe_for(
        tmp_path,
        f'corpus=[{{name: codes, paths: ["{tmp_path}/in/*"], given: {{tokens: input_ids}}}}]',
        "vocabulary={family: ids, size: 32}",
        "tokenize={append: []}",
        "pack={seq_len: 16, deduplicate: near, near: {of: tokens}}",
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    found = dataset.duplicates().to_pydict()
    assert (found["row"], found["kept_row"]) == ([2, 4], [0, 1])
    verify(dataset)


def test_pairs_are_found_as_theory_says(tmp_path: Path) -> None:
    """Precision and recall of what bands find, against the share of runs of words that all pairs have in common."""
    shares = np.array([plain.jaccard(RUNS[a], RUNS[b]) for a, b in PAIRS])
    chance = 1 - (1 - shares**8) ** 14
    found = np.isin(np.arange(len(PAIRS)), [PAIRS.index(pair) for pair in candidates()])
    assert found[shares == 1][:10].all()
    assert abs(found.sum() - chance.sum()) <= 5 * np.sqrt((chance * (1 - chance)).sum()) + 1
    near = shares >= 0.8
    assert near.sum() > 20
    assert found[near].mean() >= chance[near].mean() - 0.1
    assert (shares[found] >= 0.5).mean() > 0.95


def test_units_and_ranges_of_keys_do_not_change_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "PARTITION_DOCUMENTS", 40)
    made: list[tuple[object, object]] = []
    for unit_bytes in (1500, 1_000_000):
        recipe = recipe_of(
            tmp_path, f"execution.unit_bytes={unit_bytes}", "pack.near.verify=0.5", root=str(unit_bytes)
        )
        manifest = run(recipe)
        made.append(
            ([contents(manifest)[stage] for stage in ("select", "pack")], manifest.stages["pack"].sources)
        )
    assert made[0] == made[1]


def test_only_what_has_changed_is_signed_again(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path)
    run(recipe)
    write_jsonl(
        tmp_path / "in" / "c.jsonl", [("new", TEXTS[0]), ("other", "entirely new words are here today")]
    )
    events: list[Event] = []
    again, _ = retokenize(recipe, observe=events.append)
    (signed,) = [one for one in events if isinstance(one, StepStarted) and one.step == "sign"]
    assert signed.units == len(again.stages["tokenize"].units) == signed.reused + 1
    assert open_dataset(recipe.root).duplicates().num_rows == len(expected(candidates(), lambda _: 0)) + 1
    verify(open_dataset(recipe.root))


def test_a_run_that_dies_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "PARTITION_DOCUMENTS", 60)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    settings = ("pack.near={verify: 0.5, keep: longest, bands: 3, rows: 4}", "execution.unit_bytes=1000000")
    recipe = recipe_of(tmp_path, *settings, root="whole")
    run(recipe, until="tokenize")
    with fated(LocalObjects, calls := Fate(0, "after", Killed)):
        whole = run(recipe, until="select", executor=ONCE)
    killed = recipe_of(tmp_path, *settings, root="killed")
    run(killed, until="tokenize")
    struck = 0
    for number, at in enumerate(range(5, calls.calls, calls.calls // 9)):
        error: type[BaseException] = Killed if number % 2 else StorageError
        fate = Fate(at, "after", error)
        with fated(LocalObjects, fate), suppress(error):
            run(killed, until="select", executor=ONCE)
        struck += fate.calls >= at
    assert struck > 2
    assert contents(run(killed, until="select"))["select"] == contents(whole)["select"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["pack.near={keep: best}"], "keep best needs the key 'by'"),
        (["pack.near={by: quality}"], "by belongs to keep best, and keep is first"),
        (["pack.near={keep: best, by: quality}"], r"pack\.near\.by is quality, which is no column"),
        (["pack.near={}", "pack.deduplicate=exact"], "near belongs to deduplicate near"),
        (["pack.near={verify: 1.5}"], "verify"),
        (["vocabulary={family: ids, size: 9}"], "ids"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, settings: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe_of(tmp_path, *settings)


def test_what_was_kept_is_left_out_nowhere(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path)
    manifest = run(recipe, until="select")
    files = manifest.stages["select"].files
    check_kept(open_objects_of(tmp_path / "out"), files)
    with pytest.raises(CorruptionError, match="leaves out a document twice"):
        check_kept(open_objects_of(tmp_path / "out"), [*files, *files])
    report = report_on_root(open_dataset(recipe.root), Options(against={}, engine="local"))
    assert [row["duplicates"] for row in report["sources"]] == [sum(file.rows for file in files)]
    assert "left out as duplicates" in compression(report)
