"""Encoding with what is more than words: normal forms, and superwords."""

import time
from collections.abc import Sequence
from statistics import median

import pyarrow as pa

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    count_words,
    learn_bpe,
    learn_superwords,
    segment_words,
)
from pairloom.operators.encode import Tokenizer
from tests.bench import texts
from tests.bench.measures.sitting import Sitting, Table, ratio

__all__ = ["later_passes", "ways_of_encoding"]

_SIZE, _PASSES = 32768, 9


def later_passes(tokenizers: Sequence[Tokenizer], column: pa.LargeStringArray) -> list[float]:
    """Processor seconds of a later pass of each over the same text: medians of what they take in turn."""
    for tokenizer in tokenizers:
        for _ in range(2):
            tokenizer.encode(column)
    taken: list[list[float]] = [[] for _ in tokenizers]
    for _ in range(_PASSES):
        for tokenizer, seconds in zip(tokenizers, taken, strict=True):
            start = time.process_time()
            tokenizer.encode(column)
            seconds.append(time.process_time() - start)
    return [median(seconds) for seconds in taken]


def ways_of_encoding(sitting: Sitting) -> Table:
    """Later passes, as a share of those without a normal form and without superwords."""
    learned = pa.array(list(texts.library()), pa.large_string())
    held = texts.some(texts.installed(), min(32_000_000, sitting.bytes))
    column = pa.array(held, pa.large_string())
    cut, weaker = Pretokenizer(scheme="superbpe"), Pretokenizer(scheme="superwords")
    counts = count_words(learned, cut)
    plain = learn_bpe(counts, _SIZE, pretokenizer=cut)
    ways: dict[str, Vocabulary] = {"words": plain}
    for form in ("nfc", "nfkc"):
        ways[form.upper()] = learn_bpe(counts, _SIZE, pretokenizer=cut, normalizer=form)
    base = learn_bpe(counts, _SIZE * 4 // 5, pretokenizer=cut)
    pieces = [segment_words(base, count_words(learned, weaker))]
    ways["superwords, from 80 % of the tokens on"] = learn_superwords(
        base, pieces, _SIZE, pretokenizer=weaker
    )
    seconds = later_passes([Tokenizer(vocabulary) for vocabulary in ways.values()], column)
    size = sum(len(text.encode()) for text in held)
    rows = [
        (name, f"{size / taken / 1e6:.0f}", ratio(seconds[0], taken))
        for name, taken in zip(ways, seconds, strict=True)
    ]
    return Table(
        title="Normal forms and superwords",
        says=f"{size / 1e6:.0f} MB that the vocabularies of {_SIZE:,} tokens were not learned from, one thread, later passes, processor "
        f"time, in turn, medians of {_PASSES}.",
        head=("", "MB/s", "of words"),
        rows=rows,
    )
