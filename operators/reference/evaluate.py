"""The measures of `pairloom.operators.evaluate`, word by word and document by document."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "TWINS",
    "count_numbers",
    "document_rows",
    "kind_of",
    "merge_uses",
    "number_shares",
    "renyi",
    "rivals",
    "tally",
]


def kind_of(word: bytes) -> str:
    """The kind of a word by what is left without leading spaces.

    >>> kind_of(b" the"), kind_of(b"12"), kind_of(b"  "), kind_of(b"();"), kind_of(b"x1")
    ('text', 'digits', 'whitespace', 'symbols', 'mixed')
    """
    kinds = set()
    for byte in word.lstrip(b" "):
        char = bytes([byte])
        if byte >= 0x80 or char.isalpha():
            kinds.add("text")
        elif char.isdigit():
            kinds.add("digits")
        elif char.isspace():
            kinds.add("whitespace")
        else:
            kinds.add("symbols")
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "whitespace"


def tally(encoded: Iterable[tuple[bytes, int, list[int]]]) -> dict[str, object]:
    """Sums over (word, count, ids): tokens by id, and by kind words, bytes, characters, tokens, whole, distinct."""
    ids: Counter[int] = Counter()
    sums: dict[str, list[int]] = {}
    per_word: Counter[int] = Counter()
    for word, count, tokens in encoded:
        for token in tokens:
            ids[token] += count
        row = sums.setdefault(kind_of(word), [0] * 6)
        characters = sum(byte & 0xC0 != 0x80 for byte in word)
        whole = len(tokens) == 1
        for i, value in enumerate((1, len(word), characters, len(tokens), whole)):
            row[i] += count * value
        row[5] += 1
        per_word[min(len(tokens), 16)] += count
    return {"ids": ids, "sums": sums, "per_word": per_word}


def renyi(counts: Mapping[int, int], size: int, alpha: float) -> float:
    """Rényi efficiency from its definition, for an order other than 1."""
    total = sum(counts.values())
    powers = math.fsum((count / total) ** alpha for count in counts.values())
    return math.log(powers) / (1 - alpha) / math.log(size)


def document_rows(lengths: list[int], size: int) -> dict[str, float]:
    """What becomes of documents in rows of `size` tokens, one document at a time."""
    kept = sum(min(length, size) for length in lengths)
    return {
        "whole": sum(length <= size for length in lengths) / len(lengths),
        "truncated": (sum(lengths) - kept) / sum(lengths),
        "padding": 1 - kept / (size * len(lengths)),
        "pieces": sum(math.ceil(length / size) for length in lengths) / len(lengths),
    }


def count_numbers(texts: Iterable[str]) -> Counter[bytes]:
    """How often each longest run of ASCII digits occurs."""
    found: Counter[bytes] = Counter()
    for text in texts:
        found.update(re.findall(rb"[0-9]+", text.encode()))
    return found


def number_shares(cuts: list[tuple[list[bytes], int]]) -> dict[str, float]:
    """Shares of numbers by how they are cut, from the tokens of each and its count."""
    kinds = dict.fromkeys(("single", "l2r3", "r2l3", "whole", "other"), 0)
    depends = 0
    for cut, count in cuts:
        number = b"".join(cut)
        if len(number) <= 3 or len(number) % 3 == 0:
            continue
        depends += count
        rest = len(number) % 3
        right = [number[:rest], *(number[i : i + 3] for i in range(rest, len(number), 3))]
        left = [number[i : i + 3] for i in range(0, len(number), 3)]
        known = {"single": [number[i : i + 1] for i in range(len(number))], "l2r3": left, "r2l3": right}
        known["whole"] = [number]
        kinds[next((name for name, one in known.items() if one == cut), "other")] += count
    total = sum(count for _, count in cuts)
    return {
        "direction_matters": depends / max(1, total),
        "tokens_per_number": sum(len(cut) * count for cut, count in cuts) / max(1, total),
    } | {name: count / max(1, depends) for name, count in kinds.items()}


def merge_uses(merges: list[tuple[int, int]], products: list[int], tokens: Iterable[int]) -> list[int]:
    """How often each merge was made to make some tokens, by taking these apart.

    >>> merge_uses([(0, 1), (2, 2)], [2, 3], [3, 2, 0])
    [3, 1]
    """
    parts = dict(zip(products, enumerate(merges), strict=True))
    uses = [0] * len(merges)
    todo = list(tokens)
    while todo:
        token = todo.pop()
        if token in parts:
            rank, pair = parts[token]
            uses[rank] += 1
            todo += pair
    return uses


def rivals(
    values: list[float],
    merged: list[int],
    allowed: list[float],
    changes: list[list[tuple[int, float]]],
    most: int,
) -> list[list[int]]:
    """For each merge the pairs, `most` of them at most, whose value is above that of the pair merged, the greatest first.

    >>> rivals([3.0, 5.0], [0, 0], [0.0, 0.0], [[(1, -4.0)], []], 1)
    [[1], []]
    """
    values, found = list(values), []
    for pair, room, edits in zip(merged, allowed, changes, strict=True):
        above = [i for i, value in enumerate(values) if value > values[pair] + room]
        found.append(sorted(above, key=lambda i: (-values[i], i))[:most])
        for place, change in edits:
            values[place] += change
    return found


TWINS: Mapping[str, Callable[..., object]] = {
    "evaluate.kernels:digit_runs": count_numbers,
    "evaluate.kernels:add_words": tally,
    "evaluate.kernels:find_rivals": rivals,
    "evaluate.kernels:unmake_merges": merge_uses,
}
