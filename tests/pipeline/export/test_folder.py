"""The folder of a tokenizer: its ids are the vocabulary's, it knows its roles, and it opens as our own vocabulary too."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tokenizers

import pairloom as pl
from pairloom.jobs.cli import main
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.recipe import parse_recipe
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.piece_models import PLAIN, bytes_pieces, piece_model

TEXT = ["the quick brown fox jumps over lazy dogs, naïve 日本 12345\n" * 4]
SPECIAL = ["<s>", "</s>", "<pad>", "<|other|>"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    cut = Pretokenizer(scheme="llama3")
    return learn_bpe(count_words(pa.array(TEXT), cut), 300, special_tokens=SPECIAL, pretokenizer=cut)


def test_a_vocabulary_has_roles_by_common_names_and_is_the_same_read_back(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    made = pl.export(
        vocabulary, tmp_path / "t", format="tokenizer", roles={"unk": "<|other|>"}, max_length=512
    )
    assert made.facts["roles"] == {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<|other|>"}
    assert "tokenizers" in made.facts["proved_by"] or "transformers" in made.facts["proved_by"]
    config = json.loads((tmp_path / "t" / "tokenizer_config.json").read_text())
    assert (config["eos_token"], config["model_max_length"]) == ("</s>", 512)
    assert config["model_input_names"] == ["input_ids", "attention_mask"]
    assert "there is no slow one" in (tmp_path / "t" / "README.md").read_text()
    assert config["added_tokens_decoder"]["3"]["content"] == "<|other|>"
    assert json.loads((tmp_path / "t" / "generation_config.json").read_text())["eos_token_id"] == 1
    lengths = np.load(tmp_path / "t" / "token_bytes.npy")
    ids = vocabulary.encode_one(TEXT[0])
    assert lengths[ids].sum() == len(TEXT[0].encode())
    assert lengths[:4].tolist() == [0] * 4
    assert Vocabulary.load(tmp_path / "t" / "tokenizer.json").fingerprint == vocabulary.fingerprint
    # The same folder again is no error, another in its place is.
    pl.export(vocabulary, tmp_path / "t", format="tokenizer", roles={"unk": "<|other|>"}, max_length=512)
    with pytest.raises(RecipeError, match="is there with other content"):
        pl.export(vocabulary, tmp_path / "t", format="tokenizer")


@pytest.mark.parametrize(
    ("roles", "said"),
    [({"end": "</s>"}, "there is no role 'end'"), ({"eos": "<e>"}, "is no special token of this")],
)
def test_a_role_that_is_none_is_named(
    vocabulary: Vocabulary, roles: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=said):
        pl.export(vocabulary, tmp_path / "t", format="tokenizer", roles=roles)
    assert not (tmp_path / "t").exists()


def test_a_root_says_the_roles_and_what_stands_before_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    settings = [
        "vocabulary.special_tokens=['<s>', '<e>', '<x>']",
        "tokenize.append=['<e>']",
        "tokenize.prepend=['<s>']",
    ]
    recipe = recipe_for(tmp_path, *settings, "pack.pad=<x>")
    pl.run(recipe)
    template = tmp_path / "chat.jinja"
    template.write_text("{{ messages[0]['content'] }}")
    out = tmp_path / "folder"
    words = [
        "export",
        recipe.root,
        "--format",
        "tokenizer",
        "--out",
        str(out),
        "--chat-template",
        str(template),
    ]
    monkeypatch.setattr("sys.argv", ["pairloom", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "bos <s>, eos <e>, pad <x>" in capsys.readouterr().out
    assert json.loads((out / "tokenizer_config.json").read_text())["chat_template"] == template.read_text()
    opened = tokenizers.Tokenizer.from_file(str(out / "tokenizer.json"))
    vocabulary = pl.open(recipe.root).vocabulary()
    plain = vocabulary.encode_one("hello there").tolist()
    assert opened.encode("hello there", add_special_tokens=False).ids == plain
    assert opened.encode("hello there").ids == [vocabulary.special_id("<s>"), *plain]
    assert "generation 1" in (out / "README.md").read_text()
    for wrong, said in (
        (["--role", "pad"], "is written ROLE=TOKEN"),
        (["--chat-template", "none"], "cannot read none"),
    ):
        monkeypatch.setattr("sys.argv", ["pairloom", *words[:-2], *wrong])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_a_template_that_is_none_is_refused_before_anything_is_written(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="the chat template is none: unexpected"):
        pl.export(vocabulary, tmp_path / "t", format="tokenizer", chat_template="{{ messages")
    assert not (tmp_path / "t").exists()


def test_tokens_that_do_not_spell_their_text_have_no_lengths(tmp_path: Path) -> None:
    library = pytest.importorskip("tokenizers")
    theirs = library.Tokenizer(library.models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]"))
    theirs.pre_tokenizer = library.pre_tokenizers.Whitespace()
    pl.export(Vocabulary.from_json(theirs.to_str().encode()), tmp_path / "t", format="tokenizer")
    assert not (tmp_path / "t" / "token_bytes.npy").exists()
    said = (tmp_path / "t" / "README.md").read_text()
    assert "Model wordpiece;" in said
    assert "token_bytes" not in said


def test_a_recipe_says_the_roles_and_they_change_nothing_that_is_made(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(40))
    names = "vocabulary.special_tokens=['<|endoftext|>', '<|turn|>', '<|none|>']"
    roles = ["vocabulary.roles={eos: '<|turn|>', unk: '<|none|>'}"]
    roots = [
        pl.run(recipe_for(tmp_path, names, *more, root=tmp_path / name))
        for name, more in (("without", []), ("with", roles))
    ]
    assert [file.read_bytes() for file in map(Path, roots[0].files())] == [
        file.read_bytes() for file in map(Path, roots[1].files())
    ]
    assert "roles" not in roots[0].manifest.recipe["vocabulary"]
    facts = pl.export(tmp_path / "with", tmp_path / "t", format="tokenizer").facts
    assert facts["roles"] == {"eos": "<|turn|>", "unk": "<|none|>", "pad": "<|turn|>"}
    said = json.loads((tmp_path / "t" / "special_tokens_map.json").read_text())
    assert said == {"eos_token": "<|turn|>", "unk_token": "<|none|>", "pad_token": "<|turn|>"}
    assert json.loads((tmp_path / "t" / "generation_config.json").read_text()) == {
        "eos_token_id": 1,
        "pad_token_id": 1,
    }


def test_a_role_of_a_recipe_is_a_special_token_of_its_vocabulary() -> None:
    recipe = "corpus: [{name: web, paths: [a.txt]}]\nvocabulary: {roles: {eos: '<e>'}}"
    with pytest.raises(
        RecipeError, match=r"<e> is used in vocabulary\.roles\.eos but is not in vocabulary\.special_tokens"
    ):
        parse_recipe(recipe)
    with pytest.raises(RecipeError, match=r"vocabulary\.roles\.end"):
        parse_recipe(recipe.replace("eos", "end"))


def test_a_scheme_that_javascript_cuts_otherwise_says_so(tmp_path: Path) -> None:
    cut = Pretokenizer(scheme="cl100k")
    pl.export(
        learn_bpe(count_words(pa.array(TEXT), cut), 270, special_tokens=SPECIAL, pretokenizer=cut),
        tmp_path / "t",
        format="tokenizer",
    )
    assert "transformers.js cuts text otherwise" in (tmp_path / "t" / "README.md").read_text()


def test_a_vocabulary_of_sentencepiece_has_its_model_beside_it(tmp_path: Path) -> None:
    pieces = [*PLAIN, ("\u2581", -9.0, 1), ("a", -10.0, 1), ("b", -11.0, 1), ("ab", -1.0, 1), *bytes_pieces()]
    data = piece_model(pieces, byte_fallback=True, remove=False)
    vocabulary = Vocabulary.from_json(data)
    made = pl.export(vocabulary, tmp_path / "t", format="tokenizer")
    assert (tmp_path / "t" / "tokenizer.model").read_bytes() == data
    assert "tokenizer.model" in made.facts["files"]
    assert (
        "gives the same ids but in texts that spell special tokens"
        in (tmp_path / "t" / "README.md").read_text()
    )
    assert Vocabulary.load(tmp_path / "t").fingerprint == vocabulary.fingerprint
    with pytest.raises(RecipeError, match=r"the nearest model of llama.cpp is 'llama'"):
        pl.export(vocabulary, tmp_path / "v.gguf", format="gguf")
