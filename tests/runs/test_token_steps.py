"""A recipe over each token step: it runs, is proved, and its bytes do not depend on units; text comes back from its rows."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.transforms import TRANSFORMS
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.recipe import Recipe
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

STEPS = {
    "bpe_dropout": ("{rate: 0.2}", ()),
    "extensible": ("{context: 16, window: 4}", ()),
    "fim": ("{rate: 0.5}", ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")),
    "hat": ("{max_bytes: 12}", ()),
    "identifiers": ("{}", ()),
    "landmark": ("{every: 7}", ("<landmark>",)),
    "lexinvariant": ("{rate: 0.5}", ()),
    "sentences": ("{max_characters: 20}", ()),
    "stochastok": ("{rate: 0.2}", ()),
    "subword_sampling": ("{alpha: 0.3}", ()),
    "word_pooled": ("{canvas: 8, prefix: 2}", ("<|word|>", "<|fill|>")),
    "thought": ("{every: 16, slots: 4}", ("<|startthought|>", "<|endthought|>")),
}
CODE = "import sys; from pathlib import Path; from tests.runs.test_token_steps import job; job(Path(sys.argv[1]), sys.argv[2])"
SETTINGS = {
    "hat": ["vocabulary.size=257"],  # bytes, and the token that ends documents
    "subword_sampling": ["vocabulary.family=unigram"],
}
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


def recipe_with(folder: Path, name: str, unit: str) -> Recipe:
    """A recipe with a step, over units of so many bytes."""
    keys, special = STEPS[name]
    return recipe_for(
        folder,
        f"vocabulary.special_tokens={['<|endoftext|>', *special]!r}",
        f"pack.steps=[{{{name}: {keys}}}]",
        f"execution.unit_bytes={unit}",
        "pack.file_tokens=4000",
        *SETTINGS.get(name, ()),
        root=folder / unit,
    )


def job(folder: Path, name: str) -> None:
    run(recipe_with(folder, name, "3000"))


@pytest.mark.parametrize("name", STEPS)
def test_a_recipe_with_it_runs_is_proved_is_the_same_in_other_units_and_survives_a_kill(
    corpus: Path, name: str
) -> None:
    process = subprocess.Popen([sys.executable, "-c", CODE, str(corpus), name], cwd=Path(__file__).parents[2])
    recipe = recipe_with(corpus, name, "100MB")
    whole = run(recipe)
    dataset = open_dataset(recipe.root)
    round_trip(dataset, verify(dataset), sample=100)
    assert {column.name for column in TRANSFORMS.get(name).columns} <= set(dataset.table().schema.names)
    while process.poll() is None and not list((corpus / "3000").rglob("*pack*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents(run(recipe_with(corpus, name, "3000")))["pack"] == contents(whole)["pack"]


@pytest.mark.parametrize("name", [name for name, (_, special) in STEPS.items() if special])
def test_a_special_token_that_is_missing_is_named_and_where_to_add_it(corpus: Path, name: str) -> None:
    token = STEPS[name][1][0]
    with pytest.raises(RecipeError, match=rf"{name}.*vocabulary\.special_tokens: add it there") as error:
        recipe_for(corpus, f"pack.steps=[{name}]")
    assert token in str(error.value)
