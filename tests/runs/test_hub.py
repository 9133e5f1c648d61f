"""Whole runs over the Hub and over saved datasets: made, proved, and brought up to date."""

import json
from pathlib import Path

import datasets
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import Amount, plan_again, retokenize
from pairloom.pipeline.inputs import lists
from tests.support.corpora import documents, recipe_for, texts_of
from tests.support.hub import Hub

MANY = 40


def jsonl(seed: int) -> bytes:
    made = ({"id": f"{seed}-{i}", "text": text} for i, (_, text) in enumerate(documents(MANY, seed)))
    return "".join(json.dumps(one) + "\n" for one in made).encode()


def recipe(folder: Path, path: str, *settings: str) -> Recipe:
    sources = [{"name": "some", "paths": [path], "id": "id"}]
    return recipe_for(folder, f"corpus={json.dumps(sources)}", *settings)


def prove(root: str) -> int:
    dataset = open_dataset(root)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=100, everything=True)
    return proof.source_documents


def test_the_hub_is_run_proved_and_brought_up_to_date(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A commit that changes one file of three costs that file; what was committed is proved as it was read."""
    repo = hub.repo("datasets/org/wiki", {f"data/{i}.jsonl": jsonl(i) for i in range(3)})
    repo.private = True
    monkeypatch.setenv("HF_TOKEN", hub.token)
    asked = recipe(tmp_path, "hf://datasets/org/wiki@main/data/*.jsonl")
    first = run(asked)
    assert first.revisions == {"hf://datasets/org/wiki@main": repo.branches["main"]}
    full = sum(bool(text) for i in range(3) for _, text in documents(MANY, i))
    assert first.stages["tokenize"].ledger.documents_out == full
    assert set(texts_of(open_dataset(asked.root)).values()) == {
        text.encode() for i in range(3) for _, text in documents(MANY, i) if text
    }

    repo.commit({f"data/{i}.jsonl": jsonl(i if i != 1 else 9) for i in range(3)} | {"README.md": b"new"})
    assert prove(asked.root) == full  # of the commit that was read, and not of what `main` is by now

    bodies = hub.count("/large/")
    second, difference = retokenize(asked)
    assert (difference.changed.inputs, difference.same.inputs) == (1, 2)
    assert second.revisions == {"hf://datasets/org/wiki@main": repo.branches["main"]}
    assert hub.count("/large/") - bodies <= 3  # a look at a first record, and the file that is new
    prove(asked.root)

    repo.commit(repo.commits[repo.branches["main"]] | {"README.md": b"newer"})
    assert set(plan_again(asked).stages) <= set(plan_again(asked).done(second))
    assert retokenize(asked)[1].added == Amount()

    said = "".join(capfd.readouterr())
    stored = b"".join(path.read_bytes() for path in Path(asked.root).rglob("*") if path.is_file())
    assert hub.token not in said
    assert hub.token.encode() not in stored


def test_another_revision_in_the_recipe_reads_what_is_new_in_it(hub: Hub, tmp_path: Path) -> None:
    repo = hub.repo("datasets/org/wiki", {f"{i}.jsonl": jsonl(i) for i in range(3)})
    old = repo.branches["main"]
    run(recipe(tmp_path, f"hf://datasets/org/wiki@{old}/*.jsonl"))
    new = repo.commit(repo.commits[old] | {"3.jsonl": jsonl(3)})
    made, difference = retokenize(recipe(tmp_path, f"hf://datasets/org/wiki@{new}/*.jsonl"))
    assert (difference.added.inputs, difference.same.inputs) == (1, 3)
    assert made.revisions == {f"hf://datasets/org/wiki@{new}": new}


def test_a_vocabulary_of_the_hub(hub: Hub, tmp_path: Path) -> None:
    hub.repo("datasets/org/wiki", {"0.jsonl": jsonl(0)})
    first = run(recipe(tmp_path, "hf://datasets/org/wiki/0.jsonl"))
    words = open_dataset(str(tmp_path / "out")).vocabulary()
    repo = hub.repo("org/model", {"tokenizer.json": words.to_json(), "sub/tokenizer.json": words.to_json()})
    for k, name in enumerate(
        ("hf://org/model", "hf://org/model@main", "hf://org/model/sub", "hf://org/model/tokenizer.json")
    ):
        asked = recipe(
            tmp_path,
            "hf://datasets/org/wiki/0.jsonl",
            f"root={tmp_path}/{k}",
            f'vocabulary={{"from": "{name}"}}',
        )
        made = run(asked)
        assert made.fingerprint == first.fingerprint
        assert made.revisions["hf://org/model@main"] == repo.branches["main"]
    with pytest.raises(
        RecipeError, match=r"vocabulary.from: cannot read hf://org/model/no: .*tokenizer.json"
    ):
        run(recipe(tmp_path, "hf://datasets/org/wiki/0.jsonl", 'vocabulary={"from": "hf://org/model/no"}'))
    with pytest.raises(
        RecipeError, match=r"vocabulary.from: hf://org/none/tokenizer.json: no access: the Hub shows no model"
    ):
        run(recipe(tmp_path, "hf://datasets/org/wiki/0.jsonl", 'vocabulary={"from": "hf://org/none"}'))


def test_parquet_on_the_hub_is_cut_and_read_by_ranges(hub: Hub, tmp_path: Path) -> None:
    table = datasets.Dataset.from_dict(
        {"id": [str(i) for i in range(600)], "text": [f"text {i} " * 200 for i in range(600)]}
    )
    table.to_parquet(tmp_path / "x.parquet", batch_size=50)
    hub.repo("datasets/org/wiki", {"x.parquet": (tmp_path / "x.parquet").read_bytes()})
    asked = recipe(tmp_path, "hf://datasets/org/wiki/x.parquet", "execution.unit_bytes=4kB")
    made = run(asked)
    assert made.stages["tokenize"].ledger.documents_out == 600
    assert len(made.stages["tokenize"].units) > 1
    assert prove(asked.root) == 600


def test_a_saved_dataset_is_run_proved_and_brought_up_to_date(tmp_path: Path) -> None:
    def saved(*seeds: int) -> datasets.Dataset:
        rows = [(f"{seed}-{i}", text) for seed in seeds for i, (_, text) in enumerate(documents(MANY, seed))]
        return datasets.Dataset.from_dict(
            {"id": [name for name, _ in rows], "text": [text for _, text in rows]}
        )

    splits = datasets.DatasetDict({"train": saved(0, 1), "test": saved(2)})
    splits.save_to_disk(tmp_path / "saved", num_shards={"train": 2, "test": 1})
    asked = recipe(tmp_path, str(tmp_path / "saved"))
    first = run(asked)
    full = sum(bool(text) for seed in range(3) for _, text in documents(MANY, seed))
    assert first.stages["tokenize"].ledger.documents_out == full
    assert prove(asked.root) == full
    saved(5).save_to_disk(tmp_path / "saved" / "test")
    second, difference = retokenize(asked)
    assert (difference.changed.inputs, difference.same.inputs) == (1, 2)
    prove(asked.root)
    assert second.generation == 2


def test_a_list_of_ids_on_the_hub_is_at_one_commit(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest has the commit; what is committed meanwhile is noticed by the next run, and by nothing else."""
    texts = [(name, text) for name, text in documents(MANY) if text]
    lines = [json.dumps({"id": name, "text": text}) for name, text in texts]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(lines))
    repo = hub.repo("datasets/org/optouts", {"ids.txt": texts[0][0].encode(), "README.md": b"who asked"})
    steps = [{"exclude_ids": {"ids": "hf://datasets/org/optouts/ids.txt"}}]
    asked = recipe(tmp_path, str(tmp_path / "in" / "*.jsonl"), f"corpus.0.steps={json.dumps(steps)}")
    first = run(asked)
    old = repo.branches["main"]
    assert first.revisions == {"hf://datasets/org/optouts@main": old}
    assert sum(first.stages["tokenize"].ledger.filtered.values()) == 1

    repo.commit({"ids.txt": b"\n".join(name.encode() for name, _ in texts[:3])})
    asked_before = len(hub.asked)
    assert prove(asked.root) == len(texts) - 1  # by the list as it was
    assert not any("main" in one for one in hub.asked[asked_before:])

    second, difference = retokenize(asked)
    assert second.revisions == {"hf://datasets/org/optouts@main": repo.branches["main"]}
    assert sum(second.stages["tokenize"].ledger.filtered.values()) == 3
    assert difference.changed.inputs == 1
    assert prove(asked.root) == len(texts) - 3

    repo.commit(repo.commits[repo.branches["main"]] | {"README.md": b"how to ask"})  # the list is what it was
    assert retokenize(asked)[1].added == Amount()
    plan = plan_again(asked)
    assert set(plan.stages) <= set(plan.done(second))


def test_the_branch_may_move_while_a_run_is_planned(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sources with a list of one repository read it at the commit that was first asked for."""
    lines = "".join(json.dumps({"id": f"d{i}", "text": f"text {i}"}) + "\n" for i in range(9))
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(lines)
    repo = hub.repo("datasets/org/optouts", {"ids.txt": b"d1"})
    step = {"keep_ids": {"ids": "hf://datasets/org/optouts/ids.txt"}}
    sources = [
        {"name": name, "paths": [str(tmp_path / f"{name}.jsonl")], "id": "id", "steps": [step]}
        for name in ("a", "b")
    ]
    listed = lists.list_inputs

    def moving(*args: object, **keys: object) -> object:
        found = listed(*args, **keys)  # type: ignore[arg-type]
        repo.commit({"ids.txt": f"d{len(repo.commits)}".encode()})
        return found

    monkeypatch.setattr(lists, "list_inputs", moving)
    old = repo.branches["main"]
    made = run(recipe_for(tmp_path, f"corpus={json.dumps(sources)}", "vocabulary.size=258"))
    assert made.revisions == {"hf://datasets/org/optouts@main": old}
    assert made.stages["tokenize"].ledger.documents_out == 2
    assert len(repo.commits) > 2
