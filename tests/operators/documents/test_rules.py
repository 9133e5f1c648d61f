"""Rules of Gopher, C4 and FineWeb, and lengths and scripts: kernels against plain Python, bounds and reasons."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.documents import DOCUMENT_STEPS, DocumentBatch, apply_step
from pairloom.operators.documents._lines import SENTENCE_ENDS, lines_of
from pairloom.operators.documents._rules import measured
from pairloom.operators.documents.c4_quality import C4Quality
from pairloom.operators.documents.fineweb_quality import FineWebQuality
from pairloom.operators.documents.gopher_quality import GopherQuality
from pairloom.operators.documents.gopher_repetition import GopherRepetition
from pairloom.operators.documents.kernels.words import NEWLINES
from pairloom.operators.documents.length import Length
from pairloom.operators.documents.script import Script
from pairloom.operators.reference.documents import rules

PIECES = (
    ["the ", "be", " ", " ", "\n", "\n", "\n\n", ".", "...", "\u2026", "#", "-", "\u2022 ", "a b c ", "and ", "\u65e5\u672c", "\u00e9t\u00e9 "]
    + ["\u0301", "\U0001f600", "12 ", "x.\n", "Read it. ", '"Yes!" ', "\u2028", "\u00a0", "\t", "\u3002", "one two three. ", "(so.) ", "\u03b1\u03b2", "\u0436 "]
    + ["lorem Ipsum ", "JavaScript ", "{", "[12]", "[edit]", "[citation needed]", "[x", "Use of Cookies", "terms of use.", "wordword"]
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
STOPS = ("the", "be", "and", "\u65e5\u672c")
PHRASES = ["lorem ipsum", "javascript", "terms of use", "privacy policy", "cookie policy"]
PHRASES += ["uses cookies", "use of cookies", "use cookies"]
PROSE = (
    "It is said that the moor, with all of its birds, was to have been drained. And yet it is still there.\n"
)


def left(step, *texts):
    """What a step leaves, and why it leaves out the rest."""
    after = apply_step(step, DocumentBatch.of(list(texts)))
    return after.content.to_pylist(), dict(after.dropped)


@given(st.lists(TEXTS, max_size=6))
def test_words_and_lines_are_measured_as_specified(texts):
    batch = DocumentBatch.of(texts)
    found = measured(batch, STOPS)
    assert found.tolist() == [rules.measure_words(text, STOPS) for text in texts]
    lines = lines_of(batch, found[:, NEWLINES], SENTENCE_ENDS, 5)
    assert lines.tolist() == [rules.measure_lines(text, SENTENCE_ENDS, 5) for text in texts]


@given(st.lists(TEXTS, max_size=6), st.sampled_from([0.02, 0.1, 0.3, 1.0]), st.sampled_from([0.02, 0.2, 1.0]))
def test_repetition_is_judged_as_specified(texts, parts, share):
    step = GopherRepetition(
        max_paragraphs=parts,
        max_paragraph_characters=parts,
        max_lines=parts,
        max_line_characters=parts,
        max_top=((1, share), (2, share), (3, 0.2)),
        max_repeated=((1, 0.9), (2, share), (3, share), (5, 0.05)),
    )
    broken = [rules.repetition(text, [parts] * 4, step.max_top, step.max_repeated) for text in texts]
    after = apply_step(step, DocumentBatch.of(texts))
    assert after.row.to_pylist() == np.flatnonzero(np.array(broken) == 0).tolist()
    assert sorted(after.dropped.values()) == sorted(
        np.unique(broken, return_counts=True)[1][int(0 in broken) :]
    )


@given(
    st.lists(TEXTS, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.tuples(*(st.sampled_from([None, 0, 1, 3]) for _ in range(2))),
    st.sampled_from([None, 2, 5]),
)
def test_lines_of_pages_are_kept_as_specified(texts, switches, bounds, longest):
    names = ("line_ends", "citations", "javascript", "policies", "lorem_ipsum", "brackets")
    keys = dict(zip(names, switches, strict=True))
    step = C4Quality(**keys, min_words=bounds[0], min_sentences=bounds[1], max_word_length=longest)
    asked = [-1 if one is None else one for one in (bounds[0], longest, bounds[1])]
    order = [keys["citations"], keys["line_ends"], *asked[:2], *(keys[n] for n in ("lorem_ipsum", "javascript", "brackets", "policies")), asked[2]]  # fmt: skip
    made = [rules.keep_lines(text, PHRASES, order) for text in texts]
    after = apply_step(step, DocumentBatch.of(texts))
    assert after.content.to_pylist() == [_bare(text) for text, why in made if not why]
    assert sum(after.dropped.values()) == sum(why > 0 for _, why in made)


def _bare(text):
    return text.strip(" \n\t\u2028\u00a0")


@given(st.lists(TEXTS, max_size=6), st.sampled_from([("Latin",), ("Greek", "Cyrillic"), ("Han",)]))
def test_letters_are_counted_as_specified(texts, scripts):
    step = Script(scripts=scripts, min_share=0.4)
    counts = [rules.count_letters(text, scripts) for text in texts]
    keep = [i for i, (letters, wanted) in enumerate(counts) if letters and wanted / letters >= 0.4]
    assert apply_step(step, DocumentBatch.of(texts)).row.to_pylist() == keep


def test_lengths_are_inclusive_and_say_what_was_wrong():
    texts = ["", "one", "one two", "one two\n", "one\ntwo\n\nthree"]
    assert left(Length(min_words=2), *texts) == (texts[2:], {"too few words": 2})
    assert left(Length(max_lines=1), *texts) == (texts[:4], {"too many lines": 1})
    assert left(Length(min_lines=1, max_characters=7), *texts) == (
        ["one", "one two"],
        {"too few lines": 1, "too many characters": 2},
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE, "too few words"),
        (PROSE * 6000, "too many words"),
        ("a i to " * 60, "words too short"),
        ("thermodynamically " * 60, "words too long"),
        (PROSE * 3 + "# " * 20, "too many hashes"),
        (PROSE * 3 + "and so ... " * 20, "too many ellipses"),
        ("".join(f"- {line}\n" for line in [PROSE.strip()] * 4), "too many bullet lines"),
        (PROSE * 3 + "and so on\u2026\n" * 2, "too many lines end in an ellipsis"),
        (PROSE * 3 + "12345 " * 30, "too few alphabetic words"),
        ("Alle Menschen sind frei und gleich an Rechten geboren. " * 10, "too few stop words"),
    ],
)
def test_quality_rules_of_gopher(text, reason):
    assert left(GopherQuality(), text) == ([], {reason: 1})
    good = PROSE * 3
    assert left(GopherQuality(), good) == ([good], {})


def test_a_rule_that_is_null_is_not_asked_for():
    nothing = {field.name: None for field in dataclasses.fields(GopherQuality) if field.name != "stop_words"}
    assert left(GopherQuality(**nothing), "", "- #")[0] == ["", "- #"]
    keys = ("max_paragraphs", "max_paragraph_characters", "max_lines", "max_line_characters")
    assert left(GopherRepetition(**dict.fromkeys(keys), max_top=(), max_repeated=()), "a\n\na\n\na")[1] == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A lot of lines.\nand menus\n" + "home\nabout\n" * 6, "too few lines end a sentence"),
        ("".join(f"Item {i}.\n" for i in range(9)), "too many short lines"),
        (PROSE * 2, "characters in repeated lines"),
        (PROSE + "\n" * 30, "too many newlines"),
        (" \n", "no line with text"),
    ],
)
def test_quality_rules_of_fineweb(text, reason):
    assert left(FineWebQuality(), text) == ([], {reason: 1})
    assert left(FineWebQuality(), PROSE) == ([PROSE], {})


def test_rules_of_c4():
    page = (
        "Home | About\n"
        + PROSE * 3
        + "We use cookies here, as you know.\nPlease enable Javascript to go on.\n"
    )
    cleaned = (PROSE * 3).strip()
    assert left(C4Quality(), page) == ([cleaned], {})
    assert left(
        C4Quality(), page + "var x = {1} it is said.", page + "Lorem ipsum dolor sit amet.", "Home"
    ) == (
        [],
        {"curly bracket": 1, "lorem ipsum": 1, "too few sentences": 1},
    )
    assert left(C4Quality(min_sentences=None), "The moor is wet[12], it is said.[edit]")[0] == [
        "The moor is wet, it is said."
    ]


@pytest.mark.parametrize(
    ("step", "keys", "message"),
    [
        (Length, {}, "length needs a bound"),
        (Length, {"min_words": 3, "max_words": 2}, "max_words leaves nothing"),
        (GopherQuality, {"max_bullet_lines": 90}, "max_bullet_lines is a share from 0 to 1, got 90"),
        (GopherQuality, {"min_stop_words": 9}, "min_stop_words is at most the number of stop_words, 8"),
        (GopherRepetition, {"max_top": ((0, 0.2),)}, "max_top are numbers of words and shares"),
        (FineWebQuality, {"ends": ("ab",)}, "ends are single characters"),
        (C4Quality, {"min_words": -1}, "min_words must not be negative"),
        (Script, {"scripts": ("latin",)}, "scripts has 'latin'; there are: Latin"),
        (Script, {"scripts": ()}, "scripts must not be empty"),
    ],
)
def test_keys_are_checked(step, keys, message):
    with pytest.raises(ValueError, match=message):
        step(**keys)


@pytest.mark.parametrize(
    "name", ["c4_quality", "fineweb_quality", "gopher_quality", "gopher_repetition", "script"]
)
def test_rules_that_were_published_say_where(name):
    assert DOCUMENT_STEPS.get(name).source
