"""A source without any text."""

from pathlib import Path

import pytest

from pairloom.operators.errors import DataError
from pairloom.pipeline import parse_recipe, run


def recipe(folder: Path, more: str = ""):
    return parse_recipe(
        f"""
root: {folder}/out
corpus:
  - {{name: full, paths: ["{folder}/full.txt"]}}
  - {{name: blank, paths: ["{folder}/blank.jsonl"]{more}}}
vocabulary: {{size: 260}}
pack: {{seq_len: 8}}
execution: {{engine: local}}
"""
    )


def test_a_source_without_text_is_an_error_unless_asked(tmp_path: Path) -> None:
    """U1: a source of blank lines and empty texts is named, and nothing is committed."""
    (tmp_path / "full.txt").write_text("a rose is a rose")
    (tmp_path / "blank.jsonl").write_text('\n{"text": ""}\n\n')
    with pytest.raises(
        DataError, match=r"source 'blank' gave no text: of 1 records 1 are empty, .* allow_empty: true"
    ):
        run(recipe(tmp_path))
    assert run(recipe(tmp_path, ", allow_empty: true")).generation == 1


def test_the_error_says_why_no_text_is_left(tmp_path: Path) -> None:
    """What most records were rejected and left out for is named, so that it can be mended."""
    (tmp_path / "full.txt").write_text("a rose is a rose")
    (tmp_path / "blank.jsonl").write_text(
        '{"text": "short"}\n{"text": null}\n{"text": "small"}\n{"text": 7}\n'
    )
    said = r"2 were rejected \(.*null_text 1.*\) and 2 left out by steps \(min_bytes 2\); correct"
    with pytest.raises(DataError, match=said):
        run(recipe(tmp_path, ", steps: [{min_bytes: {bytes: 200}}]").model_copy(update={"max_rejected": 1.0}))
