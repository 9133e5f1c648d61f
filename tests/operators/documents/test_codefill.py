"""Python as two streams: the same tokens as `tokenize` gives, types by hand, scopes, and nothing lost (C32)."""

import io
import keyword
import random
import tokenize
from pathlib import Path

import pytest

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.documents.codefill import COMPLETES, TYPES, CodeFill, Typed, streams, written
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.support.corpora import recipe_for, write_jsonl

CODE = '''"""A module."""
import os.path, numpy as np  # files
from collections import OrderedDict as Ordered, deque

limit = 10


class Box(Ordered):
    """A box."""
    size = limit

    async def fill(self, os, *, much=limit):
        """Only this."""

    def rest(self):
        "Gone."
        global limit
        limit = [limit for limit in range(3)]
        return os.path.join(f"a{limit}b", deque), np
'''


def values(text: str) -> list[str]:
    """The tokens of a text that are no comment and no white space, as `tokenize` has them; strings with expressions whole."""
    out, inside, lines = [], 0, text.splitlines(keepends=True)
    start = (1, 0)
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[one.type]
        if kind == "FSTRING_START":
            start, inside = (start if inside else one.start), inside + 1
        elif kind == "FSTRING_END":
            inside -= 1
            if not inside:
                block = lines[start[0] - 1 : one.end[0]]
                block[-1] = block[-1][: one.end[1]]
                out.append("".join(block)[start[1] :])
        elif not inside and kind not in {
            "COMMENT",
            "NL",
            "NEWLINE",
            "INDENT",
            "DEDENT",
            "ENDMARKER",
            "ENCODING",
        }:
            out.append(one.string)
    return out


def test_types_are_those_that_somebody_would_say() -> None:
    found = streams(CODE)
    assert found is not None
    types = {}
    for value, kind in found:
        types.setdefault(value, []).append(kind)
    assert types["np"] == ["ALIAS", "ALIAS"]
    assert types["os"] == ["MODULE", "NAME", "MODULE"]  # the argument is another os
    assert types["path"] == ["MODULE", "NAME"]
    assert types["collections"] == ["LIBRARY"]
    assert types["OrderedDict"] == ["LIB"]
    assert types["Ordered"] == ["ALIAS", "ALIAS"]
    assert types["deque"] == ["LIB", "LIB"]
    assert types["limit"] == [*["GLOBAL_VARIABLE"] * 5, "NAME", "NAME"]
    assert types["size"] == ["NAME"]
    assert types["global"] == ["GLOBAL"]
    assert types['f"a{limit}b"'] == ["STRING"]
    assert '"""Only this."""' in types  # all that its body has
    assert '"""A box."""' not in types
    assert '"Gone."' not in types
    assert found[-1] == Typed("\n", "NEWLINE")
    text = written(found)[0]
    assert text.startswith(
        "import os . path , numpy as np\nfrom collections import OrderedDict as Ordered , deque\n"
    )
    assert "\nclass Box ( Ordered ) :\n\tsize = limit\n\tasync def fill (" in text


def test_what_is_written_has_the_same_tokens() -> None:
    """Over the standard library: the streams are as long, cover the text, and `tokenize` reads the same tokens again."""
    tried = 0
    for path in sorted(Path(random.__file__).parent.glob("[a-h]*.py")):
        text = path.read_text(encoding="utf-8")
        found = streams(text)
        if found is None:
            continue
        made, spans = written(found)
        assert values(made) == [value for value, kind in found if kind != "NEWLINE"]
        assert [a for a, _, _ in spans] == [0, *(b for _, b, _ in spans[:-1])]
        assert spans[-1][1] == len(made)
        again = streams(made)
        assert again is not None
        assert [value for value, _ in again] == [value for value, _ in found]
        kept, left = values(made), values(text)
        place = 0
        for value in left:  # docstrings are all that is missing, in order
            if place < len(kept) and kept[place] == value:
                place += 1
            else:
                assert value.lstrip("rRuUbB").startswith(("'", '"'))
        assert place == len(kept)
        tried += 1
    assert tried > 30


def test_a_batch_has_types_for_every_character() -> None:
    texts = ["x = 1\r\nif x :\r\n  print(x)", "no python at all", "", "# only a comment\n"]
    made = CodeFill()(DocumentBatch.of(texts))
    assert made.content.to_pylist() == ["x = 1\nif x :\n\tprint ( x )\n", "", ""]
    assert made.dropped == {"is no Python": 1}
    spans = made.spans["code_type"].to_pylist()[0]
    named = [(TYPES[int(span["value"])], span["end"] - span["start"]) for span in spans]
    assert named[:5] == [("GLOBAL_VARIABLE", 1), ("=", 2), ("NUMBER", 2), ("NEWLINE", 1), ("IF", 2)]
    assert ("NEWLINE", 2) in named
    assert [TYPES[one] for one in COMPLETES] == [".", "(", "[", "=", ",", "RETURN", "IMPORT"]


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "if",
        "a b",
        "(" * 300,
        "x = '\\N{no such}'",
        "\ud800".encode("utf-8", "replace").decode() + "=",
    ],
)
def test_what_is_no_python_is_none(text: str) -> None:
    assert streams(text) is None


def test_a_run_has_types_in_its_rows(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [(str(i), CODE.replace("a.", str(i))) for i in range(40)])
    recipe = recipe_for(
        tmp_path, "corpus.0.steps=[codefill]", "vocabulary.size=400", "execution.unit_bytes=4000"
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    round_trip(dataset, verify(dataset), sample=40)
    words, table = dataset.vocabulary(), dataset.table()
    for ids, types in zip(table["input_ids"].to_pylist(), table["code_type"].to_pylist(), strict=True):
        for token, kind in zip(ids, types, strict=True):
            if (text := words.tokens[token].strip()) in {b"Ordered", b"OrderedDict"}:
                assert TYPES[kind] == {b"Ordered": "ALIAS", b"OrderedDict": "LIB"}[text]
    assert {TYPES[kind] for row in table["code_type"].to_pylist() for kind in row} >= {
        "ALIAS",
        "MODULE",
        "STRING",
        "DEF",
    }


def test_every_keyword_has_a_type() -> None:
    assert {word.upper() for word in keyword.kwlist} <= set(TYPES)
    assert len(TYPES) == len(set(TYPES)) < 256


@pytest.mark.parametrize("odd", ["\f", "\v", "\x1c", "\x85", "\u2028"])
def test_strings_keep_what_only_looks_like_the_end_of_a_line(odd: str) -> None:
    text = f'a = \'{odd}\'\nb = """{odd}\n"""\nc = f\'{odd}{{a}}\' f"""{odd}\n{{b}}"""\n'
    found = streams(text)
    assert found is not None
    assert [one.value for one in found if one.type == "STRING"] == [
        f"'{odd}'",
        f'"""{odd}\n"""',
        f"f'{odd}{{a}}'",
        f'f"""{odd}\n{{b}}"""',
    ]


def test_pages_of_a_file_and_a_mark_of_byte_order_are_not_written() -> None:
    plain = "import os\n\nif os:\n    x = 1\n"
    assert streams("\ufeff" + plain) == streams(plain)
    assert streams(plain.replace("\n\n", "\n\f\n").replace("    x", "\f    x")) == streams(plain)
    assert streams("\f" + plain) == streams(plain)
