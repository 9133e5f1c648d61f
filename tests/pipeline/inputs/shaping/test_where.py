"""The language of conditions: what it reads, and where it says that something is wrong."""

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.inputs.shaping.conditions import (
    All,
    AnyOf,
    Beside,
    Calculated,
    Compare,
    Field,
    IsNull,
    Matches,
    Member,
    Not,
    True_,
    fields_in,
)
from pairloom.pipeline.inputs.shaping.paths import path_of
from pairloom.pipeline.inputs.shaping.where import condition_of
from pairloom.pipeline.recipe import load_recipe

A, B = Field(("a",)), Field(("b", "c"))

MEANT = {
    "a == 1": Compare(A, "==", 1.0),
    "b.c!=-1.5e3": Compare(B, "!=", -1500.0),
    "a <= .5": Compare(A, "<=", 0.5),
    "a > 'x\\'y'": Compare(A, ">", "x'y"),
    'a == "true"': Compare(A, "==", "true"),
    "a == true": Compare(A, "==", True),
    "length(b.c) < 10": Compare(Field(("b", "c"), length=True), "<", 10.0),
    "a in (1, 2)": Member(A, (1.0, 2.0)),
    "a not in ('x')": Not(Member(A, ("x",))),
    "a is null": IsNull(A),
    "a is not null": Not(IsNull(A)),
    "a matches '^\\\\d+$'": Matches(A, "^\\\\d+$"),
    "a matches '\\d'": Matches(A, "\\d"),
    "a": True_(A),
    "not a and b.c or a": AnyOf(All(Not(True_(A)), True_(B)), True_(A)),
    "not (a or b.c)": Not(AnyOf(True_(A), True_(B))),
    "a or a and b.c": AnyOf(True_(A), All(True_(A), True_(B))),
    "`odd name` is null": IsNull(Field(("odd name",))),
    "`x\\.y` is null": IsNull(Field(("x.y",))),
    "naïve-name is null": IsNull(Field(("naïve-name",))),
    "nothing is null": IsNull(Field(("nothing",))),
    "a < b.c": Beside(A, "<", B),
    "a == `b.c`": Beside(A, "==", B),
    "a > -1": Compare(A, ">", -1.0),
    "a + 1 > 2": Beside(Calculated("+", A, 1.0), ">", 2.0),
    "a -1 > 2": Beside(Calculated("+", A, -1.0), ">", 2.0),
    "a - 1 > 2": Beside(Calculated("-", A, 1.0), ">", 2.0),
    "a > 2 * b.c": Beside(A, ">", Calculated("*", 2.0, B)),
    "a > 2 - 1": Beside(A, ">", Calculated("-", 2.0, 1.0)),
    "a / b.c * 2 <= a - b.c - 1": Beside(
        Calculated("*", Calculated("/", A, B), 2.0), "<=", Calculated("-", Calculated("-", A, B), 1.0)
    ),
    "(a + b.c) / 2 > 3": Beside(Calculated("/", Calculated("+", A, B), 2.0), ">", 3.0),
    "length(a) > length(b.c)": Beside(Field(("a",), length=True), ">", Field(("b", "c"), length=True)),
    "a < (b.c + 1) and not a": All(Beside(A, "<", Calculated("+", B, 1.0)), Not(True_(A))),
}


@pytest.mark.parametrize("text", MEANT)
def test_what_is_written_is_meant(text):
    assert condition_of(text) == MEANT[text]
    assert condition_of(f"  ( {text} ) ") == MEANT[text]


def test_fields_are_those_that_are_looked_at():
    assert list(fields_in(condition_of("a > 1 and (not b.c or length(a) == 2)"))) == [
        ("a",),
        ("b", "c"),
        ("a",),
    ]


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("quality >> 3", 10, "expected a number"),
        ("quality >", 10, "found the end"),
        ("lang = 'de'", 6, "equal is written =="),
        ("lang == 'de", 9, "the quote is never closed"),
        ("lang == ,", 9, "a text in quotes"),
        ("a > 1 b", 7, "expected `and`, `or` or the end"),
        ("a > 1 and", 10, "expected a field"),
        ("(a > 1", 7, "expected )"),
        ("a > 1)", 6, "expected `and`, `or` or the end"),
        ("a b", 3, "expected a comparison"),
        ("a is nul", 6, "expected null"),
        ("a not 3", 7, "expected in"),
        ("a in 3", 6, "expected ("),
        ("a in ()", 7, "expected a number"),
        ("a in (1, 'x')", 13, "of one kind"),
        ("a matches '('", 11, "RE2"),
        ("a matches 3", 11, "regular expression in quotes"),
        ("length(a) == 'x'", 14, "a length is compared with a number"),
        ("length(a)", 10, "a comparison with a number"),
        ("length a", 8, "expected ("),
        ("3 < a", 1, "expected a field"),
        ("a + 1", 6, "expected a comparison"),
        ("a + > 2", 5, "expected a field"),
        ("a + 'x' > 2", 5, "expected a field"),
        ("a > b + 'x'", 9, "expected a field"),
        ("(a + 1 > 2", 11, "expected )"),
        ("(a + 1) * is null", 11, "expected a field"),
        ("a > 2 % 3", 7, "this cannot be read"),
        ("a * 2 is null", 7, "expected a comparison"),
        ("a < true", 9, "only equal or not"),
        ("a == 9007199254740993", 6, "2^53"),
        ("", 1, "expected a field"),
        ("a..b > 1", 2, "cannot be read"),
        ("__import__('os')", 11, "expected `and`, `or` or the end"),
        ("(" * 200 + "a", 101, "too deep"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text, position, said):
    with pytest.raises(ValueError, match=r"^character \d+: ") as caught:
        condition_of(text)
    assert str(caught.value).startswith(f"character {position}: "), str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("where", "lang = 'de'", r"corpus\.0\.where: character 6: equal is written =="),
        ("text", "{title", r"corpus\.0\.text: the brace at character 1 .* is never closed"),
        ("text", "title}", r"corpus\.0\.text: a brace is closed at character 6"),
        ("text", "{{}}", r"corpus\.0\.text: .* no field in them"),
        ("text", "{a..b}", r"corpus\.0\.text: .*empty name"),
        ("text", "a.", r"corpus\.0\.text: .*empty name"),
        ("id", "a\\b", r"corpus\.0\.id: a backslash stands before"),
    ],
)
def test_a_recipe_names_the_key(tmp_path, key, value, said):
    import yaml

    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump({"corpus": [{"name": "s", "paths": ["x.jsonl"], key: value}]}))
    with pytest.raises(RecipeError, match=said):
        load_recipe(path)


def test_a_path_has_dots_between_names_and_in_them():
    assert path_of(r"a.b\.c.d\{\}\\") == ("a", "b.c", "d{}\\")
