"""Numbers: whether their chunks depend on the direction they are cut from, and how a tokenizer cuts them.

Singh and Strouse, "Tokenization counts" (2024): models add better when chunks of three digits are cut from the right.
"""

import re
from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

from pairloom.operators.vocabulary import Vocabulary

__all__ = ["chunk_digits", "count_numbers", "number_facts"]

_DIGITS = re.compile(rb"[0-9]+")


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


def count_numbers(texts: pa.Array) -> Counter[bytes]:
    """How often each longest run of ASCII digits occurs in a text column.

    >>> sorted(count_numbers(pa.array(["v1.20, 1"])).items())
    [(b'1', 2), (b'20', 1)]
    """
    found: Counter[bytes] = Counter()
    for text in texts.cast(pa.large_binary()).to_pylist():
        found.update(_DIGITS.findall(text or b""))
    return found


def number_facts(vocabulary: Vocabulary, numbers: Mapping[bytes, int]) -> dict[str, float]:
    """Shares of the numbers of a text, which are given with their counts.

    `direction_matters`: more than three digits, and not a multiple of three: the two directions cut at other places.
    Of these, how the vocabulary cuts the number alone: `single` digits, as `l2r3`, as `r2l3`, `whole`, or `other`.
    `tokens_per_number` and `digits_per_token` are of all numbers.
    """
    kinds = {"single": 0, "l2r3": 0, "r2l3": 0, "whole": 0, "other": 0}
    total = digits = tokens = depends = 0
    items = list(numbers.items())
    column = pa.array([number.decode() for number, _ in items], pa.large_string())
    rows = vocabulary.encode(column).to_pylist() if items else []
    for (number, count), ids in zip(items, rows, strict=True):
        total += count
        digits += count * len(number)
        tokens += count * len(ids)
        if len(number) <= 3 or len(number) % 3 == 0:
            continue
        depends += count
        cut = [vocabulary.tokens[i].decode("latin-1") for i in ids]
        kinds[_kind(number.decode(), cut)] += count
    return {
        "numbers": total,
        "tokens_per_number": tokens / max(1, total),
        "digits_per_token": digits / max(1, tokens),
        "direction_matters": depends / max(1, total),
    } | {name: count / max(1, depends) for name, count in kinds.items()}


def _kind(number: str, cut: list[str]) -> str:
    if len(cut) == len(number):
        return "single"
    if len(cut) == 1:
        return "whole"
    for direction in ("l2r3", "r2l3"):
        if cut == chunk_digits(number, direction):
            return direction
    return "other"
