"""Re-tokenizing: only what has changed is read, and the result is that of a run from nothing."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import Amount, plan_again, retokenize, rollback
from pairloom.pipeline.inputs import intake as reading
from pairloom.pipeline.store.gc import collect
from pairloom.pipeline.store.receipts import find_receipt
from tests.support.corpora import contents, documents, open_objects_of, recipe_for, write_jsonl


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve small inputs with documents of their own."""
    for i in range(12):
        _write(tmp_path, f"{i:02}", seed=i)
    return tmp_path


def _write(folder: Path, name: str, *, seed: int) -> None:
    path = folder / "in" / f"{name}.jsonl"
    write_jsonl(path, [(f"{seed}-{number}", text) for number, (_, text) in enumerate(documents(30, seed))])
    os.utime(path, ns=(1, 1_000_000_000 + seed))


@pytest.fixture
def was_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the inputs that were read, one for each slice."""
    names: list[str] = []
    read = reading.read

    def watched(piece, *wanted):
        names.append(Path(piece.file.uri).stem)
        return read(piece, *wanted)

    monkeypatch.setattr(reading, "read", watched)
    return names


def _from_nothing(folder: Path, root: str, *settings: str) -> dict[str, list[tuple[str, str]]]:
    """What a run from nothing makes of the inputs with the vocabulary of a root."""
    json_path = folder / "tokenizer.json"
    json_path.write_bytes(open_dataset(root).vocabulary().to_json())
    fresh = recipe_for(folder, *settings, root=folder / "fresh").model_dump(mode="json", by_alias=True)
    fresh["vocabulary"] = {"from": str(json_path)}
    return contents(run(Recipe.model_validate(fresh)))


@pytest.mark.parametrize(("mode", "unit_bytes"), [("document", "1GB"), ("block", "20kB"), ("none", "2kB")])
def test_only_changed_inputs_are_read_and_the_bytes_are_those_of_a_run_from_nothing(
    corpus: Path, was_read: list[str], mode: str, unit_bytes: str
) -> None:
    settings = (f"execution.unit_bytes={unit_bytes}", f"pack.shuffle.mode={mode}", "pack.file_tokens=4096")
    recipe = recipe_for(corpus, *settings)
    first = run(recipe)
    _write(corpus, "03", seed=103)
    _write(corpus, "05a", seed=105)
    (corpus / "in" / "08.jsonl").unlink()
    was_read.clear()
    second, found = retokenize(recipe)
    assert set(was_read) == {"03", "05a"}
    assert second.generation == 2
    assert second.fingerprint == first.fingerprint
    assert [found.added.inputs, found.changed.inputs, found.removed.inputs, found.same.inputs] == [
        1,
        1,
        1,
        10,
    ]
    total = first.stages["tokenize"].ledger
    assert found.replaced.tokens + found.removed.tokens + found.same.tokens == total.tokens
    assert (
        found.added.tokens + found.changed.tokens + found.same.tokens
        == second.stages["tokenize"].ledger.tokens
    )
    fresh = _from_nothing(corpus, recipe.root, *settings)
    made = contents(second)
    assert made["tokenize"] == fresh["tokenize"]
    assert made["pack"] == fresh["pack"]
    verify(open_dataset(recipe.root), lambda _: None)


def test_nothing_is_done_where_nothing_has_changed(corpus: Path, was_read: list[str]) -> None:
    recipe = recipe_for(corpus)
    run(recipe)
    was_read.clear()
    again, found = retokenize(recipe)
    assert again.generation == 1
    assert not was_read
    assert (found.added, found.changed, found.removed) == (Amount(), Amount(), Amount())
    assert found.units == found.units_reused


def test_a_generation_after_another_knows_what_both_have_read(corpus: Path, was_read: list[str]) -> None:
    recipe = recipe_for(corpus)
    run(recipe)
    for number, seed in enumerate((201, 202, 203)):
        _write(corpus, "03", seed=seed)
        was_read.clear()
        manifest, _ = retokenize(recipe)
        assert manifest.generation == number + 2
        assert set(was_read) == {"03"}


def test_another_vocabulary_is_learned_only_when_asked(corpus: Path) -> None:
    recipe = recipe_for(corpus)
    first = run(recipe)
    larger = recipe_for(corpus, "vocabulary.size=500")
    with pytest.raises(RecipeError, match=r"vocabulary\.size is 500, was 400.*--relearn"):
        retokenize(larger)
    _write(corpus, "03", seed=103)
    manifest, found = retokenize(larger, relearn=True)
    assert manifest.fingerprint != first.fingerprint
    assert found.units_reused == 0


def test_slices_with_dead_letters_are_read_again_and_stay_counted(corpus: Path, was_read: list[str]) -> None:
    with (corpus / "in" / "07.jsonl").open("a") as file:
        file.write('{"id": "bad"}\n')
    recipe = recipe_for(corpus, "max_rejected=0.5")
    run(recipe)
    _write(corpus, "03", seed=103)
    was_read.clear()
    manifest, _ = retokenize(recipe)
    assert set(was_read) == {"03", "07"}
    assert sum(manifest.stages["tokenize"].ledger.rejected.values()) == 1
    assert len(list(open_dataset(recipe.root).rejected())) == 1


def test_a_shard_that_does_not_hold_what_it_should_stops_the_run(corpus: Path) -> None:
    recipe = recipe_for(corpus)
    manifest = run(recipe)
    objects = open_objects_of(corpus / "out")
    (unit,) = manifest.stages["tokenize"].units
    receipt = find_receipt(objects, "tokenize", unit)
    assert receipt is not None
    piece = receipt.pieces[4]
    wrong = piece.model_copy(
        update={"ledger": piece.ledger.model_copy(update={"tokens": piece.ledger.tokens + 1})}
    )
    pieces = (*receipt.pieces[:4], wrong, *receipt.pieces[5:])
    changed = receipt.model_copy(update={"pieces": pieces})
    objects.put(f"receipts/tokenize/{unit[:2]}/{unit}.json", changed.model_dump_json().encode())
    _write(corpus, "03", seed=103)
    with pytest.raises(CorruptionError, match=r"tokens of a slice that became \d+ with \d+"):
        retokenize(recipe)


def test_generations_are_listed_and_gone_back_to(corpus: Path) -> None:
    recipe = recipe_for(corpus)
    first = run(recipe)
    _write(corpus, "03", seed=103)
    retokenize(recipe)
    back = rollback(recipe.root, 1)
    assert back.generation == 3
    assert back.stages == first.stages
    assert rollback(recipe.root, 3) == back
    with pytest.raises(RecipeError, match="no generation 9"):
        rollback(recipe.root, 9)
    told = CliRunner().invoke(app, ["generations", recipe.root, "--json"])
    rows = json.loads(told.stdout)
    assert [row["generation"] for row in rows] == [1, 2, 3]
    assert rows[0]["tokens"] == rows[2]["tokens"] != rows[1]["tokens"]
    assert "committed" in CliRunner().invoke(app, ["generations", recipe.root]).stdout
    # What has been rolled back to references the files of generation 1, so they outlive it.
    collect(open_objects_of(corpus / "out"), now=4e9, grace=0, keep=1, delete=True)
    verify(open_dataset(recipe.root), lambda _: None)
    with pytest.raises(RecipeError, match="was garbage collected"):
        rollback(recipe.root, 2)


def test_the_command_says_what_has_changed(corpus: Path) -> None:
    (corpus / "recipe.yaml").write_text(json.dumps(recipe_for(corpus).model_dump(mode="json", by_alias=True)))
    command = ["retokenize", str(corpus / "recipe.yaml")]
    with pytest.raises(RecipeError, match="nothing is tokenized"):
        plan_again(recipe_for(corpus))
    run(recipe_for(corpus))
    quiet = CliRunner().invoke(app, [*command, "--if-changed"])
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    _write(corpus, "03", seed=103)
    told = CliRunner().invoke(app, [*command, "--if-changed"])
    assert told.exit_code == 0
    assert "changed       1 input, " in told.stdout
    assert re.search(r"^committed +generation 2 of", told.stdout, re.MULTILINE)
