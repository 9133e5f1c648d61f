"""The middle of code is a node of its syntax."""

import pytest

from pairloom.operators.transforms._fim_syntax import node_spans
from pairloom.operators.transforms.fim import FillInTheMiddle
from tests.operators.transforms.fim import ENDED, IDS, SEED, VOCABULARY, batch_of, encoded, rows

PYTHON = """\
import os

@property
def naïve(x, *rest):
    'a string'
    return f"{x + 1!r} of {rest}" if x else [y ** 2 for y in rest]
"""


def test_the_middle_of_syntax_is_a_node() -> None:
    """Structured infilling: every node of the tree is a middle, and nothing else is."""
    import ast

    tree = ast.parse(PYTHON)
    strings = {
        id(inner)
        for n in ast.walk(tree)
        if isinstance(n, ast.JoinedStr)
        for inner in ast.walk(n)
        if inner is not n
    }
    nodes = [n for n in ast.walk(tree) if hasattr(n, "lineno") and id(n) not in strings]
    wanted = {ast.get_source_segment(PYTHON, n) for n in nodes}
    assert {PYTHON.encode()[a:b].decode() for a, b in node_spans(PYTHON.encode())} == wanted
    step = FillInTheMiddle(rate=1.0, split="syntax", tokens=ENDED)
    tables, found = step.prepare(VOCABULARY), set()
    for seed in range(200):
        (made,) = rows(step(batch_of(encoded([PYTHON])), seed, tables))
        psm = made[1] != IDS["<s>"]
        start = made.index(IDS["<m>"]) + 1
        middle = VOCABULARY.decode(made[start : made.index(IDS["<e>"])]).decode()
        if psm:
            found.add(middle)
            assert middle in wanted
        else:
            assert any(middle.endswith(one) for one in wanted)
        back = step.undo(batch_of([made]), seed, tables)
        assert VOCABULARY.decode(rows(back)[0][:-1]).decode() == PYTHON
    assert len(found) > len(wanted) // 2


@pytest.mark.parametrize("text", ["def (", "a\0b", "(" * 5000, "", "\ufeffx = 1", "x = '" + "\\d'"])
def test_what_is_no_python_is_cut_at_characters(text: str) -> None:
    step = FillInTheMiddle(rate=1.0, split="syntax", tokens=ENDED)
    plain_step = FillInTheMiddle(rate=1.0, split="character", tokens=ENDED)
    batch = batch_of(encoded([text]))
    made = rows(step(batch, SEED, step.prepare(VOCABULARY)))
    if not node_spans(text.encode()):
        assert made == rows(plain_step(batch, SEED, plain_step.prepare(VOCABULARY)))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_of_python_end_in_three_ways(newline: str) -> None:
    text = newline.join(["x = 1", "y = 'é' + z", ""]).encode()
    assert {text[a:b].decode() for a, b in node_spans(text)} == {
        "x",
        "1",
        "x = 1",
        "y",
        "'é'",
        "z",
        "'é' + z",
        "y = 'é' + z",
    }
