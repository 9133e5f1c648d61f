"""Megabytes a second of each document step, on one core, beside datatrove's filters where it is installed.

    python tests/bench/bench_filters.py [--megabytes 16] [--rounds 5]

The texts are Python's manual in documents of 4 KB, and some of 400 KB among them. Figures are medians of processor time, compiled
before; datatrove gets a sixteenth of the documents. It is given the words that we see, since a library for words would take most of its
time: `pip install datatrove nltk` has it run.
"""

import argparse
import statistics
import time
from pydoc_data.topics import topics

import numpy as np
import pyarrow as pa

from pairloom.operators.documents import DocumentBatch, Entries
from pairloom.operators.documents.c4_quality import C4Quality
from pairloom.operators.documents.clean_text import CleanText
from pairloom.operators.documents.decontaminate import Decontaminate
from pairloom.operators.documents.drop_words import DropWords
from pairloom.operators.documents.fineweb_quality import FineWebQuality
from pairloom.operators.documents.gopher_quality import GopherQuality
from pairloom.operators.documents.gopher_repetition import GopherRepetition
from pairloom.operators.documents.length import Length
from pairloom.operators.documents.rewrite import Rewrite, Rule
from pairloom.operators.documents.script import Script
from pairloom.operators.documents.separate_digits import SeparateDigits
from pairloom.operators.documents.shorten import Shorten
from pairloom.operators.documents.shuffle_words import ShuffleWords
from pairloom.operators.documents.typos import Typos

NOTHING = dict.fromkeys(("max_paragraphs", "max_paragraph_characters", "max_lines", "max_line_characters"))
# Every rule is asked for, and none is broken before the last.
PATIENT = GopherRepetition(
    **NOTHING,
    max_top=tuple((n, 1.0) for n in (2, 3, 4)),
    max_repeated=tuple((n, 1.0) for n in range(5, 11)),
)
STEPS = {
    "length": Length(min_words=1),
    "script": Script(scripts=("Latin",)),
    "gopher_quality": GopherQuality(),
    "gopher_repetition": GopherRepetition(),
    "gopher_repetition, all rules": PATIENT,
    "fineweb_quality": FineWebQuality(),
    "c4_quality": C4Quality(),
    "clean_text": CleanText(),
    "clean_text, nfc": CleanText(form="nfc"),
    "rewrite": Rewrite(layers=((Rule("  +", " "),),)),
    "separate_digits": SeparateDigits(),
    "shorten": Shorten(),
    "drop_words": DropWords(),
    "typos": Typos(),
    "shuffle_words": ShuffleWords(),
}


STEPS["decontaminate"] = Decontaminate(against=("manual",)).with_lists(
    (
        Entries(
            np.zeros(0, np.int64), names=pa.array([topics["lambda"], *sorted(topics)[:50]], pa.large_string())
        ),
    )
)


def documents(size):
    raw = "".join(topics.values())
    small = [raw[i : i + 4000] for i in range(0, len(raw), 4000)]
    large = [raw[:400_000]]
    found, total = [], 0
    while total < size:
        part = small * 3 + large
        found += part
        total += sum(map(len, part))
    return found


def rate(action, size, rounds):
    action()
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        action()
        taken.append(time.process_time() - begun)
    return size / 1e6 / statistics.median(taken)


def peers():
    try:
        from datatrove.data import Document
        from datatrove.pipeline import filters
    except ImportError:
        return {}
    from datatrove.pipeline.filters import (
        c4_filters,
        fineweb_quality_filter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )

    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = lambda text, _: text.split()
    c4_filters.split_into_sentences = lambda text, _: text.split(". ")

    def over(judge):
        return lambda texts: [judge.filter(Document(text=text, id="")) for text in texts]

    return {
        "gopher_quality": over(filters.GopherQualityFilter()),
        "gopher_repetition": over(filters.GopherRepetitionFilter()),
        "fineweb_quality": over(filters.FineWebQualityFilter()),
        "c4_quality": over(filters.C4QualityFilter()),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    texts = documents(asked.megabytes * 1e6)
    batch, few = DocumentBatch.of(texts), texts[: max(1, len(texts) // 16)]
    size, theirs = sum(map(len, few)), peers()
    for name, step in STEPS.items():
        ours = rate(lambda step=step: step(batch), batch.bytes, asked.rounds)
        line = f"{name:30} {ours:8.1f} MB/s"
        if name in theirs:
            other = rate(lambda name=name: theirs[name](few), size, 1)
            line += f"   datatrove {other:6.1f} MB/s, {ours / other:.0f} times"
        print(line)


if __name__ == "__main__":
    main()
