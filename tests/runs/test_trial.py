"""Trials: the same documents whatever the files and workers, a root of their own, and what they foretell beside what comes."""

import json
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.pipeline import Recipe, open_dataset
from pairloom.pipeline.forecast.trial import NORMAL
from tests.support.command import Command
from tests.support.corpora import texts_of

SURE = (
    4 / NORMAL
)  # of four standard errors, which an estimate is beyond in 6 of 100,000 trials, to the width that is said


def records(count: int, words: int, seed: int) -> list[dict[str, Any]]:
    """Documents of exponential lengths in words that are as frequent as words are; every 97th is null, every 31st a copy."""
    rng = random.Random(seed)
    known = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(2000)]
    weights = [1 / (rank + 3) for rank in range(len(known))]
    made: list[dict[str, Any]] = []
    for i in range(count):
        text = " ".join(rng.choices(known, weights, k=2 + int(rng.expovariate(1 / words))))
        copied = made[-30]["text"] if i % 31 == 30 else text
        made.append({"id": f"{seed}-{i}", "text": None if i % 97 == 96 else copied, "score": rng.random()})
    return made


@pytest.fixture
def corpus(pairloom: Command) -> dict[str, list[dict[str, Any]]]:
    """Two sources, and a recipe that leaves some out by `where`, some by a step, and copies."""
    made = {"web": records(6000, 40, 1), "books": records(1500, 200, 2)}
    for name, rows in made.items():
        path = pairloom.folder / name / "a.jsonl"
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    web = {"where": "score > 0.2", "steps": [{"min_bytes": {"bytes": 60}}]}
    recipe = {
        "root": f"{pairloom.folder}/out",
        "corpus": [
            {
                "name": name,
                "paths": [f"{pairloom.folder}/{name}/*"],
                "id": "id",
                **(web if name == "web" else {}),
            }
            for name in made
        ],
        "vocabulary": {"size": 1000},
        "pack": {"seq_len": 128, "deduplicate": "exact", "validation": 0.05},
        "max_rejected": 0.05,
        "execution": {"engine": "local"},
    }
    pairloom.recipe.write_text(json.dumps(recipe))
    return made


def run(pairloom: Command, *more: object) -> dict[str, Any]:
    code, out, err = pairloom("run", pairloom.recipe, "--json", *more)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_trial_foretells_the_whole_run(pairloom: Command, corpus: dict[str, list[dict[str, Any]]]) -> None:
    """With a vocabulary that is given, so that chance alone is between the two; the seed of the choice is fixed."""
    whole = run(pairloom)
    words = pairloom.folder / "words.json"
    words.write_bytes(open_dataset(str(pairloom.folder / "out")).vocabulary().to_json())
    before = sorted(path for path in (pairloom.folder / "out").rglob("*") if path.is_file())
    trial = run(pairloom, "--sample", "20%", "--set", f"vocabulary={{from: {words}}}")
    assert sorted(path for path in (pairloom.folder / "out").rglob("*") if path.is_file()) == before
    assert trial["root"].endswith("/out-sample-0.2")

    found, exact = trial["foretold"], {one["name"]: one for one in whole["sources"]}
    for one in found["sources"]:
        name, comes = one["name"], exact[one["name"]]
        assert one["documents"] == len(corpus[name])
        assert one["rejected"] == {"null_text": nulls(name, corpus)}
        assert abs(one["tokens"] - comes["tokens"]) <= SURE * one["width"]
        assert one["width"] < 0.02 * comes["tokens"]
        # Documents that are kept: a share of those that were chosen from, each chosen with the same chance.
        there, kept = one["chosen_from"], comes["documents"]
        spread = (there * kept / there * (1 - kept / there) * (1 - 0.2) / 0.2) ** 0.5
        assert abs(one["kept"] - kept) <= 4 * spread
    web = found["sources"][0]
    assert web["filtered"]["where"] == whole["filtered"]["where"]
    assert abs(web["filtered"]["min_bytes"] - whole["filtered"]["min_bytes"]) <= 4 * spread_of(
        whole["filtered"]["min_bytes"]
    )
    assert abs(found["tokens"] - sum(one["tokens"] for one in exact.values())) <= SURE * found["width"]
    # Copies are chosen together, so that their share is that of the whole; rows follow from tokens, but for the last of files.
    delivered = sum(one["delivered_tokens"] for one in exact.values())
    assert abs(sum(one["delivered_tokens"] for one in found["sources"]) / delivered - 1) < 0.03
    packed = open_dataset(f"{pairloom.folder}/out").manifest.stages["pack"]
    rows = sum(facts["rows"] for facts in packed.splits.values())
    assert abs(sum(found["rows"].values()) / rows - 1) < 0.03
    stored = sum(path.stat().st_size for path in before if "/log/" not in str(path))
    assert 0.7 < found["disk"] / stored < 1.3
    assert found["memory"] > 0


