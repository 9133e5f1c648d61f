"""A vocabulary as the metadata of a GGUF file: read back by the package `gguf` it is the same, and what would differ is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import pairloom as pl
from pairloom.jobs.cli import app
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.pipeline.export.gguf import pre_of
from tests.support.owners import library

TEXT = ["the quick brown fox jumps over lazy dogs, naïve 日本 12345\n" * 4]


def learned(scheme: str = "llama3", **cut: Any) -> Vocabulary:
    chosen = Pretokenizer(scheme=scheme, **cut)
    words = count_words(pa.array(TEXT), chosen)
    return learn_bpe(words, 300, special_tokens=["<s>", "</s>", "<pad>"], pretokenizer=chosen)


def said(path: Path) -> dict[str, Any]:
    """What a file says, values as Python has them."""
    return {name: field.contents() for name, field in gguf.GGUFReader(str(path)).fields.items()}


def test_a_file_says_model_pretokenizer_tokens_merges_and_roles(tmp_path: Path) -> None:
    vocabulary = learned()
    out = tmp_path / "v.gguf"
    made = pl.export(
        vocabulary, out, format="gguf", chat_template="{{ messages }}", max_length=512, roles={"unk": "<pad>"}
    )
    assert (made.facts["model"], made.facts["pre"]) == ("gpt2", "dbrx")
    found = said(out)
    assert found["tokenizer.ggml.model"] == "gpt2"
    assert found["tokenizer.ggml.pre"] == "dbrx"
    assert len(found["tokenizer.ggml.tokens"]) == len(vocabulary)
    assert found["tokenizer.ggml.token_type"][:4] == [3, 3, 3, 1]
    assert len(found["tokenizer.ggml.merges"]) == len(vocabulary.model.merges)
    ids = {role: found[f"tokenizer.ggml.{role}_token_id"] for role in ("bos", "eos", "padding", "unknown")}
    assert ids == {"bos": 0, "eos": 1, "padding": 2, "unknown": 2}
    assert found["tokenizer.ggml.add_bos_token"] is False
    assert found["llama.context_length"] == 512
    assert found["tokenizer.chat_template"] == "{{ messages }}"
    pl.export(
        vocabulary, out, format="gguf", chat_template="{{ messages }}", max_length=512, roles={"unk": "<pad>"}
    )
    with pytest.raises(RecipeError, match="is there with other content"):
        pl.export(vocabulary, out, format="gguf")


@pytest.mark.parametrize(
    ("scheme", "digits", "name"),
    [
        ("gpt2", "keep", "gpt-2"),
        ("llama3", "keep", "dbrx"),
        ("llama3", "single", "qwen2"),
        ("cl100k_2023", "keep", "dbrx"),
        ("qwen2", "keep", "qwen2"),
        ("qwen2", "l2r3", "dbrx"),
        ("qwen35", "keep", "qwen35"),
        ("deepseek_v3", "keep", "deepseek-v3"),
    ],
)
def test_schemes_that_llama_cpp_has_are_named_by_their_patterns(scheme: str, digits: str, name: str) -> None:
    assert pre_of(learned(scheme, digits=digits)) == name


@pytest.mark.parametrize(
    ("cut", "near"),
    [
        ({"scheme": "o200k"}, "'gpt-4o', which differs in: marks"),
        ({"scheme": "cl100k"}, "'llama-bpe', which differs in: white space at the end"),
        ({"scheme": "gpt2", "digits": "single"}, "'gpt-2', which differs in: numbers"),
        ({"scheme": "superbpe"}, "the nearest is 'tekken'"),
        ({"scheme": "superwords"}, "the nearest is 'superbpe'"),
        ({"scheme": "llama3", "lines": True}, r"\(llama3, digits keep, lines\)"),
        ({"pattern": r"\w+|\W+"}, r"\(\\w\+\|\\W\+\)"),
    ],
)
def test_another_pretokenizer_is_refused_with_the_nearest(cut: dict[str, Any], near: str) -> None:
    with pytest.raises(RecipeError, match=near):
        pre_of(replace(learned(), pretokenizer=Pretokenizer(**cut)))


def test_other_families_and_normalizers_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"does not normalize text \(nfc\)"):
        pre_of(replace(learned(), normalizer="nfc"))
    theirs = library().Tokenizer(library().models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    theirs.pre_tokenizer = library().pre_tokenizers.Whitespace()
    with pytest.raises(RecipeError, match=r"family wordpiece .* the nearest model of llama.cpp is 'bert'"):
        pre_of(Vocabulary.from_json(theirs.to_str().encode()))


def test_words_that_are_tokens_as_they_are_need_a_pretokenizer_that_takes_them_so() -> None:
    """`bc` is merged before `ab`, so that merging never makes `abc` of its letters."""
    letters = [bytes([i]) for i in range(256)]
    tokens = [b"</s>", *letters, b"bc", b"ab", b"abc"]
    merges = np.array([[99, 100], [98, 99], [258, 100]], np.int32)

    def of(scheme: str, *, whole: bool, merges: Any = merges) -> Vocabulary:
        return Vocabulary(
            tokens=tokens[: 257 + len(merges)],
            model=ByteLevelBPE(merges=merges, ignore_merges=whole),
            special_tokens=("</s>",),
            pretokenizer=Pretokenizer(scheme=scheme),
        )

    assert pre_of(of("llama3", whole=False)) == "dbrx"
    assert pre_of(of("llama3", whole=True)) == "llama-bpe"
    with pytest.raises(RecipeError, match="'qwen2' merges, and never makes token 259, b'abc'"):
        pre_of(of("qwen2", whole=True))
    assert pre_of(of("qwen2", whole=True, merges=merges[:2])) == "qwen2"


def test_what_a_file_cannot_say_is_refused(tmp_path: Path) -> None:
    cut = Pretokenizer()
    words = count_words(pa.array(TEXT), cut)
    nameless = learn_bpe(words, 300, special_tokens=["<x>"], pretokenizer=cut)
    with pytest.raises(RecipeError, match="--role eos=TOKEN"):
        pl.export(nameless, tmp_path / "v.gguf", format="gguf")
    with pytest.raises(RecipeError, match="name a file, such as"):
        pl.export(learned(), f"{tmp_path}/", format="gguf")
    with pytest.raises(RecipeError, match="there is no role 'end'"):
        pl.export(learned(), tmp_path / "v.gguf", format="gguf", roles={"end": "</s>"})
    over = replace(
        learned(),
        tokens=[*learned().tokens, b"<ab", b"b>c"],
        special_tokens=("<s>", "</s>", "<pad>", "<ab", "b>c"),
        special_ids=(0, 1, 2, 300, 301),
        plain_tokens=("<ab", "b>c"),
    )
    with pytest.raises(RecipeError, match="'b>c' may begin inside '<ab'"):
        pl.export(over, tmp_path / "v.gguf", format="gguf")
    alike = replace(
        learned(),
        tokens=[*learned().tokens, "Ġ".encode()],
        special_tokens=("<s>", "</s>", "<pad>", "Ġ"),
        special_ids=(0, 1, 2, 300),
    )
    with pytest.raises(RecipeError, match="are both 'Ġ' in a GGUF"):
        pl.export(alike, tmp_path / "v.gguf", format="gguf")
    assert not (tmp_path / "v.gguf").exists()


def test_the_command_says_what_llama_cpp_is_told(tmp_path: Path) -> None:
    learned().save(tmp_path / "tokenizer.json")
    words = [
        "export",
        str(tmp_path / "tokenizer.json"),
        "--format",
        "gguf",
        "--out",
        str(tmp_path / "v.gguf"),
    ]
    found = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "llama.cpp     model gpt2, pre dbrx" in found.stdout
    assert "roles         bos <s>, eos </s>, pad <pad>" in found.stdout
