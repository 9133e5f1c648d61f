"""Recipes as people write them: YAML 1.2, JSON, settings; what is meant is taken, and what cannot be says what to write."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.recipe import Recipe, check_recipe, load_recipe, parse_recipe
from pairloom.pipeline.recipe.core_yaml import read_yaml
from pairloom.pipeline.recipe.reading import decode_recipe

CORPUS = "corpus: [{name: a, paths: [a.txt]}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CORPUS + "root: x\nroot: y\n", "recipe, lines 2 and 3: the key 'root' is there twice"),
        (
            CORPUS + "pack:\n  seq_len: 1\n  pad: a\n  seq_len: 2\n",
            "lines 3 and 5: the key 'seq_len' is there",
        ),
        (CORPUS + "pack: {shuffle: {seed: 1, 'seed': 2}}\n", "lines 2 and 2: the key 'seed' is there twice"),
        ("corpus:\n- name: a\n  paths: [b]\n  name: c\n", "lines 2 and 4: the key 'name'"),
        (CORPUS + "statistics: [{ngrams: {n: [2], n: [3]}}]\n", "the key 'n' is there twice"),
        (
            '{"corpus": [{"name": "a",\n"paths": ["b"]}],\n"root": "x",\n"root": "y"}',
            "lines 3 and 4: the key",
        ),
        (CORPUS + "vocabulary: {weights: {a: 1, a: 2}}\n", "the key 'a' is there twice"),
    ],
)
def test_a_key_twice_is_an_error_with_both_lines(text: str, message: str) -> None:
    """(F8)"""
    with pytest.raises(RecipeError, match=message):
        parse_recipe(text)


def test_a_key_twice_in_a_setting_is_an_error() -> None:
    """(F8)"""
    with pytest.raises(RecipeError, match=r"--set pack=.*the key 'seq_len' is there twice"):
        parse_recipe(CORPUS, overrides=["pack={seq_len: 1, seq_len: 2}"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("032000", 32000),
        ("0o17", 15),
        ("0x1F", 31),
        ("+12", 12),
        ("0b11", "0b11"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-02-30", "2024-02-30"),
        ("2024-01-01", "2024-01-01"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.INF", -math.inf),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("'32'", "32"),
    ],
)
def test_values_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """(F8)"""
    found = read_yaml(f"a: {text}", "recipe")[0]["a"]
    assert found == value
    assert isinstance(found, type(value))


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


@example({"k" * 3000: {"\u0301" * 2000: [1]}})
@given(
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
)
def test_json_is_read_as_json(value: Any) -> None:
    """(F8) Characters above U+FFFF, tabs and all."""
    try:
        wanted = json.loads(json.dumps(value))
    except ValueError:
        return
    for indent in (None, 2, "\t"):
        text = json.dumps({"a": value}, indent=indent)
        assert read_yaml(text, "recipe")[0] == {"a": wanted}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "recipe is empty: write at least `corpus"),
        ("# nothing\n", "recipe is empty"),
        ("---\n", "must be a mapping|is empty"),
        ("- name: a\n", "recipe is a list; it must be a mapping"),
        ("corpus", "recipe is one value"),
        (CORPUS + "---\nroot: b\n", "line 2, .*a second document begins"),
        (CORPUS + "pack:\n\tseq_len: 5\n", "line 3, column 1: a tab; indent with spaces"),
        (
            CORPUS + "base: &b {seq_len: 5}\npack:\n  <<: *b\n",
            r"line 4: merge keys \(<<\) are not of YAML 1.2",
        ),
        (CORPUS + "root: &r [*r]\n", "line 2: this holds an alias of itself"),
        (CORPUS + "? [a, b]\n: c\n", "a key is a name"),
        (CORPUS + "root: !!timestamp 2024-01-01\n", "the tag !!timestamp is not of YAML 1.2"),
        (CORPUS + "root: !!bool yes\n", "'yes' is neither true nor false"),
        (CORPUS + f"pack: {{seq_len: {'9' * 5000}}}\n", "no whole number of up to 100 digits"),
        (CORPUS + f"pack: {{seq_len: {'9' * 50}}}\n", "too large for any recipe"),
        (CORPUS + 'root: "\\ud83d"\n', "half of a surrogate pair"),
        (CORPUS + "root: a\x07\n", r"line 2: the character U\+0007 cannot be in it"),
        (CORPUS + "root: [" * 5000, "a thousand deep|is not YAML"),
        (
            CORPUS
            + "x: &a [0,0,0,0,0,0,0,0,0,0]\n"
            + "".join(
                f"x{n}: &{chr(98 + n)} [{','.join('*' + chr(97 + n) for _ in range(10))}]\n" for n in range(7)
            ),
            "aliases make more than",
        ),
    ],
)
def test_what_is_no_recipe_is_said_on_one_line(text: str, message: str) -> None:
    """(F8)"""
    with pytest.raises(RecipeError, match=message) as caught:
        parse_recipe(text)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_utf_8_are_said(tmp_path: Path) -> None:
    """(F8)"""
    for content, message in [
        (CORPUS.encode() + b"root: \xff\n", "line 2 is not UTF-8"),
        (CORPUS.encode("utf-16"), "UTF-16: save it as UTF-8"),
    ]:
        (tmp_path / "r.yaml").write_bytes(content)
        with pytest.raises(RecipeError, match=message):
            load_recipe(tmp_path / "r.yaml")
    assert parse_recipe(decode_recipe(b"\xef\xbb\xbf" + CORPUS.encode(), "r")) == parse_recipe(CORPUS)
    with pytest.raises(RecipeError, match="is a folder: name the recipe's file in it"):
        load_recipe(tmp_path)


def test_anchors_are_values_like_others() -> None:
    """(F8)"""
    recipe = parse_recipe("corpus:\n  - {name: a, paths: &p [x]}\n  - {name: b, paths: *p}\n")
    assert recipe.corpus[1].paths == ("x",)


@pytest.mark.parametrize(
    ("text", "place", "value"),
    [
        ("corpus: [{name: a, paths: a.jsonl}]", "corpus.0.paths", ("a.jsonl",)),
        ("corpus: {name: a, paths: a.jsonl}", "corpus.0.name", "a"),
        ("corpus: {name: a, paths: a, exclude: '*.gz'}", "corpus.0.exclude", ("*.gz",)),
        ("corpus: {name: 2024-02-30, paths: a}", "corpus.0.name", "2024-02-30"),
        (CORPUS + "vocabulary: {size: 32k}", "vocabulary.size", 32000),
        (CORPUS + "vocabulary: {size: 032000}", "vocabulary.size", 32000),
        (CORPUS + "vocabulary: {size: 64Ki}", "vocabulary.size", 65536),
        (CORPUS + "vocabulary: {pretokenizer: llama3}", "vocabulary.pretokenizer.scheme", "llama3"),
        (CORPUS + "vocabulary: {learn: sharded}", "vocabulary.learn.mode", "sharded"),
        (CORPUS + "pack: {shuffle: none}", "pack.shuffle.mode", "none"),
        (CORPUS + "pack: {file_tokens: 60M}", "pack.file_tokens", 60_000_000),
        (CORPUS + "pack: {seq_len: 2_048}", "pack.seq_len", 2048),
        (CORPUS + "execution: {unit_bytes: 1_000KB}", "execution.unit_bytes", 1_000_000),
        (CORPUS + "tokenize: {append: <a>}\nvocabulary: {special_tokens: <a>}", "tokenize.append", ("<a>",)),
    ],
)
def test_what_is_meant_is_taken(text: str, place: str, value: object) -> None:
    """(F16, F17, U8)"""
    found: Any = parse_recipe(text)
    for key in place.split("."):
        found = found[int(key)] if key.isdigit() else getattr(found, key)
    assert found == value


def test_one_step_where_a_list_is_meant() -> None:
    """(F17)"""
    one = parse_recipe("corpus: {name: a, paths: a, steps: {min_bytes: {bytes: 5}}}")
    assert one == parse_recipe("corpus: [{name: a, paths: [a], steps: [{min_bytes: {bytes: 5}}]}]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CORPUS + "pack:\n", "line 2: pack: nothing is written after it: write its keys below it"),
        (CORPUS + "root:\n", "line 2: root: nothing is written after it: write a value"),
        (CORPUS + "vocabulary:\n  superwords:\n", "line 3: superwords: nothing is written after it"),
        ("corpus:\n- name:\n  paths: [a]\n", "line 2: name: nothing is written"),
        (CORPUS + "pack: null\n", "line 2: pack: nothing is in it; .*keys: seq_len"),
        (CORPUS + "pack: 7\n", "line 2: pack: 7 is no section; write its keys"),
        (CORPUS + "pack: [a]\n", "pack: .* is no section; write its keys"),
        ("corpus: a.jsonl\n", "line 1: corpus: 'a.jsonl' is no list"),
        ("corpus: [a.jsonl]\n", r"line 1: corpus.0: 'a.jsonl' is no section; .*keys: name, paths"),
        (
            "corpus: {name: 2024, paths: a}\n",
            "2024 is no text; if that is the text, write it in quotes: '2024'",
        ),
        ("corpus: {name: a b, paths: a}\n", "'a b' has other characters than letters"),
        ("corpus: {paths: a}\n", "line 1: corpus.0.name: is not there; write it"),
        (CORPUS + "pack: {seq_len: many}\n", "'many' is no whole number; write for example 512"),
        (CORPUS + "pack: {seq_len: 1:30}\n", "'1:30' is no whole number"),
        (CORPUS + "pack: {seq_len: 1.5}\n", "is no whole number"),
        (CORPUS + "pack: {seq_len: true}\n", "true is no number"),
        (CORPUS + "pack: {validation: true}\n", "true is no number"),
        (CORPUS + "pack: {validation: lots}\n", "'lots' is no finite number"),
        (CORPUS + "max_rejected: .nan\n", "is no finite number"),
        (CORPUS + "vocabulary: {learn: {checkpoint_seconds: .inf}}\n", "is no finite number"),
        (
            CORPUS + "pack: {predict_every_token: yes}\n",
            "'yes' is neither true nor false; write true or false",
        ),
        (CORPUS + "pack: {predict_every_token: 1}\n", "1 is neither true nor false"),
        (CORPUS + "execution: {unit_bytes: true}\n", "true is no size"),
        (CORPUS + "vocabulary: {pretokenizer: gpt9}\n", "unknown pretokenizer scheme 'gpt9'"),
        (
            CORPUS + "vocabulary: {special_tokens: [<a>]}\n",
            r"used in tokenize.append .* set tokenize.append to .*<a>",
        ),
        (CORPUS + "vocabulary: {special_tokens: []}\npack: {pad: <p>}\n", "is used in pack.pad"),
    ],
)
def test_messages_name_the_key_and_what_to_write(text: str, message: str) -> None:
    """(F17, U8)"""
    with pytest.raises(RecipeError, match=message):
        parse_recipe(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pack.seq_len=0", "^--set pack.seq_len=0: pack.seq_len: 0 cannot be"),
        ("pack.stratgy=x", "^--set pack.stratgy=x: pack.stratgy: unknown key 'stratgy'; did you mean"),
        ("pakc.seq_len=1", "^--set pakc.seq_len=1: pakc: unknown key 'pakc'"),
        ("pack={seq_len: 0}", "^--set pack={seq_len: 0}: pack.seq_len"),
        ("pack.overflow=drop", "^recipe, line 2 with --set pack.overflow=drop: pack: strategy concat splits"),
        ("pack.seq_len=", "^--set pack.seq_len=: nothing is written after the ="),
        ("pack.seq_len=[", r"^--set pack.seq_len=\[ is not YAML"),
        ("root.x=1", "^--set root.x=1: there is no place root.x"),
        ("corpus.-=1", "there is no place"),
        ("=1", "--set takes key=value"),
    ],
)
def test_a_setting_is_blamed_for_what_it_does(setting: str, message: str) -> None:
    """(U8)"""
    with pytest.raises(RecipeError, match=message):
        parse_recipe(CORPUS + "pack: {strategy: concat}\nroot: x\n", overrides=[setting])


def test_mappings_follow_the_same_rules() -> None:
    """(F17, U8)"""
    recipe = check_recipe({"corpus": {"name": "a", "paths": "b"}, "vocabulary": {"size": "32k"}})
    assert (recipe.corpus[0].paths, recipe.vocabulary.size) == (("b",), 32000)
    with pytest.raises(RecipeError, match="neither true nor false"):
        check_recipe({"corpus": {"name": "a", "paths": "b"}, "pack": {"predict_every_token": "yes"}})
    dumped = recipe.model_dump(mode="json", by_alias=True)
    assert parse_recipe(json.dumps(dumped)) == parse_recipe(yaml.safe_dump(dumped)) == recipe
    assert Recipe.model_validate(dumped) == recipe


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ('""', "a special token is empty; remove it"),
        ("a", "'a' is how a tokenizer.json writes the byte 0x61"),
        ("\u0120", "writes the byte 0x20"),
        ('"\\ud800"', "surrogate"),
    ],
)
def test_a_special_token_that_no_vocabulary_can_have_is_refused(token: str, message: str) -> None:
    """F9"""
    with pytest.raises(RecipeError, match=message):
        parse_recipe(CORPUS + f'vocabulary: {{special_tokens: ["<|endoftext|>", {token}]}}\n')
