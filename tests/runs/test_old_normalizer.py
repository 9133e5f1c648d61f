"""Roots with a normalizer that were made before its tables were a part of the package, and of fingerprints."""

from pathlib import Path

import pytest

import pairloom as pl
from pairloom.operators import vocabulary as vocabularies
from pairloom.operators.errors import CorruptionError
from pairloom.operators.text import normalize as normalizing
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.repair.repair import repair
from pairloom.pipeline.stages.count import tasks as counting
from pairloom.pipeline.stages.learn import tasks as learning
from tests.support.corpora import documents, recipe_for, write_jsonl


@pytest.fixture
def old(tmp_path: Path) -> Recipe:
    """What an earlier version made: fingerprints name the form, and no version of it."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path, "vocabulary.normalizer=nfc", "execution.unit_bytes=9000")
    with pytest.MonkeyPatch.context() as patch:
        for module in (vocabularies, counting, learning, normalizing):
            patch.setattr(module, "normalizer_identity", lambda form: form)
        run(recipe)
    return recipe


def test_it_opens_and_loads_and_a_proof_says_why_there_is_none(old: Recipe) -> None:
    """(F7) what to do is said: the next run makes a generation that can be verified."""
    before = open_dataset(old.root)
    rows = before.table("train").to_pydict()
    assert sum(batch.num_rows for batch in before.loader(1)) == len(rows["input_ids"])
    with pytest.raises(CorruptionError, match=r"learned before the tables of normalization .* the next run"):
        pl.verify(old.root)
    second = run(old)
    assert second.generation == 2
    assert open_dataset(old.root).table("train").to_pydict() == rows
    pl.verify(old.root)


def test_what_it_has_lost_is_not_made_of_other_tables(old: Recipe) -> None:
    """(F7, R3) rows that no task of this version makes are said, with what to do."""
    root = Path(old.root)
    assert repair(old.root).mended == ()
    lost = root / open_dataset(old.root).manifest.stages["pack"].files[0].path
    lost.unlink()
    found = repair(old.root)
    assert [Path(one.uri) for one in found.mended] == [lost]
    assert not found.whole
    assert "another version of the program" in found.mended[0].why
    assert "the next run makes a generation" in found.mended[0].why
    run(old)
    pl.verify(old.root)
    assert repair(old.root).whole
