"""`pairloom plan --budget`: which model to train on how many tokens."""

import json
from pathlib import Path

import pytest

from tests.support.command import Command


@pytest.fixture
def pairloom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


def test_a_budget_is_planned_with_and_without_a_recipe(pairloom: Command) -> None:
    """(N09)"""
    code, out, _ = pairloom("plan", "--budget", "9.3e21", "--unique", "25e9")
    assert code == 0
    assert "6.82 B" in out
    assert "arXiv 2305.16264" in out
    assert "arXiv 2404.10102" in out
    code, out, _ = pairloom("plan", pairloom.recipe, "--parameters", "1e6", "--epochs", "4", "--json")
    found = json.loads(out)
    assert code == 0
    assert {one["epochs"] for one in found["plans"]} == {4.0}
    assert found["unique_from"] == "as the text of the recipe will give"
    assert pairloom("tokenize", pairloom.recipe)[0] == 0
    found = json.loads(pairloom("plan", pairloom.recipe, "--parameters", "1e6", "--epochs", "4", "--json")[1])
    assert found["unique_from"].startswith("those of generation 1 of")


def test_a_law_is_fitted_to_own_runs(pairloom: Command) -> None:
    runs = pairloom.folder / "runs.csv"
    rows = [
        (n, n * m, 1.8 + 150 * n**-0.26 + 300 * (6**0.5 * n * m) ** -0.26)
        for n in (1e7, 1e8)
        for m in (20, 320)
    ]
    runs.write_text("parameters,tokens,loss\n" + "\n".join(",".join(map(repr, row)) for row in rows))
    found = json.loads(pairloom("plan", "--budget", "1e20", "--runs", runs, "--json")[1])
    assert found["plans"][0]["law"] == "over-trained"
    for text, said in (
        ("parameters,tokens\n1,2\n", "has no column loss"),
        ("parameters,tokens,loss\n1,2,x\n", "something else than numbers"),
        ("parameters,tokens,loss\n1,2,\n1,2,3\n1,2,3\n1,2,3\n", "row 1: a number is missing"),
        ("parameters,tokens,loss\n1,2,3\n", "at least four runs"),
    ):
        runs.write_text(text)
        code, _, err = pairloom("plan", "--budget", "1e20", "--runs", runs)
        assert code != 0
        assert said in err
        assert str(runs) in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a recipe, or give --budget"),
        (("--budget", "1e20", "--law", "gopher"), "there is no law 'gopher'"),
        (("--epochs", "2"), "name a recipe, or give --unique"),
        (("--epochs", "2", "--tokens", "9", "--unique", "3"), "say the same"),
        (("--budget", "0"), "must be above 0"),
        (("--budget", "1e20", "--runs", "nowhere.csv"), "nowhere.csv"),
        (("--budget", "1e20", "--law", "over-trained"), "over-trained is fitted to --runs"),
        (("recipe.yaml", "--law", "repeated"), "goes with --budget"),
        (("recipe.yaml", "--runs", "runs.csv"), "goes with --budget"),
        (("recipe.yaml", "--unique", "1e9"), "goes with --budget"),
    ],
)
def test_what_cannot_be_planned_says_what_to_give(
    pairloom: Command, words: tuple[str, ...], said: str
) -> None:
    code, _, err = pairloom("plan", *words)
    assert code != 0
    assert said in err
