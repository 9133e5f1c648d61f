"""Patterns cut as Oniguruma cuts, which `tokenizers` has, or are refused by the element."""

import itertools
import json
import runpy
import string
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, pre_tokenizers

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.text.pretokenize.patterns import cutter, ends_of_pieces, is_translated
from pairloom.operators.text.pretokenize.patterns.escapes import UntranslatedError
from pairloom.operators.text.pretokenize.patterns.owner import Owner
from pairloom.operators.text.pretokenize.patterns.properties import (
    BITS,
    CATEGORIES,
    SCRIPTS,
    bracket,
    property_named,
)
from pairloom.operators.text.pretokenize.patterns.translated import Translated

ATOMS = [
    *"astfikbAAS1' -中éß\n", r"\s", r"\S", r"\d", r"\w", r"\W", r"\h", r"\H", ".", r"\n", r"\p{L}", r"\P{L}", r"\p{^Lu}",
    r"\p{N}", r"\p{Han}", r"\x{4e2d}", r"\u00e9", r"\x41", r"[^\r\n\p{L}\p{N}]", "[a-f]", r"[\p{L}&&[^a-m]]", "[a[bs]-]",
    r"[^(\s|[.,!?])]", "[[:alpha:]']", r"[^\W_]", r"[^a-f&&\w]",
]  # fmt: skip
MARKS = [*"*+?", "??", "*?", "+?", "*+", "++", "?+", "{2}", "{1,3}", "{2,}", "{1,3}+"]
PLACES = ["^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z"]
OPENINGS = ["(", "(?:", "(?>", "(?=", "(?!", "(?i:", "(?<=", "(?<!"]
written = st.recursive(
    st.sampled_from(ATOMS * 2 + PLACES),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{}|{}".format, inner, inner),
        st.builds("{}{}".format, inner, st.sampled_from(MARKS)),
        st.builds("{}{})".format, st.sampled_from(OPENINGS), inner),
    ),
    max_leaves=8,
)
SOUP = [
    *ATOMS, *MARKS, *PLACES, *OPENINGS, ")", ")", "|", "[", "]", "[^", "]", "&&", "^", "-", "{", "}", "{,2}", r"\x4", r"\é",
    r"\-", r"\]", r"\'", r"\<", r"\_", "[:alpha:]", r"\s-a", "a-z", ":", "#", "(?#", "(?<x>", "(?P<x>", "(?i)", "(?x)", "(?m:",
    r"\K", r"\R", r"\X", r"\G", r"\1", r"\0", "~", "!", "<", "=", "\0",
]  # fmt: skip
soup = st.lists(st.sampled_from(SOUP), max_size=9).map("".join)
texts = st.text(
    alphabet="aastfikbASKſK ßéÉ中1'²¼½ --\n\n\r\t\u0300ﬁﬆ]^&[|(){}ǅ\u3000\u200b_~٣!,\0\x85\u2028\U0001d7d8",
    max_size=16,
)


def owners(pattern, text):
    """The pieces of `tokenizers`."""
    return [piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str(text)]


def ours(pattern, text):
    """The pieces here."""
    return Pretokenizer(pattern=pattern).split_text(text)


