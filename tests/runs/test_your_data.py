"""A recipe over each kind of data: it runs, is proved, is brought up to date after a change, and its rows say what is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairloom.operators.pack.derive import per_token
from pairloom.pipeline import Dataset, Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from tests.support.corpora import contents
from tests.support.hub import Hub
from tests.support.your_data import KINDS, Doc, recipe_of, write


def _wide(values: Any) -> Any:
    """Values with room for what pads them here."""
    return values if values.dtype.kind == "f" else values.astype(np.int64)


def prove(dataset: Dataset, numbers: list[int]) -> None:
    """Every source is read again, and each token of the rows has what is known of its document."""
    proof = verify(dataset)
    round_trip(dataset, proof, sample=100, everything=True)
    assert proof.source_documents == len(numbers)
    words, columns = dataset.vocabulary(), dataset.columns
    seen: dict[int, set[str]] = {}
    for batch in dataset.batches():
        ids = batch.column("input_ids").flatten().to_numpy().reshape(-1, 64)
        lengths = batch.column("segment_lengths")
        tokens = {
            name: per_token(_wide(batch.column(name).flatten().to_numpy()), lengths, 64, -9)
            for name in (
                "document",
                *(name for name in ("score", "lang", "url", "source") if name in columns),
            )
        }
        for row, values in enumerate(ids):
            for document in np.unique(tokens["document"][row]):
                where = tokens["document"][row] == document
                if document == -9:
                    continue
                text = words.decode(values[where]).decode()
                number = int(text.split()[1])
                known = {**Doc(number).known, "url": f"http://site.example/{number}"}
                for name in tokens.keys() - {"document", "source"}:
                    (value,) = set(tokens[name][row][where].tolist())
                    assert columns[name].said(value) == known[name]
                assert set(tokens["source"][row][where].tolist()) == {0}
                seen.setdefault(number, set()).update(tokens)
    assert sorted(seen) == sorted(numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_is_proved_and_is_brought_up_to_date(kind: str, hub: Hub, tmp_path: Path) -> None:
    folder, before, after = tmp_path / "in", [*range(20)], [*range(5, 30)]
    folder.mkdir()
    write(kind, folder, hub, before)
    first = run(Recipe.model_validate(asked := recipe_of(kind, folder, tmp_path / "out")))
    prove(open_dataset(asked["root"]), before)
    assert run(Recipe.model_validate(asked)).generation == first.generation  # nothing is to be done
    write(kind, folder, hub, after)
    second, found = retokenize(Recipe.model_validate(asked))
    assert (second.generation, found.changed.inputs, found.same.inputs) == (2, 1, 0)
    prove(dataset := open_dataset(asked["root"]), after)
    (tmp_path / "tokenizer.json").write_bytes(dataset.vocabulary().to_json())
    fresh = {
        **asked,
        "root": str(tmp_path / "fresh"),
        "vocabulary": {"from": str(tmp_path / "tokenizer.json")},
    }
    assert contents(run(Recipe.model_validate(fresh)))["pack"] == contents(second)["pack"]
