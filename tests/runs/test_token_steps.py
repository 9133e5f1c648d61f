"""A recipe over each token step: it runs, is proved, and its bytes do not depend on units; text comes back from its rows."""

from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.transforms import TRANSFORMS
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

STEPS = {
    "bpe_dropout": ("{rate: 0.2}", ()),
    "extensible": ("{context: 16, window: 4}", ()),
    "fim": ("{rate: 0.5}", ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")),
    "hat": ("{max_bytes: 12}", ()),
    "identifiers": ("{}", ()),
    "landmark": ("{every: 7}", ("<landmark>",)),
    "lexinvariant": ("{rate: 0.5}", ()),
    "stochastok": ("{rate: 0.2}", ()),
    "thought": ("{every: 16, slots: 4}", ("<|startthought|>", "<|endthought|>")),
}
SETTINGS = {"hat": ["vocabulary.size=257"]}  # bytes, and the token that ends documents
# Those of tokens that records bring, with columns beside them, run in test_given_steps.py and test_given_layouts.py.
OF_GIVEN_TOKENS = {"atomic", "prefix", "reorder", "select_tokens"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a small corpus in two files."""
    made = documents(120)
    for part in range(2):
        write_jsonl(tmp_path / "in" / f"{part}.jsonl", made[part * 60 : part * 60 + 60])
    return tmp_path


def test_every_step_is_here() -> None:
    assert {
        name for name, step in TRANSFORMS.all().items() if step.__module__.startswith("pairloom.")
    } == set(STEPS) | OF_GIVEN_TOKENS


@pytest.mark.parametrize("name", STEPS)
def test_a_recipe_with_it_runs_is_proved_and_is_the_same_in_other_units(corpus: Path, name: str) -> None:
    keys, special = STEPS[name]
    found = []
    for unit in ("100MB", "3000"):
        recipe = recipe_for(
            corpus,
            f"vocabulary.special_tokens={['<|endoftext|>', *special]!r}",
            f"pack.steps=[{{{name}: {keys}}}]",
            f"execution.unit_bytes={unit}",
            *SETTINGS.get(name, ()),
            root=corpus / unit,
        )
        manifest = run(recipe)
        dataset = open_dataset(recipe.root)
        round_trip(dataset, verify(dataset), sample=100)
        names = dataset.table().schema.names
        assert {column.name for column in TRANSFORMS.get(name).columns} <= set(names)
        found.append(contents(manifest)["pack"])
    assert found[0] == found[1]


@pytest.mark.parametrize("name", [name for name, (_, special) in STEPS.items() if special])
def test_a_special_token_that_is_missing_is_named_and_where_to_add_it(corpus: Path, name: str) -> None:
    token = STEPS[name][1][0]
    with pytest.raises(RecipeError, match=rf"{name}.*vocabulary\.special_tokens: add it there") as error:
        recipe_for(corpus, f"pack.steps=[{name}]")
    assert token in str(error.value)
