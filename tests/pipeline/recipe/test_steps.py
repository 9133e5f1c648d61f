"""Steps in a recipe: read by the keys of their classes, written down, and explained where they are wrong."""

import subprocess
import sys

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts.masked_lm import MaskedLM
from pairloom.operators.transforms.fim import FillInTheMiddle, Sentinels
from pairloom.pipeline.recipe import Pack, Recipe, parse_recipe

MINIMAL = """\
corpus:
  - name: a
    paths: ["*.txt"]
vocabulary:
  special_tokens: ["<|endoftext|>", "<p>", "<s>", "<m>", "[MASK]", <fim_prefix>, <fim_suffix>, <fim_middle>]
"""
NAMES = "tokens: {prefix: <p>, suffix: <s>, middle: <m>}"


def test_steps_are_read_with_their_defaults_and_keys() -> None:
    recipe = parse_recipe(
        MINIMAL
        + f"pack:\n  steps: [fim, {{fim: {{rate: 0.25, split: line, {NAMES}}}}}]\n"
        + "  rows: [{masked_lm: {rate: 0.3, replace: [1, 0, 0], when: load}}]\n"
    )
    assert recipe.pack.steps == (
        FillInTheMiddle(),
        FillInTheMiddle(rate=0.25, split="line", tokens=Sentinels(prefix="<p>", suffix="<s>", middle="<m>")),
    )
    assert recipe.pack.rows == (MaskedLM(rate=0.3, replace=(1.0, 0.0, 0.0), when="load"),)
    assert recipe.pack.loaded_rows == recipe.pack.rows
    assert recipe.pack.stored_rows == ()
    assert Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True)) == recipe
    assert Pack(steps=(FillInTheMiddle(),)).steps == (FillInTheMiddle(),)


def test_a_list_of_texts_may_be_one_text() -> None:
    recipe = parse_recipe(
        MINIMAL.replace('paths: ["*.txt"]', 'paths: "*.txt"\n    steps: [{decontaminate: {against: a.txt}}]')
    )
    (step,) = recipe.corpus[0].steps
    assert step.against == ("a.txt",)


def test_a_recipe_without_steps_is_written_as_before_there_were_any() -> None:
    assert not {"steps", "rows"} & set(parse_recipe(MINIMAL).model_dump()["pack"])


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        (
            "  steps: [{fin: {rate: 1}}]\n",
            r"line 7: pack.steps.0.fin: there is no token step 'fin'; did you mean 'fim'",
        ),
        (
            "  steps:\n    - fim:\n        rat: 1\n",
            r"line 9: pack.steps.0.fim.rat: unknown key 'rat'; did you mean 'rate'",
        ),
        ("  steps:\n    - fim:\n        rate: much\n", r"line 9: pack.steps.0.fim.rate: .*valid number"),
        (
            "  steps:\n    - fim:\n        rate: 1.5\n",
            r"line 9: pack.steps.0.fim.rate: rate must be from 0 to 1, not 1.5",
        ),
        (
            "  steps:\n    - fim:\n        level: sentence\n",
            r"line 9: pack.steps.0.fim.level: .*'document', 'segment' or 'chunk'",
        ),
        (
            "  steps:\n    - fim:\n        tokens: gpt\n",
            r"line 9: pack.steps.0.fim.tokens: tokens must be one of starcoder, .* not 'gpt'",
        ),
        ("  steps:\n    - fim: 0.5\n", r"line 8: pack.steps.0.fim: the keys of fim are a mapping, not 0.5"),
        (
            "  steps: [{fim: {}, gim: {}}]\n",
            r"pack.steps.0: a token step is written",
        ),
        (
            "  steps: [masked_lm]\n",
            r"pack.steps.0.masked_lm: 'masked_lm' is not a token step, it is a row step: put it under pack.rows",
        ),
        ("  rows: [{fim: {}}]\n", r"'fim' is not a row step, it is a token step: put it under pack.steps"),
        (
            "  rows:\n    - masked_lm:\n        when: never\n",
            r"line 9: pack.rows.0.masked_lm.when: .*'pack' or 'load'",
        ),
        ("  rows: [{masked_lm: {replace: 1}}]\n", r"masked_lm.replace: 1 is no list; write \[one, another\]"),
        (
            "  rows: [{masked_lm: {replace: [0.5, 0.5, 0.5]}}]\n",
            r"masked_lm.replace: replace must be shares .* add up to 1",
        ),
        ("  rows: [masked_lm, {masked_lm: {when: load}}]\n", "both give the column labels: keep one of them"),
        (
            "  rows: [{masked_lm: {mask_token: <x>}}]\n",
            r"<x> is used in the step masked_lm but is not in vocabulary.special_t",
        ),
        (
            "  steps: [{fim: {tokens: qwen}}]\n",
            r"<\|fim_prefix\|>, <\|fim_suffix\|>, <\|fim_middle\|> is used in the step fim but is not in",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_line(pack: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(MINIMAL + "pack:\n" + pack)


def test_a_recipe_without_steps_loads_none_of_their_code() -> None:
    code = (
        "import sys\nfrom pairloom.pipeline.recipe import parse_recipe\n"
        f"parse_recipe({MINIMAL!r})\n"
        "print([m for m in sys.modules if m.startswith(('pairloom.operators.transforms', 'pairloom.operators.layouts'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
