"""Tokenizers that are named on the command line of a report."""

from pathlib import Path

import pyarrow as pa
import pytest

from pairloom.jobs.report.subjects import load_tokenizer
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe import save_tiktoken


def test_tiktoken_files_are_read_with_their_scheme(tmp_path: Path) -> None:
    vocabulary = learn_bpe(count_words(pa.array(["ab ab"]), Pretokenizer()), 258)
    path = tmp_path / "o200k_x.tiktoken"
    save_tiktoken(vocabulary, path)
    assert load_tokenizer(str(path)).pretokenizer.scheme == "o200k"
    assert load_tokenizer(f"llama3:{path}").pretokenizer.scheme == "llama3"
    with pytest.raises(RecipeError, match="unknown pretokenizer"):
        load_tokenizer(f"nothing:{path}")
