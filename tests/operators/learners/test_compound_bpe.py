"""Merges that end where the parts of compounds do, and words that are none keep their tokens (C15)."""

import random

import pyarrow as pa
import pytest

from pairloom.operators.counts import WordCounts, count_words
from pairloom.operators.learners import Target
from pairloom.operators.learners.bpe import BPELearner
from pairloom.operators.learners.compound_bpe import CompoundBPELearner, constituents
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

WHITESPACE = Pretokenizer(scheme="whitespace")
NOUNS = [
    *("haus", "tür", "garten", "kinder", "schuh", "bahn", "hof", "stadt", "plan", "wagen", "strom", "netz"),
    *(
        "wasser",
        "rad",
        "weg",
        "brücke",
        "kopf",
        "kissen",
        "tisch",
        "lampe",
        "regen",
        "schirm",
        "buch",
        "laden",
    ),
]


def text(seed: int, hyphens: float) -> tuple[list[str], list[tuple[str, str]]]:
    """Lines of words and of compounds, some of these with a hyphen, and the compounds."""
    rng = random.Random(seed)
    pairs = [(a, b) for a in NOUNS for b in NOUNS if a != b]
    chosen = rng.sample(pairs, 60)
    lines = []
    for _ in range(4000):
        line = [rng.choice(["und", "oder", "mit", *NOUNS]) for _ in range(6)]
        first, second = rng.choice(chosen)
        line.append(f"{first}-{second}" if rng.random() < hyphens else first + second)
        rng.shuffle(line)
        lines.append(" ".join(line))
    return lines, chosen


def share(vocabulary: Vocabulary, compounds: list[tuple[str, str]]) -> float:
    """Of how many compounds a token ends where the first part does."""
    good = 0
    for first, second in compounds:
        (ids,) = vocabulary.encode(pa.array([f" {first}{second}"])).to_pylist()
        ends, at = set(), 0
        for token in ids:
            at += len(vocabulary.tokens[token])
            ends.add(at)
        good += len(f" {first}".encode()) in ends
    return good / len(compounds)


@pytest.mark.parametrize("hyphens", [0.0, 0.1])
def test_more_tokens_end_where_parts_do(hyphens: float) -> None:
    lines, compounds = text(0, hyphens)
    counts = count_words(pa.array(lines), WHITESPACE)
    target = Target(size=450, pretokenizer=WHITESPACE)
    plain = BPELearner().learn(counts, target)
    ours = CompoundBPELearner().learn(counts, target)
    assert share(ours, compounds) == 1.0 > share(plain, compounds)
    whole = pa.array([" und", " oder", " haus", " garten"])
    assert [len(ids) for ids in ours.encode(whole).to_pylist()] == [1] * 4
    assert ours.decode(ours.encode(pa.array(lines))).to_pylist() == [line.encode() for line in lines]


def test_parts_are_all_bytes_of_the_words_as_often() -> None:
    lines, _ = text(1, 0.05)
    lines += ["Haustür, (Gartenhof) 3.5 x2y Kinder-Wagen ß-Haus", "STRASSE Straße İstanbul"]
    counts = count_words(pa.array(lines), WHITESPACE)
    parted = constituents(counts, CompoundBPELearner(least_count=2))

    def bytes_of(found: WordCounts) -> list[int]:
        total = [0] * 256
        for word, count in zip(found.words.to_pylist(), found.counts.tolist(), strict=True):
            for byte in word:
                total[byte] += count
        return total

    assert bytes_of(parted) == bytes_of(counts)
    assert {b"(Garten", b"hof", b")", b"3.5", b"x2y", b"Kinder-Wagen"} - {
        word.strip() for word in parted.words.to_pylist()
    } == set()


def test_keys_that_make_no_sense_are_refused() -> None:
    for keys, named in (
        ({"least_count": 0}, "least_count must be at least 1"),
        ({"least_letters": 1}, "least_letters must be at least 2"),
        ({"links": ("S",)}, "links must be lower-case letters"),
    ):
        with pytest.raises(ValueError, match=named):
            CompoundBPELearner(**keys)  # type: ignore[arg-type]
