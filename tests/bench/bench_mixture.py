"""How well mixtures are inferred: python tests/bench/bench_mixture.py NAME=FILES NAME=FILES ... [--merges 300] [--trials 5]

Each NAME is a category and FILES a glob of texts (or JSON Lines with a field `text`). Documents are split in halves at
random; a vocabulary is learned from a Dirichlet mixture of one half of each, and the mixture inferred from the others.
Prints log10 of the mean squared error of each trial, and what is published for as many languages, samples of 1 GB each.
"""

import argparse
import glob
import json
import random
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairloom.operators import Pretokenizer, WordCounts, count_words, learn_bpe, merge_counts
from pairloom.operators.evaluate.mixture_inference import infer_mixture, log10_mse

CUT = Pretokenizer(scheme="gpt2")
PIECE = 4000
PUBLISHED = {5: -7.30, 10: -7.66, 30: -7.73, 112: -7.69}
"""Hayase et al. (2024), the mean of 100 trials by how many languages there are."""


def documents(pattern: str, limit: int) -> list[str]:
    """Pieces of some 4000 characters, up to `limit` bytes, from files in random order."""
    paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  (a pattern from the root)
    random.Random(0).shuffle(paths)
    found: list[str] = []
    size = 0
    for path in paths:
        if path.endswith(".jsonl"):
            with Path(path).open(encoding="utf-8") as file:
                texts = [json.loads(line)["text"] for line in file]
            random.Random(0).shuffle(texts)
        else:
            texts = [Path(path).read_text(encoding="utf-8", errors="ignore")]
        for text in texts:
            pieces = [text[i : i + PIECE] for i in range(0, len(text), PIECE)]
            found += pieces
            size += len(text)
            if size > limit:
                return found
    return found


def counts_of(texts: list[str], limit: int) -> WordCounts:
    kept, size = [], 0
    for text in texts:
        if size >= limit:
            break
        kept.append(text)
        size += len(text.encode())
    return count_words(pa.array(kept, pa.large_string()), CUT)


def bytes_of(texts: list[str], limit: int) -> int:
    size = 0
    for text in texts:
        if size >= limit:
            break
        size += len(text.encode())
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("categories", nargs="+")
    parser.add_argument("--merges", type=int, default=300)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--bytes", type=int, default=6_000_000)
    options = parser.parse_args()
    texts = {}
    for one in options.categories:
        name, _, pattern = one.partition("=")
        texts[name] = documents(pattern, options.bytes)
    errors = []
    for trial in range(options.trials):
        rng = random.Random(trial)
        shares = np.random.default_rng(trial).dirichlet(np.ones(len(texts)))
        scale = options.bytes / 2 / shares.max()
        parts, others, truth = [], {}, {}
        for (name, all_texts), share in zip(texts.items(), shares, strict=True):
            shuffled = rng.sample(all_texts, len(all_texts))
            half = len(shuffled) // 2
            parts.append(counts_of(shuffled[:half], int(share * scale)))
            truth[name] = float(bytes_of(shuffled[:half], int(share * scale)))
            others[name] = counts_of(shuffled[half:], options.bytes)
        total = sum(truth.values())
        truth = {name: size / total for name, size in truth.items()}
        vocabulary = learn_bpe(merge_counts(parts), 256 + options.merges, pretokenizer=CUT)
        started = time.process_time()
        found = infer_mixture(vocabulary, others, merges=options.merges)
        errors.append(log10_mse(found.shares, truth))
        print(
            f"trial {trial}: log10 MSE {errors[-1]:.2f}, {found.constraints:,} rows, {found.passes} passes, "
            f"{time.process_time() - started:.1f} s; "
            + ", ".join(f"{n} {truth[n]:.3f} ({found.shares[n]:.3f})" for n in truth)
        )
    nearest = min(PUBLISHED, key=lambda known: abs(known - len(texts)))
    print(f"mean {np.mean(errors):.2f}; published for {nearest} languages {PUBLISHED[nearest]}")


if __name__ == "__main__":
    main()