@given(st.one_of(written, soup), st.lists(texts, min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_translated_cuts_as_oniguruma(pattern, found):
    """(F1)"""
    try:
        translated = Translated(pattern)
    except UntranslatedError:
        return
    owner = Owner(pattern)
    for text in found:
        assert sorted({0, *translated.cuts(text), len(text)}) == sorted({0, *owner.cuts(text), len(text)})


FILES = [
    (r"[^\r\n\p{L}]?[\p{L}&&[^\p{Han}]]+|\s+|.", True),
    (r"^\S{1,2}|\S+|\s", True),
    (r" ?[^(\s|[.,!?])]+", True),
    (r" ?[^(\s|[.,!?…。，、।۔،])]+", True),
    (r"\x{4e2d}", True),
    (r"\p{N}{1,3}+", True),
    (r"\S+$", True),
    (r"\h+|\H+", True),
    (r"[\p{Han}]+|[\p{Hiragana}\p{Katakana}]+", True),
    (r"a{2}+|a*+b|(?>a|b)", False),
    (r"a*+b|(?>a|b)", True),
    (r"(?:a*)+b", False),
    (r"(?i)the|S+", False),
    (r"(?m:.{2})", False),
    (r"\R|\X", False),
    (r"a\Kb|(?~ab)", False),
    (r"(?<x>a|b)\g<x>|(?<y>t)\k<y>", False),
    (r"(?<=a+)b|\Ga", False),
    (r"(?i:ss|st)", False),
    (r"a{,2}?+", False),
]
TEXT = "the cat中文カな x\n12345\n\nab\r\naaab Straße ſT ba tt a1f。d|(é) \n x"


@pytest.mark.parametrize(("pattern", "translated"), FILES)
def test_patterns_of_other_peoples_files(pattern, translated):
    """(F1)"""
    assert is_translated(pattern) is translated
    for low in range(0, len(TEXT), 3):
        assert ours(pattern, TEXT[low:]) == owners(pattern, TEXT[low:])


def edges(points):
    """Where a set begins and ends, and what stands beside that, without surrogates."""
    places = np.flatnonzero(np.diff(points.astype(np.int8)))
    near = {int(place) + step for place in places for step in (-1, 0, 1, 2)}
    return [p for p in sorted(near) if 0 <= p < 0x110000 and not 0xD800 <= p < 0xE000]


@pytest.mark.parametrize("name", [*CATEGORIES[:-3], *"LMNPSZ", *SCRIPTS, *BITS])
def test_sets_are_those_of_oniguruma(name):
    points = bracket(name) if name in BITS else property_named(name)
    element = f"[[:{name}:]]" if name in BITS else rf"\p{{{name}}}"
    chosen = edges(points)
    found = {
        *itertools.chain(
            *pre_tokenizers.Split(Regex(element), "removed", invert=True).pre_tokenize_str(
                "".join(map(chr, chosen))
            )
        )
    }
    matched = {character for piece in found if isinstance(piece, str) for character in piece}
    assert matched == {chr(p) for p in chosen if points[p]}


@pytest.mark.rare("operators/text", "infra/make_pattern_tables.py")
def test_the_tables_of_patterns_are_what_tokenizers_answers(monkeypatch):
    infra = Path(__file__).parents[4] / "infra"
    monkeypatch.syspath_prepend(infra)
    built = runpy.run_path(str(infra / "make_pattern_tables.py"))
    assert zlib.decompress(built["TARGET"].read_bytes()) == zlib.decompress(built["build"]())


@pytest.mark.parametrize(
    "element", [rf"\{c}" for c in string.punctuation + " "] + [rf"\{c}" for c in string.ascii_letters]
)
def test_an_escape_is_that_of_oniguruma_or_is_not_translated(element):
    ascii_text = "".join(map(chr, range(128))) + "é中\u0300²\u2028"
    for pattern in (element, f"[{element}]"):
        try:
            found = Translated(pattern)
        except UntranslatedError:
            continue
        ends = {0, len(ascii_text)}
        assert {*ends, *found.cuts(ascii_text)} == {*ends, *Owner(pattern).cuts(ascii_text)}, pattern


def test_letters_without_regard_to_case():
    alike = [c for c in map(chr, range(0x110000)) if not "\ud800" <= c < "\ue000"]
    alike = "".join(c for c in alike if (c.lower() + c.upper() + c.casefold()).encode("ascii", "ignore"))
    for letter in string.ascii_letters + string.digits + "'-,":
        for pattern in (f"(?i:{letter})", f"(?i:[{letter}])"):
            assert is_translated(pattern) or letter == "-"
            assert ours(pattern, alike) == owners(pattern, alike), letter


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<x>a)", r"undefined group option, at or after position 0, '\(\?P<x>a\)'"),
        ("a(?V1)b", r"undefined group option, at or after position 1, '\(\?V1\)b'"),
        (r" ?\p{Script=Han}+", r"invalid character property name {Script=Han}, at or after position 2"),
        ("[z-a]", "empty range"),
        ("a[b", "premature end of char-class, at or after position"),
        (r"(?s:.)", "undefined group option"),
        ("*a", "target of repeat operator is not specified, at or after position 0"),
    ],
)
def test_a_pattern_that_oniguruma_refuses_is_refused_by_the_element(pattern, message):
    """(F5)"""
    with pytest.raises(ValueError, match=message):
        Pretokenizer(pattern=pattern)
    with pytest.raises(RecipeError, match=message):
        Vocabulary.from_json(json.dumps(file_of(pattern)).encode())


