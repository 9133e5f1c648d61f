"""The glyphs of a vocabulary as a file (C27)."""

import json
from pathlib import Path

import numpy as np
import pytest

import pairloom as pl
from pairloom.jobs.boundary import ending
from pairloom.jobs.cli import run as command_line
from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.export.glyphs import write_glyphs

FONT = "".join(f"{point:04X}:{point:02X}{'3C' * 14}{255 - point:02X}\n" for point in range(0x20, 0x7F))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glyphs")
    (folder / "font.hex").write_text(FONT)
    pl.learn(["a rose is a rose"], 266, special_tokens=["<|e|>"]).save(folder / "tokenizer.json")
    return folder


def test_both_formats_have_the_same_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    found = {}
    for name in ("g.npy", "g.safetensors"):
        words = ["vocabulary", "glyphs", str(folder / "tokenizer.json"), "--font", str(folder / "font.hex")]
        words += ["--out", str(folder / name), "--dimensions", "64", "--slots", "1", "--json"]
        monkeypatch.setattr("sys.argv", ["pairloom", *words])
        assert ending(command_line, words) == 0
        found[name] = json.loads(capsys.readouterr().out)
    matrix = np.load(folder / "g.npy")
    assert np.array_equal(matrix, numpy.load_file(folder / "g.safetensors")["glyphs"])
    assert matrix.dtype == np.float32
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    assert matrix.shape == (len(vocabulary), 64)
    told = found["g.npy"]
    zero = (matrix == 0).all(axis=1)
    assert told["zero"] == zero.sum() == len(vocabulary) - told["drawn"]
    assert zero[vocabulary.special_id("<|e|>")]
    assert not zero[vocabulary.token_to_id(b" rose")]
    assert told["missing_first"][0] == "U+0000"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"out": "g.txt"}, r"written as \.npy or \.safetensors"),
        ({"reduce": "svd"}, "no reduction 'svd'"),
        ({"slots": 17}, "1 to 16 places"),
        ({"dimensions": 4000}, "dimensions must be from 1 to 3072"),
        ({"font": "none.hex"}, "cannot be read"),
        ({"font": "blank.hex"}, "has a glyph for no character"),
    ],
)
def test_what_cannot_be_is_told(folder: Path, options: dict[str, object], named: str) -> None:
    (folder / "blank.hex").write_text(f"4E00:{'00' * 16}\n")
    given = {"font": "font.hex", "out": "no.npy"} | options
    font, out = (str(folder / str(given.pop(name))) for name in ("font", "out"))
    with pytest.raises(RecipeError, match=named):
        write_glyphs(Vocabulary.load(folder / "tokenizer.json"), font, out, **given)  # type: ignore[arg-type]
    assert not (folder / "no.npy").exists()
