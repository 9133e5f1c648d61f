"""Steps that change words: shortening, dropping, mistyping, shuffling, rewriting, and cleaning what nobody sees."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.documents import DocumentBatch, Entries, apply_step
from pairloom.operators.documents.bad_words import BadWords
from pairloom.operators.documents.clean_text import CleanText
from pairloom.operators.documents.drop_words import NEGATIONS, DropWords
from pairloom.operators.documents.fix_encoding import FixEncoding
from pairloom.operators.documents.rewrite import Rewrite, Rule
from pairloom.operators.documents.shorten import STOP_WORDS, Shorten
from pairloom.operators.documents.shuffle_words import ShuffleWords
from pairloom.operators.documents.typos import Typos, mistyped
from pairloom.operators.errors import RecipeError
from pairloom.operators.selection.order import document_numbers

WORDS = st.sampled_from(
    [
        "the ",
        "moor",
        " and\n",
        "The, ",
        "3 ",
        "not ",
        " ",
        "\n\n",
        "fen.",
        " fen ",
        "(a)",
        "na\u00efve ",
        "!? ",
        "word ",
        "Peat ",
        "\u65e5\u672c ",
    ]
)
TEXTS = st.lists(WORDS, max_size=30).map("".join)


def made(step, *texts):
    """What a step makes of texts, the same whatever batch they are in."""
    whole = apply_step(step, DocumentBatch.of(list(texts)))
    alone = [apply_step(step, DocumentBatch.of([text])).content.to_pylist() for text in texts]
    assert [text for one in alone for text in one] == whole.content.to_pylist()
    return whole.content.to_pylist()


@given(TEXTS, st.booleans(), st.booleans(), st.sampled_from([None, 1, 4]))
def test_shortening_twice_is_shortening_once(text, punctuation, repeated, most):
    """C34: idempotent, and the number of words never rises."""
    step = Shorten(punctuation=punctuation, repeated=repeated, max_words=most)
    (short,) = made(step, text)
    assert made(step, short) == [short]
    assert len(short.split()) <= min(len(text.split()), most or 99)
    assert not {word.lower() for word in short.split()} & set(STOP_WORDS)


def test_what_is_shortened_saves_in_this_order():
    """C34: stop words save most, then repeated and rare words, and punctuation no word."""
    text = "The moor, and all of the fen: it is the moor that was wet!\nFen and peat."
    assert made(Shorten(), text) == ["moor, fen: moor wet!\nFen peat."]
    assert made(Shorten(punctuation=True), text) == ["moor fen moor wet\nFen peat"]
    assert made(Shorten(repeated=True), text) == ["moor, fen: wet!\npeat."]
    assert made(Shorten(max_words=2), text) == ["moor, fen:"]
    numbers = np.sort(document_numbers(pa.array(["moor", "wet"])))
    step = Shorten(frequent="words.txt").with_lists((Entries(numbers),))
    assert made(step, text) == ["moor, moor wet!"]
    assert made(Shorten(stop_words=("und",)), "Moor und Heide") == ["Moor Heide"]


@given(TEXTS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_words_are_dropped_to_a_share(text, keep):
    """N28: the order is kept, the ratio met within one word, numbers and negations stay."""
    (short,) = made(DropWords(keep=keep), text)
    words, left = text.split(), short.split()
    held = [word for word in words if word == "3" or word in NEGATIONS]
    assert len(left) - keep * len(words) < 1 or len(left) == len(held)
    assert len(left) >= keep * len(words) - 1e-9
    rest = iter(words)
    assert all(any(word == one for one in rest) for word in left)
    assert Counter(held) == Counter(word for word in left if word == "3" or word in NEGATIONS)


def test_words_of_least_impact_go_first():
    """N28: by a table of inverse document frequencies."""
    names = pa.array(["the", "moor", "is", "wet"])
    order = np.argsort(document_numbers(names))
    entries = Entries(document_numbers(names)[order], np.array([0.1, 3.0, 0.2, 2.0])[order])
    step = DropWords(keep=0.4, impact="idf.parquet").with_lists((entries,))
    assert made(step, "The moor is wet, the heath") == ["moor wet, heath"]


def distance(a, b):
    """Edits between two words, a swap of neighbours being one: the table of optimal string alignment."""
    rows = np.zeros((len(a) + 1, len(b) + 1), np.int64)
    rows[:, 0], rows[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i, j] = min(
                rows[i - 1, j] + 1, rows[i, j - 1] + 1, rows[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            )
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 2 : j][::-1]:
                rows[i, j] = min(rows[i, j], rows[i - 2, j - 2] + 1)
    return rows[-1, -1]


@given(
    st.sampled_from(["moor", "Peat,", "aab", "na\u00efve", "q-p"]),
    st.sampled_from(["swap", "delete", "insert", "neighbour"]),
    st.integers(0, 2**64 - 1),
)
def test_a_typo_is_one_edit(word, kind, bits):
    """N29: edit distance as asked."""
    other = mistyped(word, (kind,), bits)
    assert distance(word, other) == (word != other)
    assert word != other or (kind, word) == ("swap", "q-p")


@given(TEXTS, st.integers(0, 3))
def test_mistakes_are_as_many_as_asked_and_the_same_anywhere(text, seed):
    """N29: seeded, in some words, never in white space."""
    (none,) = made(Typos(rate=0, seed=seed), text)
    (all_of_them,) = made(Typos(rate=1, seed=seed), text)
    assert none == text
    pairs = list(zip(text.split(), all_of_them.split(), strict=True))
    assert all(distance(a, b) <= 1 for a, b in pairs)
    assert all(a != b for a, b in pairs if sum(c.isascii() and c.isalpha() for c in a) > 1)


def test_a_share_of_words_has_mistakes():
    """N29: the share is met, other seeds make other mistakes."""
    text = "moor heath peat water " * 500
    found = [made(Typos(rate=0.1, seed=seed), text)[0] for seed in (0, 1)]
    assert found[0] != found[1]
    for other in found:
        assert 150 < sum(a != b for a, b in zip(text.split(), other.split(), strict=True)) < 250


@given(TEXTS, st.sampled_from([None, 2, 5]))
def test_shuffling_keeps_the_words(text, window):
    """N29: the multiset of words is equal, in each window too, and white space stays."""
    (other,) = made(ShuffleWords(window=window), text)
    words, shuffled = text.split(), other.split()
    size = window or max(1, len(words))
    for k in range(0, len(words), size):
        assert Counter(words[k : k + size]) == Counter(shuffled[k : k + size])
    assert len(other) == len(text)
    assert [c for c in other if c.isspace()] == [c for c in text if c.isspace()]


def test_pairs_of_sentences():
    """N29: (text, positive): the text stays, the other is a field."""
    batch = DocumentBatch.of(["moor heath peat water grass"])
    for step in (ShuffleWords(into="positive"), Typos(rate=1, into="positive")):
        after = apply_step(step, batch)
        assert after.content.to_pylist() == batch.content.to_pylist()
        assert after.fields["positive"].to_pylist() != batch.content.to_pylist()


RULES = ((Rule("aa", "a"), Rule("b(c+)b", r"<\1>")), (Rule("<", "["), Rule("xy", "yx")))


@given(st.lists(st.text("abcxy<", max_size=12), max_size=5))
def test_rewriting_ends_where_no_rule_changes_anything(texts):
    """N32: idempotent, hits by rule, bounded passes."""
    step = Rewrite(layers=RULES, max_passes=40)
    after = apply_step(step, DocumentBatch.of(texts))
    assert after.content.to_pylist() == made(step, *texts)
    assert made(step, *after.content.to_pylist()) == after.content.to_pylist()
    again = apply_step(step, DocumentBatch.of(after.content))
    assert not np.any(again.fields["rule_hits"].to_pylist())


def test_rules_are_counted_and_passes_are_bounded():
    """N32."""
    after = apply_step(Rewrite(layers=RULES), DocumentBatch.of(["aaaa bccb", "", "a"]))
    assert after.content.to_pylist() == ["a [cc>", "", "a"]
    assert after.fields["rule_hits"].to_pylist() == [[3, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    endless = Rewrite(layers=((Rule("a", "aa"),),), max_passes=3)
    left = apply_step(endless, DocumentBatch.of(["b", "a"]))
    assert left.content.to_pylist() == ["b"]
    assert [(one.row, one.reason, one.detail.split(":")[0]) for one in left.rejected] == [
        (1, "no_fixed_point", "still changes after 3 passes")
    ]


def test_documents_with_words_of_a_list():
    names = pa.array(["Foul", "two words", "a.b", "\u00e4rger", ""], pa.large_string())
    texts = [
        "so foul!",
        "fouls",
        "two words",
        "two  words",
        "a.b",
        "axb",
        "\u00c4RGER",
        "x\u00e4rger",
        "_foul",
        "FOUL2 foul",
        "ok",
    ]
    step = BadWords(words="w.txt").with_lists((Entries(document_numbers(names), names=names),))
    assert made(step, *texts) == ["fouls", "two  words", "axb", "x\u00e4rger", "_foul", "ok"]
    assert dict(apply_step(step, DocumentBatch.of(texts)).dropped) == {"has a word of the list": 5}
    inside = BadWords(words="w.txt", whole=False).with_lists((Entries(document_numbers(names), names=names),))
    assert made(inside, *texts) == ["two  words", "axb", "ok"]
    some = BadWords(words="w.txt", keep=0.25).with_lists((Entries(document_numbers(names), names=names),))
    assert 60 < len(made(some, *(f"foul {i}" for i in range(400)))) < 140
    empty = BadWords(words="w.txt").with_lists((Entries(document_numbers(names[:0])),))
    assert made(empty, "foul") == ["foul"]


def test_cleaning():
    text = "\ufeffa\u00adb\r\nc\rd\x00\x1b\u200be\u200d\u202e\tf \t\n\n\n\ng\u00a0h\u2028i"
    assert made(CleanText(), text, "plain") == ["ab\nc\nde\u200d\tf \t\n\n\n\ng\u00a0h\ni", "plain"]
    step = CleanText(spaces=True, trailing=True, max_newlines=2)
    assert made(step, text) == ["ab\nc\nde\u200d\tf\n\ng h\ni"]
    assert made(CleanText(form="nfc"), "e\u0301") == ["\u00e9"]
    batch = DocumentBatch.of(["plain"])
    assert CleanText()(batch) is batch
    assert CleanText(form="nfc").identity()["form"] == "nfc 9.0"


@given(st.lists(st.text("a \r\n\x00\x85\u200b\ufeff\u2028\u00a0\ue000", max_size=9), max_size=4))
def test_cleaning_twice_is_cleaning_once(texts):
    step = CleanText(spaces=True, trailing=True, max_newlines=1)
    once = made(step, *texts)
    assert made(step, *once) == once
    assert not set("".join(once)) & set("\r\x00\x85\u200b\ufeff\u2028\u00a0")


def test_wrong_encodings_are_repaired():
    ftfy = pytest.importorskip("ftfy")
    assert made(FixEncoding(), "sch\u00c3\u00b6n", "plain", "sch\u00f6n") == [
        "sch\u00f6n",
        "plain",
        "sch\u00f6n",
    ]
    assert made(FixEncoding(everything=True), "&lt;b&gt; \ufb01t") == ["<b> fit"]
    assert FixEncoding().identity()["ftfy"] == ftfy.__version__


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ftfy", None)
    with pytest.raises(RecipeError, match=r"needs ftfy on every machine: pip install 'pairloom\[clean\]'"):
        FixEncoding().identity()


@pytest.mark.parametrize(
    ("step", "keys", "message"),
    [
        (CleanText, {"max_newlines": 0}, "max_newlines must be positive"),
        (BadWords, {"words": ""}, "words must not be empty"),
        (BadWords, {"words": "x", "keep": 2}, "keep is a share from 0 to 1"),
        (Shorten, {"max_words": 0}, "max_words must be positive"),
        (DropWords, {"keep": 0}, "keep is a share above 0"),
        (Typos, {"rate": 2}, "rate is a share from 0 to 1"),
        (Typos, {"kinds": ()}, "kinds must not be empty"),
        (ShuffleWords, {"window": 1}, "window must be 2 words or more"),
        (Rewrite, {"layers": ()}, "layers must have a rule"),
        (Rewrite, {"layers": ((Rule("(", ""),),)}, r"layers has a rule '\(' that RE2 does not take"),
        (Rewrite, {"layers": RULES, "max_passes": 1}, "max_passes must be 2 or more"),
    ],
)
def test_keys_are_checked(step, keys, message):
    with pytest.raises(ValueError, match=message):
        step(**keys)
