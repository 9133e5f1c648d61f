"""Numbers: whether their chunks depend on the direction they are cut from, and how a tokenizer cuts them.

Singh and Strouse, "Tokenization counts" (2024): models add better when chunks of three digits are cut from the right.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import WordCounter, WordCounts
from pairloom.operators.encode import Tokenizer
from pairloom.operators.evaluate.kernels import digit_runs
from pairloom.operators.text.arrays import TextArray, chunks, text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["KINDS", "chunk_digits", "count_numbers", "number_facts", "tally_numbers"]

KINDS = ("single", "l2r3", "r2l3", "whole", "other")
"""How a vocabulary cuts a number."""


def chunk_digits(number: str, direction: str) -> list[str]:
    """Digits in threes, from the left (`l2r3`) or from the right (`r2l3`).

    >>> chunk_digits("1234567", "l2r3"), chunk_digits("1234567", "r2l3")
    (['123', '456', '7'], ['1', '234', '567'])
    """
    if direction not in ("l2r3", "r2l3"):
        raise ValueError(f"numbers are cut l2r3 or r2l3, not {direction!r}")
    first = len(number) % 3 if direction == "r2l3" else 0
    head = [number[:first]] if first else []
    return head + [number[i : i + 3] for i in range(first, len(number), 3)]


def count_numbers(texts: TextArray) -> WordCounts:
    """How often each longest run of ASCII digits occurs in a text column; nulls count as empty documents.

    >>> numbers = count_numbers(pa.array(["v1.20, 1"]))
    >>> numbers.words.to_pylist(), numbers.counts.tolist()
    ([b'1', b'20'], [2, 1])
    """
    counter = WordCounter(Pretokenizer(scheme="none"))
    for text in chunks(texts):
        # Every run but the last of a document is followed by a byte that is none: a run for two bytes at most.
        digits = np.empty(text.bytes, np.uint8)
        ends = np.empty((text.bytes + len(text)) // 2 + 1, np.int64)
        size, runs = digit_runs(text.data, text.offsets, digits, ends)
        counter.add_pieces(digits[:size], 0, ends[:runs])
    return counter.finish()


def tally_numbers(
    vocabulary: Vocabulary, numbers: WordCounts, tokenizer: Tokenizer | None = None
) -> npt.NDArray[np.int64]:
    """Sums over the numbers of a text, int64[9], that add up over texts; see `number_facts` for what they are sums of.

    Numbers, digits, tokens, numbers whose cuts depend on the direction, and how many of these the vocabulary cuts, each
    number alone, in single digits, in threes from the left, from the right, not at all, otherwise.
    """
    lists = (tokenizer or vocabulary).encode(numbers.words.cast(pa.large_string()))
    offsets = lists.offsets.to_numpy()
    sizes = np.diff(text_of(numbers.words).offsets)
    tokens = np.diff(offsets)
    lengths = TokenTable.of(vocabulary.tokens).lengths[lists.values.to_numpy()]
    threes = np.concatenate([[0], np.cumsum(lengths == 3)])
    threes = threes[offsets[1:]] - threes[offsets[:-1]]
    rest = sizes % 3
    depends = (sizes > 3) & (rest != 0)
    kinds = np.zeros((5, len(sizes)), np.bool_)
    if depends.any():
        first, last = (np.zeros(len(sizes), np.int64) for _ in range(2))
        some = tokens > 0
        first[some], last[some] = lengths[offsets[:-1][some]], lengths[offsets[1:][some] - 1]
        in_threes = (tokens == sizes // 3 + 1) & (threes == sizes // 3)
        kinds[0] = tokens == sizes
        kinds[1] = in_threes & (last == rest)
        kinds[2] = in_threes & (first == rest)
        kinds[3] = tokens == 1
        kinds[4] = ~kinds[:4].any(axis=0)
        kinds &= depends
    columns = np.vstack([np.ones_like(sizes), sizes, tokens, depends, kinds]).astype(np.int64)
    sums: npt.NDArray[np.int64] = columns @ numbers.counts
    return sums


def number_facts(sums: npt.NDArray[np.int64]) -> dict[str, float]:
    """Shares of the numbers of a text, from sums that `tally_numbers` made.

    `direction_matters`: more than three digits, and not a multiple of three: the two directions cut at other places.
    Of these, how the vocabulary cuts the number alone: `single` digits, as `l2r3`, as `r2l3`, `whole`, or `other`.
    `tokens_per_number` and `digits_per_token` are of all numbers.
    """
    total, digits, tokens, depends, *kinds = sums.tolist()
    return {
        "numbers": total,
        "tokens_per_number": tokens / max(1, total),
        "digits_per_token": digits / max(1, tokens),
        "direction_matters": depends / max(1, total),
    } | {name: count / max(1, depends) for name, count in zip(KINDS, kinds, strict=True)}