def nulls(name: str, corpus: dict[str, list[dict[str, Any]]]) -> int:
    """How many records of a source have no text, and are not left out before anybody asks for it."""
    return sum(row["text"] is None and (name != "web" or row["score"] > 0.2) for row in corpus[name])


def spread_of(count: int, share: float = 0.2) -> float:
    """The standard deviation of an estimate of so many documents, from those of them that are chosen."""
    return float((count * (1 - share) / share) ** 0.5)


def test_the_same_documents_whatever_the_files_and_units(
    pairloom: Command, corpus: dict[str, list[dict[str, Any]]]
) -> None:
    first = run(pairloom, "--sample", "1/50")
    one = texts_of(open_dataset(f"{pairloom.folder}/out-sample-0.02"))
    for name, rows in corpus.items():
        (pairloom.folder / name / "a.jsonl").unlink()
        for k in range(5):
            table = pa.Table.from_pylist(
                rows[::-1][k::5], pa.schema({"id": pa.string(), "text": pa.string(), "score": pa.float64()})
            )
            pq.write_table(table, pairloom.folder / name / f"{k}.parquet", row_group_size=300)
    second = run(
        pairloom,
        "--sample",
        "2%",
        "--set",
        f"root={pairloom.folder}/other",
        "--set",
        "execution.unit_bytes=20kB",
    )
    other = texts_of(open_dataset(f"{pairloom.folder}/other-sample-0.02"))
    assert sorted(one.values()) == sorted(other.values())
    assert len(one) > 50
    assert first["foretold"]["tokens"] == second["foretold"]["tokens"]


def test_what_people_read(pairloom: Command, corpus: dict[str, list[dict[str, Any]]]) -> None:
    code, out, _ = pairloom("run", pairloom.recipe, "--sample", "5%")
    assert code == 0
    said = out[out.index("the whole run, by this trial of 0.05 of the documents") :]
    for words in (
        "web",
        "books",
        f"rejected of web: null_text {nulls('web', corpus)}",
        "rows ",
        "processors as these; the trial was too short to tell more",
        "below the root",
        "for the largest task",
        "in 95 of 100 such trials",
        "the vocabulary was learned from the sample",
        "exact are documents",
    ):
        assert words in said
    code, out, _ = pairloom("run", pairloom.recipe, "--sample", "5%")
    assert code == 0
    assert "not known, since the trial was done before" in out
    code, out, _ = pairloom("verify", f"{pairloom.folder}/out-sample-0.05")
    assert code == 0


def test_trials_that_tell_nothing(pairloom: Command, corpus: dict[str, list[dict[str, Any]]]) -> None:
    code, _, err = pairloom("run", pairloom.recipe, "--sample", "0.0001%")
    assert code == 2
    assert "documents was chosen: take a larger --sample" in err
    code, _, err = pairloom("run", pairloom.recipe, "--sample", "many")
    assert code == 2
    assert "'many' is no share of the documents: write for example 0.1%" in err
    found = run(pairloom, "--sample", "0.1%")["foretold"]
    assert found["width"] is None
    assert any(
        "different documents were chosen of web, books: take a larger" in line for line in found["says"]
    )
    (pairloom.folder / "books" / "a.jsonl").write_text('{"id": "a", "text": ""}\n')
    code, _, err = pairloom("run", pairloom.recipe, "--sample", "10%")
    assert code == 2
    assert "source 'books' gives no text: of 1 records 0 are rejected and 0 left out, the others empty" in err


def test_a_trial_root_is_no_part_of_the_corpus(pairloom: Command) -> None:
    """A pattern over the folder that the root of the trial is in does not read it."""
    pairloom.recipe.write_text(
        json.dumps(
            {
                "root": f"{pairloom.folder}/in/out",
                "corpus": [{"name": "lines", "paths": [f"{pairloom.folder}/in/**/*.jsonl"], "id": "id"}],
                "vocabulary": {"size": 300},
                "pack": {"seq_len": 64},
                "execution": {"engine": "local"},
            }
        )
    )
    run(pairloom, "--sample", "50%")
    assert run(pairloom)["documents"] == 100
    assert (
        Recipe.model_validate(open_dataset(f"{pairloom.folder}/in/out").manifest.recipe).corpus[0].steps == ()
    )
