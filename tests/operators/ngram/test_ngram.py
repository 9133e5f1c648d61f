"""Language models of n-grams: by their definitions, in fractions, and kernels by their twins."""

import random
from math import isclose, log
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators.errors import DataError
from pairloom.operators.ngram import NgramModel, counted, levels_of, table_of
from pairloom.operators.ngram.kernels import find_children, score_backoff, score_kneser_ney
from pairloom.operators.reference import ngram as twins
from pairloom.operators.reference.ngram import Definition, backoff


def corpus(seed: int, size: int = 6, documents: int = 8) -> list[list[int]]:
    rng = random.Random(seed)
    kept = [token for token in range(size) if token != 3]  # one that never occurs
    return [[rng.choice(kept) for _ in range(rng.choice([0, 1, 2, 9, 20]))] for _ in range(documents)] + [
        [0, 1, 0, 1]
    ]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_probabilities_are_those_of_the_definition_and_add_up_to_one(order: int, seed: int) -> None:
    found = corpus(seed)
    model, definition = NgramModel.of(counted(found, order), 6), Definition(found, order, 6)
    rng = random.Random(seed)
    histories = [[]] + [[rng.randrange(6) for _ in range(rng.randrange(1, 5))] for _ in range(25)]
    for history in histories:
        said = model.distribution(history)
        exact = [definition.probability(history, token) for token in range(6)]
        assert sum(exact) == 1
        assert isclose(said.sum(), 1, abs_tol=1e-12)
        np.testing.assert_allclose(said, [float(one) for one in exact], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_documents_are_scored_by_every_kind_as_by_the_definitions(order: int) -> None:
    found = corpus(2)
    model, definition = NgramModel.of(counted(found, order), 6), Definition(found, order, 6)
    texts = [[], [3], [0, 1, 0, 1, 2], *corpus(3)[:4], [4, 4, 4, 3, 4, 4]]
    offsets = np.cumsum([0, *map(len, texts)])
    ids = np.array([token for text in texts for token in text])
    wanted: dict[str, list[float]] = {
        "kneser_ney": [sum(log(definition.probability(t[:i], t[i])) for i in range(len(t))) for t in texts],
        "stupid_backoff": [
            sum(log(backoff(found, order, 6, t[:i], t[i])) for i in range(len(t))) for t in texts
        ],
    }
    for kind, scores in wanted.items():
        np.testing.assert_allclose(model.scores(ids, offsets, kind), scores, rtol=1e-12, atol=1e-12)


def test_kernels_are_their_twins() -> None:
    model = NgramModel.of(counted(corpus(4), 3), 6)
    texts = corpus(5)
    ids, offsets = (
        np.array([token for text in texts for token in text], np.int64),
        np.cumsum([0, *map(len, texts)]),
    )
    trie = (model.token, model.children)
    outs = [np.zeros(len(texts)) for _ in range(4)]
    more: tuple[Any, ...] = (model.value, model.total, model.types, model.discount, 6)
    score_kneser_ney(ids, offsets, *trie, *more, outs[0])
    twins.score_kneser_ney(ids, offsets, *trie, *more, outs[1])
    rest: tuple[Any, ...] = (model.count, model.tokens, 3, 6)
    score_backoff(ids, offsets, *trie, *rest, outs[2])
    twins.score_backoff(ids, offsets, *trie, *rest, outs[3])
    np.testing.assert_allclose(outs[0], outs[1], rtol=1e-12)
    np.testing.assert_allclose(outs[2], outs[3], rtol=1e-12)
    histories = np.repeat(np.arange(len(model.children) - 1), 6)
    wanted = np.tile(np.arange(6), len(model.children) - 1)
    said = find_children(histories, wanted, *trie)
    assert said.tolist() == twins.find_children(histories, wanted, *trie)


def test_a_table_is_read_again_and_a_damaged_one_is_refused() -> None:
    levels = counted(corpus(6), 3)
    table = pa.Table.from_batches(list(table_of(levels)))
    for level, again in zip(levels, levels_of(table), strict=True):
        for one, other in zip(level, again, strict=True):
            assert one.tolist() == other.tolist()
    size = table.num_rows

    def changed(name: str, row: int, value: int) -> pa.Table:
        values = table.column(name).to_numpy().copy()
        values[row] = value
        place = table.schema.get_field_index(name)
        return table.set_column(place, table.schema.field(place), pa.array(values))

    for wrong, said in (
        (table.drop_columns(["left"]), "no column left"),
        (table.slice(0, 0), "no n-grams"),
        (changed("parent", size - 1, 9999), "damaged"),
        (changed("token", size - 1, 0), "damaged"),
        (changed("count", 2, 0), "damaged"),
        (changed("left", 2, -1), "damaged"),
        (changed("n", 0, 3), "not by length"),
        (table.filter(pa.compute.not_equal(table["n"], 2)), "a length is missing"),
    ):
        with pytest.raises(DataError, match=said):
            levels_of(wrong)
    with pytest.raises(DataError, match="another vocabulary"):
        NgramModel.of_table(table, 4)
    with pytest.raises(DataError, match="an id is 6"):
        NgramModel.of_table(table, 6).scores(np.array([6]), np.array([0, 1]))
