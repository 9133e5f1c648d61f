"""`pairloom vocabulary cover` and `never`, from the command line."""

import json
from math import isclose
from pathlib import Path

import pytest

from pairloom.pipeline import open_dataset
from tests.support.command import Command


@pytest.fixture
def pairloom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    command = Command(tmp_path, monkeypatch, capsys)
    command.recipe.write_text(command.recipe.read_text() + "statistics: [{language_model: {order: 2}}]\n")
    code, _, err = command("statistics", command.recipe)
    assert code == 0, err
    return command


def test_a_prompt_is_covered_and_goes_on_by_the_model(pairloom: Command) -> None:
    """(C25)"""
    root = pairloom.folder / "out"
    code, out, _ = pairloom("vocabulary", "cover", root, "return the", "--model", root, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["covers"][0]["beyond"] == ""
    assert "".join(found["covers"][0]["tokens"]) == "return the"
    assert isclose(sum(share for _, share in found["next"]), 1, abs_tol=1e-9)
    assert 0 <= found["ends_inside"] < 1
    tokens = [bytes(one).decode(errors="replace") for one in open_dataset(str(root)).vocabulary().tokens]
    longest = max((one for one in tokens if one.isascii() and one.isalpha()), key=len)
    code, out, _ = pairloom("vocabulary", "cover", root, longest[:-1], "--model", root)
    assert code == 0
    assert f"goes on {longest[-1]!r}" in out
    assert "tokens the text would end inside; by the model" in out


def test_pairs_that_never_occur_are_listed(pairloom: Command) -> None:
    root = pairloom.folder / "out"
    code, out, _ = pairloom("vocabulary", "never", root, "t", "--json")
    found = json.loads(out)
    assert code == 0
    assert 0 < len(found["never"]) < found["of"]
    assert "is never followed by" in pairloom("vocabulary", "never", root, f"#{found['id']}")[1]
    for token, said in (("no such token", "there is no token"), ("#999999", "is no token of text")):
        code, _, err = pairloom("vocabulary", "never", root, token)
        assert code != 0
        assert said in err
    (pairloom.folder / "other.yaml").write_text(
        pairloom.recipe.read_text().replace("/out", "/other").replace("size: 400", "size: 300")
    )
    assert pairloom("tokenize", pairloom.folder / "other.yaml")[0] == 0
    code, _, err = pairloom("vocabulary", "cover", root, "a", "--model", pairloom.folder / "other")
    assert code != 0
    assert "another vocabulary" in err