def test_a_pattern_that_needs_its_owner_says_so_where_it_is_missing(monkeypatch):
    cutter.cache_clear()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert Pretokenizer(pattern=r" ?[^(\s|[.,])]+").split_text("a b") == ["a", " b"]
    with pytest.raises(ValueError, match=r"because of position 1, '\\\\Kb': pip install 'pairloom\[hf\]'"):
        Pretokenizer(pattern=r"a\Kb")


@pytest.mark.parametrize("pattern", [r"(a|a)+$", r"(a|a)*b?$", r"(?:a|a|b)+$", "(?:a|aa)+$"])
def test_a_pattern_of_too_many_ways_ends_in_an_error(pattern):
    """(R7)"""
    vocabulary = Vocabulary.from_json(json.dumps(file_of(pattern)).encode())
    assert not is_translated(pattern)
    with pytest.raises(
        DataError,
        match=r"is given up by Oniguruma \(.*limit.*in a document of 41 characters that begins 'aaa",
    ):
        vocabulary.encode_one("a" * 40 + "c")


def test_a_long_pattern_is_left_to_its_owner():
    """(R7)"""
    pattern = r"\p{L}|" * 20_000 + "1"
    assert not is_translated(pattern)
    assert ours(pattern, "ab1 2") == owners(pattern, "ab1 2")
    with pytest.raises(ValueError, match="depth limit"):
        Pretokenizer(pattern="(" * 20_000 + "a" + ")" * 20_000)


def test_a_model_of_the_library_that_gives_up_is_an_error():
    """(R7)"""
    document = file_of(r"(a|a)+$")
    document["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "MergedWithNext"
    vocabulary = Vocabulary.from_json(json.dumps(document).encode())
    assert vocabulary.model.name == "foreign"
    with pytest.raises(DataError, match=r"`tokenizers` cannot encode this text: .*limit"):
        vocabulary.encode_one("a" * 40 + "c")


def file_of(pattern):
    """Somebody's byte-level file that cuts by a pattern."""
    words = count_words(pa.array([" cat the 12345 12345 if  x"] * 9), Pretokenizer())
    document = json.loads(
        learn_bpe(words, size=280, special_tokens=["<|end|>"], pretokenizer=Pretokenizer()).to_json()
    )
    document["model"].pop("pairloom")
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    last = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, last]}
    return document


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in FILES])
def test_a_file_with_a_pattern_has_the_ids_of_its_owner_and_is_written_as_it_was(pattern):
    """(F1, F5)"""
    data = json.dumps(file_of(pattern)).encode()
    vocabulary, theirs = Vocabulary.from_json(data), Tokenizer.from_str(data.decode())
    for text in ("the cat", "x\ncat 12345", TEXT, "12345 12345\n if  x"):
        expected = theirs.encode(text, add_special_tokens=False).ids
        assert vocabulary.encode_one(text).tolist() == expected
        again = Tokenizer.from_str(vocabulary.to_json().decode())
        assert again.encode(text, add_special_tokens=False).ids == expected
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_digits_in_groups_that_are_repeated_are_no_scheme():
    """(F1) What a file says as `{1,3}+` joins whole numbers in its owner."""
    pattern = Pretokenizer(scheme="llama3").patterns[0].replace("{1,3}", "{1,3}+")
    vocabulary = Vocabulary.from_json(json.dumps(file_of(pattern)).encode())
    assert vocabulary.pretokenizer == Pretokenizer(pattern=pattern)
    assert vocabulary.pretokenizer.split_text("a12345") == owners(pattern, "a12345") == ["a", "12345"]


def test_bytes_that_are_no_utf8_are_pieces_that_no_category_has():
    data = "né".encode() + b"\xff\xfe a\xe4\xb8"
    for pattern in (r"\p{L}+| ", r"(?:\p{L}*)+| "):
        assert ends_of_pieces(data, pattern).tolist() == (
            [3, 5, 6, 7, 9] if is_translated(pattern) else [3, 4, 5, 6, 7, 8, 9]
        )
