"""Shares of trials, and the recipe of one."""

from fractions import Fraction

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import parse_recipe
from pairloom.pipeline.flow.events import UnitDone
from pairloom.pipeline.forecast.trial import Spent, read_share, trial_recipe
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.receipts import Ledger


@pytest.mark.parametrize("text", ["0", "0%", "-1%", "101%", "2", "1/0", "some", "", "%", "0.1 %%", "nan"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(RecipeError, match=r"is no share of the documents: write for example 0.1%"):
        read_share(text)


@pytest.mark.parametrize(
    ("text", "share"), [("100%", Fraction(1)), (" 5 % ", Fraction(1, 20)), ("1e-3", Fraction(1, 1000))]
)
def test_shares(text: str, share: Fraction) -> None:
    assert read_share(text) == share


def test_the_recipe_of_a_trial() -> None:
    """What is asked in tokens is asked in proportion; what is asked in shares and epochs is as it was."""
    recipe = parse_recipe(
        "{root: /data/out/, mixture: {tokens: 1M}, corpus: [{name: a, paths: a, weight: 1, steps: [{min_bytes: {bytes: 5}}]}]}"
    )
    trial = trial_recipe(recipe, Fraction(1, 500))
    assert trial.root == "/data/out-sample-0.002"
    assert trial.mixture.tokens == 2000
    assert [step.name for step in trial.corpus[0].steps] == ["sample", "min_bytes"]
    assert trial.corpus[0].weight == "1"
    assert recipe.root == "/data/out/"
    other = parse_recipe("corpus: [{name: a, paths: a, tokens: 10M}, {name: b, paths: b, epochs: 2}]")
    asked = trial_recipe(other, Fraction(1, 100)).corpus
    assert (asked[0].tokens, asked[1].epochs) == (100_000, "2")


def test_what_is_done_for_every_record_takes_no_longer() -> None:
    spent = Spent()
    for step, seconds in (
        ("prepare", {"other": 3.0}),
        ("tokenize", {"read": 1.0, "parse": 2.0, "encode": 4.0}),
        ("pack", {"write": 0.5}),
    ):
        spent(UnitDone(step=step, bytes=1, ledger=Ledger(), usage=Usage(seconds=seconds)))
    assert spent.worked == 7.5
    assert spent.whole(10.0) == 3 + 1 + 2 + 40 + 5
