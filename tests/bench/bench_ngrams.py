"""Statistics of tokens: python tests/bench/bench_ngrams.py TEXT.jsonl [--statistic NAME] [--megabytes N] [--repeat N].

The text is tokenized by a vocabulary of 32,768 tokens learned from it, cut into units of 32 MB of text; then the keys
of each unit (of bigrams and trigrams, of trigrams, or of pairs at most 10 tokens apart) are counted and partitioned, merged, and made a
table of, in this process, with storage left out. Figures are seconds of processor time, medians, and the most memory of all.
"""

import argparse
import json
import statistics
import time
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import pyarrow as pa

from pairloom.operators import Pretokenizer, count_words, learn_bpe, merge_counts
from pairloom.operators.counts import KeyCounter
from pairloom.operators.statistics.cooccurrence import Cooccurrence
from pairloom.operators.statistics.ngrams import Ngrams
from pairloom.operators.tokens import TokenBatch

UNIT = 32 << 20
PARTS = 8
STATISTICS = {"ngrams": Ngrams(), "trigrams": Ngrams(n=(3,)), "cooccurrence": Cooccurrence(window=10)}


def main() -> None:
    """Print seconds, tokens a second, and stored bytes of the text a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--statistic", choices=STATISTICS, default="ngrams")
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    units: list[list[str]] = [[]]
    size = total = 0
    with options.text.open(encoding="utf-8") as lines:
        for line in lines:
            units[-1].append(json.loads(line)["text"])
            size, total = size + len(line), total + len(line)
            if size >= UNIT:
                units.append([])
                size = 0
            if total >= options.megabytes * 1_000_000:
                break
    columns = [pa.array(unit, pa.large_string()) for unit in units if unit]
    vocabulary = learn_bpe(count_words(columns[0], Pretokenizer()), 32_768)
    batches = [TokenBatch.of({"input_ids": vocabulary.encode(column)}) for column in columns]
    tokens = sum(batch.tokens for batch in batches)
    statistic = STATISTICS[options.statistic]
    took: dict[str, list[float]] = {"count": [], "merge": [], "table": []}
    for _ in range(options.repeat + 1):
        began = time.process_time()
        spread = []
        for batch in batches:
            counter = KeyCounter()
            statistic.add(batch, counter)
            spread.append(counter.finish().partition(PARTS))
        counted = time.process_time()
        merged = [merge_counts(unit[part] for unit in spread) for part in range(PARTS)]
        done = time.process_time()
        rows = sum(batch.num_rows for batch in statistic.finish(partial(iter, merged)))
        for name, seconds in zip(
            took, (counted - began, done - counted, time.process_time() - done), strict=True
        ):
            took[name].append(seconds)
    print(f"{total / 1e6:.0f} MB, {tokens:,} tokens, {rows:,} rows")
    middle = {name: statistics.median(seconds[1:]) for name, seconds in took.items()}
    whole = sum(middle.values())
    print("  ".join(f"{name} {seconds:.2f} s" for name, seconds in middle.items()))
    print(f"{tokens / whole / 1e6:.2f} M tokens a second, {total / whole / 1e6:.1f} MB a second")
    print(f"{whole * 1e8 / tokens:.0f} s for 100 M tokens, {getrusage(RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
