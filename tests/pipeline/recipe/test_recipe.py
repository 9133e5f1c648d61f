"""Recipes: what is accepted, and how what is not is explained."""

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.recipe import Recipe, load_recipe, parse_recipe

MINIMAL = 'corpus:\n  - name: a\n    paths: ["*.txt"]\n'


def test_a_minimal_recipe_has_sensible_defaults() -> None:
    recipe = parse_recipe(MINIMAL)
    assert recipe.root == "./out"
    assert recipe.pack.seq_len == 2048
    assert recipe.tokenize.append == ("<|endoftext|>",)
    assert recipe.execution.unit_bytes is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("corpus: []", "at least 1 item"),
        ("- a\n", "must be a mapping"),
        ("corpus: [\n", "is not YAML"),
        (
            MINIMAL + "pack:\n  stratgy: x\n",
            r"line 5: pack.stratgy: unknown key 'stratgy'; did you mean 'strategy'",
        ),
        (MINIMAL + "    pathz: [a]\n", r"line 4: corpus.0.pathz: unknown key 'pathz'; did you mean 'paths'"),
        (MINIMAL + "vocabulry: {}\n", "did you mean 'vocabulary'"),
        (MINIMAL + "pack: {seq_len: 0}\n", "line 4: pack.seq_len: .*greater than or equal to 1"),
        (MINIMAL + "pack: {strategy: concat, overflow: drop}\n", "concat splits documents"),
        (MINIMAL + "vocabulary: {pretokenizer: {scheme: gpt9}}\n", "unknown pretokenizer scheme 'gpt9'"),
        (MINIMAL + "vocabulary: {size: 256}\n", "size must be at least 257"),
        (MINIMAL + "vocabulary: {from: a.json, size: 999}\n", "remove size"),
        (
            MINIMAL + "tokenize: {append: [<eos>]}\n",
            r"<eos> is used in tokenize.append but is not in .* or set tokenize.append to what is there",
        ),
        (MINIMAL + "execution: {unit_bytes: 3 parsecs}\n", "is no size"),
        (MINIMAL + "execution: {engine: spark}\n", "'auto', 'ray' or 'local'"),
        (MINIMAL + "  - name: a\n    paths: [b]\n", "one name"),
        (MINIMAL + "    weight: 1\n    epochs: 2\n", "source a names weight and epochs: say one of them"),
        (MINIMAL + "    weight: 1\n  - {name: b, paths: [b]}\n", "every source needs one: b has none"),
        (
            MINIMAL + "    weight: 1\n  - {name: b, paths: [b], tokens: 1B}\n",
            "every source needs one: b has none",
        ),
        (MINIMAL + "mixture: {tokens: 1B}\n", "mixture.tokens is shared out by weights, but .* none: a"),
        (MINIMAL + "    weight: 0\n", "line 4: corpus.0.weight: 0 is no positive number"),
        (MINIMAL + "    epochs: -1.5\n", "-1.5 is no positive number"),
        (MINIMAL + "    epochs: .inf\n", "inf is no positive number"),
        (MINIMAL + "    epochs: 1/0\n", "'1/0' is no positive number"),
        (MINIMAL + "    epochs: yes\n", "'yes' is no positive number"),
        (MINIMAL + "    tokens: 10GB\n", "'10GB' is no number of tokens; write .* 10B or"),
        (MINIMAL + "    tokens: 1.5\n", "1.5 is no number of tokens"),
        (MINIMAL + "    tokens: 1.0001k\n", "is no number of tokens"),
        (MINIMAL + "    tokens: 2000000T\n", "is no number of tokens"),
        (MINIMAL + "pack: {deduplicate: fuzzy}\n", "'none', 'exact' or 'near'"),
        (  # F5
            MINIMAL + "vocabulary:\n  pretokenizer:\n    pattern: 'a|(?P<x>b)'\n",
            r"vocabulary.pretokenizer.*undefined group option, at or after position 2, '\(\?P<x>b\)'",
        ),
        (MINIMAL + "mixtur: {}\n", "did you mean 'mixture'"),
        (MINIMAL + "max_rejected: 2\n", "less than or equal to 1"),
        (MINIMAL + "root: !!python/object/apply:os.getcwd []\n", "is not YAML"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(text)


def test_overrides_reach_everything_and_are_checked() -> None:
    recipe = parse_recipe(MINIMAL, overrides=["pack.seq_len=64", "corpus.0.name=b", "pack.shuffle.mode=none"])
    assert (recipe.pack.seq_len, recipe.corpus[0].name, recipe.pack.shuffle.mode) == (64, "b", "none")
    for wrong in ("pack.seq_len", "corpus.7.name=x", "pack.seq_len.x=1", "nothing=1"):
        with pytest.raises(RecipeError):
            parse_recipe(MINIMAL, overrides=[wrong])


@pytest.mark.parametrize(
    ("text", "size"), [("64", 64), ("1KB", 1000), ("1.5 MiB", 3 << 19), ("128mb", 128_000_000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_recipe(MINIMAL, overrides=[f"execution.unit_bytes='{text}'"]).execution.unit_bytes == size


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("10B", 10**10),
        ("1.5t", 15 * 10**11),
        ("2_000", 2000),
        ("0.3M", 300_000),
        ("1e9", 10**9),
        ("250 k", 250_000),
    ],
)
def test_numbers_of_tokens(text: str, tokens: int) -> None:
    assert parse_recipe(MINIMAL + f"    tokens: {text}\n").corpus[0].tokens == tokens


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("0.1", "1/10"),
        ("0.30", "3/10"),
        ("3", "3"),
        ("'0.3'", "3/10"),
        ("1/3", "1/3"),
        ("1_0.5", "21/2"),
        (
            "0.1000000000000000000000000000001",
            "1000000000000000000000000000001/10000000000000000000000000000000",
        ),
        ("1.5e+1", "15"),
        ("2e-3", "1/500"),
    ],
)
def test_ratios_are_what_is_written(text: str, ratio: str) -> None:
    recipe = parse_recipe(MINIMAL + f"    epochs: {text}\n")
    assert recipe.corpus[0].epochs == ratio
    assert parse_recipe(MINIMAL, overrides=[f"corpus.0.epochs={text}"]) == recipe
    assert Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True)) == recipe


def test_what_takes_each_document_once_selects_nothing() -> None:
    for text in ("", "    epochs: 1\n", "    epochs: 2/2\n"):
        assert not parse_recipe(MINIMAL + text).selects
    for text in ("    epochs: 1.1\n", "    weight: 1\n", "    tokens: 5\n", "pack: {deduplicate: exact}\n"):
        assert parse_recipe(MINIMAL + text).selects


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_recipe(MINIMAL).root = "elsewhere"  # type: ignore[misc]


def test_a_recipe_survives_its_own_dump() -> None:
    recipe = parse_recipe(MINIMAL)
    assert (
        Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True)).model_dump()
        == recipe.model_dump()
    )


def test_a_missing_file_is_a_recipe_error() -> None:
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load_recipe("no/such/file.yaml")


def test_fingerprints_refuse_what_has_no_stable_form() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    for value in ({"a": {1, 2}}, {"a": float("nan")}, {"a": object()}):
        with pytest.raises((TypeError, ValueError)):
            fingerprint(value)
