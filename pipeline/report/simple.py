"""The tokenizers beside dictionaries that need no care: what a model pays that knows no more than how often each token occurs.

Of each group's kept text every second document is for learning (LZW, sequential BPE, frequencies), the others are paid for.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.theory import (
    apply_merges,
    lzw_dictionary,
    lzw_encode,
    order_entropy,
    sequential_bpe,
    unigram_bits,
)
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sums import TextSums

__all__ = ["about_simple"]

MOST = 4  # groups, the largest
PRIOR = 0.5  # of an occurrence for every token, as some do not occur where the frequencies are from
# Of the text for each merge of sequential BPE: of fewer bytes, which pair is the most frequent is chance.
PART_BYTES = 1024
ORDERS = (0, 1, 2)

Encoded: TypeAlias = tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""How many entries there are, and the ids of both texts."""


def about_simple(
    tokenizers: Mapping[str, Vocabulary], text: TextSums | None, options: Options
) -> dict[str, Any]:
    """Rows of `model`, its `entries`, `bytes_per_token`, and bits per byte under frequencies of other text and of the same.

    LZW grows to the size of the first tokenizer, if the text is long enough. `entropy` are those of a byte given the
    ones before it, of the same text. Nothing for groups of fewer than two kept documents.
    """
    largest = sorted(text.groups.items(), key=lambda item: (-item[1].bytes, item[0])) if text else []
    rows, entropy = [], []
    for name, group in largest[:MOST]:
        places = np.arange(len(group.texts))
        train, test = (group.texts.take(pa.array(places[places % 2 == half])) for half in (0, 1))
        data = b"".join(one.encode() for one in test.to_pylist())
        if not data:
            continue
        before = b"".join(one.encode() for one in train.to_pylist())
        models = {key: _encoded(one, train, test) for key, one in tokenizers.items()}
        learned = _learned(before, data, next(iter(models.values()))[0])
        models |= {key if key not in models else f"{key} again": one for key, one in learned.items()}
        rows += [
            {"group": name, "model": key} | _paid(entries, seen, asked, len(data))
            for key, (entries, seen, asked) in models.items()
        ]
        bits = {f"order_{k}": order_entropy(data, k) for k in ORDERS}
        entropy.append({"group": name, "bytes": len(data)} | bits)
    return {"simple": {"by": options.by or "source", "rows": rows, "entropy": entropy}} if rows else {}


def _encoded(vocabulary: Vocabulary, train: pa.LargeStringArray, test: pa.LargeStringArray) -> Encoded:
    seen, asked = (vocabulary.encode(half).values.to_numpy() for half in (train, test))
    return len(vocabulary), seen, asked


def _learned(train: bytes, test: bytes, size: int) -> dict[str, Encoded]:
    """Entries, and the ids of both texts, of the dictionaries learned from the first."""
    one, other = (np.frombuffer(half, np.uint8).astype(np.int64) for half in (train, test))
    grown = lzw_dictionary(train, size)
    merges, merged = sequential_bpe(one, 256, min(max(0, size - 256), len(train) // PART_BYTES))
    parsed, tested = (np.array(lzw_encode(half, grown), np.int64) for half in (train, test))
    return {
        "bytes": (256, one, other),
        "LZW": (len(grown), parsed, tested),
        "sequential BPE": (256 + len(merges), merged, apply_merges(other, merges, 256)),
    }


def _paid(
    entries: int, seen: npt.NDArray[np.int64], asked: npt.NDArray[np.int64], size: int
) -> dict[str, float]:
    known, paid = (np.bincount(ids, minlength=entries).astype(np.int64) for ids in (seen, asked))
    return {
        "entries": entries,
        "bytes_per_token": size / max(1, len(asked)),
        "bits": unigram_bits(known, paid, size, prior=PRIOR),
        "own": unigram_bits(paid, paid, size),
    }
