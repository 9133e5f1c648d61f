"""The measures of `pairloom.operators.evaluate`, word by word and document by document."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from pairloom.operators.reference.models.bpe.learning import apply_merge, pair_counts

__all__ = [
    "TWINS",
    "apply_merges",
    "count_numbers",
    "document_rows",
    "kind_of",
    "lzw_dictionary",
    "lzw_encode",
    "merge_uses",
    "number_shares",
    "renyi",
    "rivals",
    "sequential_merges",
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


def lzw_dictionary(data: bytes, size: int) -> list[bytes]:
    """The bytes, then what each phrase of LZW grows by, until there are `size` entries or the text ends."""
    entries = [bytes([byte]) for byte in range(256)]
    known = set(entries)
    start = 0
    while start < len(data) and len(entries) < size:
        end = start + 1
        while end < len(data) and data[start : end + 1] in known:
            end += 1
        if end < len(data):
            found = data[start : end + 1]
            known.add(found)
            entries.append(found)
        start = end
    return entries


def lzw_encode(data: bytes, dictionary: Sequence[bytes]) -> list[int]:
    """At each place the longest entry of the dictionary, which has every byte."""
    index = {entry: i for i, entry in enumerate(dictionary)}
    longest = max(map(len, dictionary))
    out = []
    start = 0
    while start < len(data):
        end = min(len(data), start + longest)
        while data[start:end] not in index:
            end -= 1
        out.append(index[data[start:end]])
        start = end
    return out


def sequential_merges(
    sequence: Sequence[int], symbols: int, merges: int, threshold: int
) -> list[tuple[int, int]]:
    """The most frequent pair of each part after the merges before it, while it occurs `threshold` times.

    >>> sequential_merges([0, 1, 0, 1, 2, 2, 2, 2], 3, 2, 2)
    [(0, 1), (2, 2)]
    """
    found: list[tuple[int, int]] = []
    size, longer = divmod(len(sequence), max(1, merges))
    begin = 0
    for part in range(merges):
        end = begin + size + (part < longer)
        own = tuple(apply_merges(sequence[begin:end], found, symbols))
        begin = end
        counts = pair_counts({own: 1})
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < threshold:
            break
        found.append(best)
    return found


def apply_merges(sequence: Sequence[int], merges: Iterable[tuple[int, int]], symbols: int) -> list[int]:
    """Each merge made from left to right, one after another; their products are `symbols`, `symbols + 1`, ...

    >>> apply_merges([2, 2, 2, 0, 1], [(0, 1), (2, 2), (2, 3)], 3)
    [4, 5]
    """
    word = tuple(sequence)
    for rank, pair in enumerate(merges):
        word = apply_merge(word, pair, symbols + rank)
    return list(word)


TWINS: Mapping[str, Callable[..., object]] = {
    "evaluate.kernels:digit_runs": count_numbers,
    "evaluate.kernels:add_words": tally,
    "evaluate.kernels:find_rivals": rivals,
    "evaluate.kernels:unmake_merges": merge_uses,
    "evaluate.theory.kernels:grow_entries": lzw_dictionary,
    "evaluate.theory.kernels:parse_longest": lzw_encode,
    "evaluate.theory.kernels:find_merges": sequential_merges,
    "evaluate.theory.kernels:apply_merges": apply_merges,
}
