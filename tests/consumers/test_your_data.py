"""What is known of documents of each kind of data, at every token that a trainer gets."""

from pathlib import Path

import numpy as np
import pytest

from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.dataset.torch import TorchRows
from tests.support.hub import Hub
from tests.support.your_data import KINDS, Doc, recipe_of, write


@pytest.mark.parametrize("kind", KINDS)
def test_rows_have_it(kind: str, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(kind, tmp_path / "in", hub, range(25))
    asked = recipe_of(kind, tmp_path / "in", tmp_path / "out")
    run(Recipe.model_validate(asked))
    dataset = open_dataset(asked["root"])
    names = [name for name in ("score", "lang", "url") if name in dataset.columns]
    wanted = ("input_ids", "segment_ids", "source", *names)
    words, seen = dataset.vocabulary(), set()
    for batch in TorchRows(dataset.loader(3), columns=wanted, per_token=True):
        tokens = {name: batch[name].numpy() for name in wanted}
        assert {one.shape for one in tokens.values()} == {tokens["input_ids"].shape}
        for row, segments in enumerate(tokens["segment_ids"]):
            for segment in set(segments.tolist()) - {-1}:
                where = segments == segment
                number = int(words.decode(tokens["input_ids"][row][where]).decode().split()[1])
                known = {**Doc(number).known, "url": f"http://site.example/{number}"}
                for name in names:
                    (value,) = np.unique(tokens[name][row][where])
                    assert dataset.columns[name].said(value) == known[name]
                assert (tokens["source"][row][where] == 0).all()
                seen.add(number)
    assert seen == set(range(25))
