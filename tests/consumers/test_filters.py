"""Rules of Gopher, C4 and FineWeb beside datatrove's filters, with the same words and sentences given to both.

datatrove needs another huggingface-hub than what opens the exports: `pip install datatrove nltk` into an environment of its own.
"""

import random
import unicodedata

import pytest

pytest.importorskip("datatrove")

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.documents.c4_quality import C4Quality
from pairloom.operators.documents.fineweb_quality import FineWebQuality
from pairloom.operators.documents.gopher_quality import GopherQuality
from pairloom.operators.documents.gopher_repetition import GopherRepetition
from pairloom.operators.reference.documents.rules import keep_lines, words_of

REASONS = {
    "gopher_short_doc": "too few words",
    "gopher_long_doc": "too many words",
    "gopher_below_avg_threshold": "words too short",
    "gopher_above_avg_threshold": "words too long",
    "gopher_too_many_hashes": "too many hashes",
    "gopher_too_many_ellipsis": "too many ellipses",
    "gopher_too_many_bullets": "too many bullet lines",
    "gopher_too_many_end_ellipsis": "too many lines end in an ellipsis",
    "gopher_below_alpha_threshold": "too few alphabetic words",
    "gopher_enough_stop_words": "too few stop words",
    "dup_para_frac": "repeated paragraphs",
    "dup_para_char_frac": "characters in repeated paragraphs",
    "dup_line_frac": "repeated lines",
    "dup_line_char_frac": "characters in repeated lines",
    **{f"top_{n}_gram": f"most frequent {n} words" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"repeated {n} words" for n in range(5, 11)},
    "empty": "no line with text",
    "line_punct_ratio": "too few lines end a sentence",
    "short_line_ratio": "too many short lines",
    "char_dup_ratio": "characters in repeated lines",
    "list_ratio": "too many newlines",
    "too_few_sentences": "too few sentences",
    "lorem_ipsum": "lorem ipsum",
    "curly_bracket": "curly bracket",
}
WORDS = [
    "the",
    "of",
    "and",
    "that",
    "have",
    "a",
    "be",
    "to",
    "with",
    "moor",
    "fen",
    "heath",
    "peat",
    "water",
    "bird",
    "grass",
    "stands",
    "where",
    "was",
    "it",
    "is",
    "said",
    "12",
    "1999",
    "café",
]
ODD = [
    "#",
    "...",
    "\u2026",
    "-",
    "\u2022",
    "[12]",
    "[edit]",
    "{",
    "lorem ipsum",
    "JavaScript",
    "use cookies",
    "pneumonoultramicroscopic",
    "a",
    "!!",
]


def sentences_of(line):
    """As Pairloom counts them: datatrove asks a library's model of English."""
    _, few = keep_lines(line, ["\0", "\0"], [0, 0, -1, -1, 0, 0, 0, 0, 2])
    count = 1
    while not few:
        count += 1
        _, few = keep_lines(line, ["\0", "\0"], [0, 0, -1, -1, 0, 0, 0, 0, count + 1])
    return [""] * count


@pytest.fixture(autouse=True)
def same_words(monkeypatch):
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        monkeypatch.setattr(module, "split_into_words", lambda text, _: words_of(text))
    # By Unicode a bullet is punctuation as well.
    marks = {chr(p) for p in range(0x110000) if unicodedata.category(chr(p))[0] in "PS"}
    monkeypatch.setattr(gopher_quality_filter, "PUNCTUATION_SET", marks)
    monkeypatch.setattr(c4_filters, "split_into_sentences", lambda text, _: sentences_of(text))


def pages(count):
    """Pages of lines of sentences, more or less odd, some of which come again."""
    chance = random.Random(7)
    for _ in range(count):
        odd, again, mark = (
            chance.choice([0, 0.02, 0.2]),
            chance.choice([0, 0.05, 0.3]),
            chance.choice([0.1, 0.7, 1]),
        )
        lines = []
        for _ in range(chance.randrange(1, 40)):
            if lines and chance.random() < again:
                lines.append(chance.choice(lines))
                continue
            words = [
                chance.choice(ODD if chance.random() < odd else WORDS) for _ in range(chance.randrange(1, 25))
            ]
            lead = chance.choice(["", "", "", "- ", "\u2022 ", " "])
            lines.append(
                lead
                + " ".join(words)
                + (
                    chance.choice([".", ".", "?", "...", '."', "\u3002", "\u2026"])
                    if chance.random() < mark
                    else ""
                )
            )
            if chance.random() < 0.2:
                lines.append("")
        yield "\n".join(lines)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GopherQuality(), GopherQualityFilter),
        (GopherRepetition(), GopherRepetitionFilter),
        (FineWebQuality(), FineWebQualityFilter),
        (
            FineWebQuality(max_repeated_characters=0.1),
            lambda: FineWebQualityFilter(char_duplicates_ratio=0.1),
        ),
        (C4Quality(), C4QualityFilter),
        (C4Quality(line_ends=False), lambda: C4QualityFilter(filter_no_terminal_punct=False)),
    ],
)
def test_documents_are_left_out_for_the_reasons_that_datatrove_has(ours, theirs):
    judge = theirs()
    told = set()
    for text in pages(1500):
        if not words_of(text):
            continue
        document = Document(text=text, id="")
        said = judge.filter(document)
        batch = ours(DocumentBatch.of([text]))
        found = None if len(batch) else next(iter(batch.dropped))
        assert found == (None if said is True else REASONS[said[1]]), text
        told.add(found)
        if found is None:
            assert batch.content.to_pylist() == [document.text]
    assert len(told) > 3, told
