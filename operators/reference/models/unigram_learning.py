"""Learning a Unigram: what is expected of pieces, what they are made of, and which are missed least, the slow way."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from pairloom.operators.reference.models.bpe.superwords import script_of

__all__ = [
    "TWINS",
    "alternatives",
    "best_counts",
    "characters",
    "digamma",
    "ends",
    "expected",
    "exponential",
    "logarithm",
    "reach",
    "seeds",
    "stays",
]

BARRED, SPACE, INHERITED, ANY = 0, 1, 2, 3

_LN2 = 0.693147180369123816490, 1.90821492927058770002e-10


def logarithm(x: float) -> float:
    """The natural logarithm, bit for bit as the kernel has it."""
    part, power = math.frexp(x)
    if part < 0.7071067811865476:
        part, power = 2.0 * part, power - 1
    s = (part - 1.0) / (part + 1.0)
    z, total = s * s, 0.0
    for k in range(12, 0, -1):
        total = (total + 1.0 / (2.0 * k + 1.0)) * z
    return power * _LN2[0] + (power * _LN2[1] + (2.0 * s + 2.0 * s * total))


def exponential(x: float) -> float:
    """E to a power, bit for bit as the kernel has it."""
    if x < -700.0:
        return 0.0
    power = math.floor(x / sum(_LN2) + 0.5)
    rest = (x - power * _LN2[0]) - power * _LN2[1]
    total = 1.0
    for k in range(18, 0, -1):
        total = 1.0 + total * rest / k
    return math.ldexp(total, power)


def digamma(x: float) -> float:
    """The derivative of the logarithm of the gamma function, bit for bit as the kernel has it."""
    total = 0.0
    while x < 7.0:
        total -= 1.0 / x
        x += 1.0
    x -= 0.5
    y = 1.0 / (x * x)
    series = ((-127.0 / 30720.0 * y + 31.0 / 8064.0) * y - 7.0 / 960.0) * y + 1.0 / 24.0
    return total + (logarithm(x) + series * y)


def _edges(word: str, pieces: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """(begin, end, piece) of what may be in a spelling; -1 for a character that is no piece."""
    found = []
    for begin in range(len(word)):
        found += [
            (begin, end, pieces[word[begin:end]])
            for end in range(begin + 1, len(word) + 1)
            if word[begin:end] in pieces
        ]
        if word[begin] not in pieces:
            found.append((begin, begin + 1, -1))
    return found


def expected(
    words: Mapping[str, int], pieces: Mapping[str, int], chances: Sequence[float], unknown: float
) -> tuple[list[Fraction], Fraction]:
    """How often each piece is expected in words, without rounding, and the product of the words' probabilities, each once."""
    sums, product = [Fraction(0)] * len(pieces), Fraction(1)
    for word, count in words.items():
        edges = _edges(word, pieces)
        front = [Fraction(1)] + [Fraction(0)] * len(word)
        back = [Fraction(0)] * len(word) + [Fraction(1)]
        chance = [Fraction(unknown) if piece < 0 else Fraction(chances[piece]) for _, _, piece in edges]
        for (begin, end, _), p in zip(edges, chance, strict=True):
            front[end] += front[begin] * p
        for (begin, end, _), p in reversed(list(zip(edges, chance, strict=True))):
            back[begin] += back[end] * p
        for (begin, end, piece), p in zip(edges, chance, strict=True):
            if piece >= 0:
                sums[piece] += count * front[begin] * p * back[end] / front[-1]
        product *= front[-1]
    return sums, product


def _best(
    word: str, pieces: Mapping[str, int], scores: Sequence[float], unknown: float | None
) -> list[int] | None:
    """The best spelling; None where there is none (without `unknown`, characters have to be pieces)."""
    best: list[tuple[float, int, int] | None] = [(0.0, -1, -1)] + [None] * len(word)
    for begin, end, piece in _edges(word, pieces):
        known, other = best[begin], best[end]
        if known is None or (piece < 0 and unknown is None):
            continue
        total = known[0] + (scores[piece] if piece >= 0 else unknown or 0.0)
        if other is None or total > other[0]:
            best[end] = (total, begin, piece)
    found, end = [], len(word)
    if best[end] is None:
        return None
    while end:
        node = best[end]
        assert node is not None
        found.append(node[2])
        end = node[1]
    return found[::-1]


def best_counts(
    words: Mapping[str, int], pieces: Mapping[str, int], scores: Sequence[float], unknown: float
) -> tuple[list[int], int]:
    """How often each piece is in the best spellings of words, and how many parts these have.

    >>> best_counts({"ab": 2, "q": 1}, {"a": 0, "b": 1, "ab": 2}, [-1.0, -1.0, -1.5], -9.0)
    ([0, 0, 2], 3)
    """
    sums, parts = [0] * len(pieces), 0
    for word, count in words.items():
        found = _best(word, pieces, scores, unknown) or []
        parts += count * len(found)
        for piece in found:
            if piece >= 0:
                sums[piece] += count
    return sums, parts


def alternatives(
    pieces: Mapping[str, int], scores: Sequence[float], used: Sequence[int]
) -> list[float | str]:
    """What becomes of each piece: it is dropped, it is kept, or the log-likelihood that is lost without it."""
    whole, found = sum(used), list[float | str]()
    for piece, number in pieces.items():
        others = {other: i for other, i in pieces.items() if i != number}
        parts = _best(piece, others, scores, None) if used[number] else None
        if not used[number]:
            found.append("drop")
        elif parts is None:
            found.append("keep")
        else:
            total = 0.0
            for part in parts:
                total += scores[part]
            if total > scores[number]:
                found.append("drop")
                continue
            after = 0.0
            log_after = logarithm(whole + float(used[number]) * (len(parts) - 1))
            for part in reversed(parts):
                after += logarithm(used[part] + float(used[number])) - log_after
            found.append(used[number] * (logarithm(float(used[number])) - logarithm(float(whole)) - after))
    return found


def stays(
    pieces: Sequence[str], found: Sequence[float | str], room: int, size: int, caps: Mapping[str, int]
) -> list[str]:
    """Which pieces stay where there is `room` for so many, of what `alternatives` found, in their order.

    What is to be kept stays, and what would be missed most; of a script, only so many as its cap is of `size`.

    >>> stays(["ab", "да", "не", "c"], [3.0, 9.0, "keep", 4.0], 2, 1, {"Cyrillic": 1})
    ['да', 'не']
    >>> stays(["ab", "да", "не", "c"], [3.0, 9.0, "keep", 4.0], 3, 3, {"Cyrillic": 1})
    ['ab', 'не', 'c']
    """
    left = {script: cap * room // size for script, cap in caps.items()}
    order = sorted(
        (-math.inf if one == "keep" else -float(one), i) for i, one in enumerate(found) if one != "drop"
    )
    chosen: list[int] = []
    for loss, i in order:
        script = script_of(pieces[i].encode()) if len(pieces[i]) > 1 else None
        if left.get(script or "", 1) <= 0 or (len(chosen) >= room and loss > -math.inf):
            continue
        if script in left:
            left[script] -= 1
        chosen.append(i)
    return [pieces[i] for i in sorted(chosen)]


def characters(words: Mapping[str, int]) -> Counter[str]:
    """How often each character is in words."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            found[char] += count
    return found


def reach(text: str, kinds: Mapping[str, int], longest: int) -> str:
    """The longest beginning of a text that may be a piece.

    >>> reach(" ab,", {" ": 1, "a": 4, "b": 4, ",": 5}, 16)
    ' ab'
    """
    script = ANY
    for i, char in enumerate(text[:longest]):
        kind = kinds.get(char, BARRED)
        if kind == BARRED or (kind == SPACE and i > 0):
            return text[:i]
        if kind == INHERITED:
            kind = script
        if kind > ANY and script > ANY and kind != script:
            return text[:i]
        script = kind if kind >= ANY else script
    return text[:longest]


def ends(words: Mapping[str, int], kinds: Mapping[str, int], longest: int) -> dict[str, int]:
    """The longest piece that may begin at each place of words, where that has two characters, and how often, by bytes."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for i in range(len(word)):
            text = reach(word[i:], kinds, longest)
            if len(text) >= 2:
                found[text] += count
    return {text: found[text] for text in sorted(found, key=str.encode)}


def seeds(found: Mapping[str, int], least: int, most: int) -> list[tuple[str, int]]:
    """The best beginnings of texts that occur more often than each longer one, and their scores.

    >>> seeds({"abc": 2, "abd": 1, "bc": 2}, 2, 9)
    [('ab', 6), ('abc', 6), ('bc', 4)]
    """
    counts: Counter[str] = Counter()
    for text, count in found.items():
        for end in range(2, len(text) + 1):
            counts[text[:end]] += count
    longer: Counter[str] = Counter()
    for text, count in counts.items():
        longer[text[:-1]] = max(longer[text[:-1]], count)
    chosen = [
        (text, count * len(text)) for text, count in counts.items() if count >= least and count > longer[text]
    ]
    return sorted(chosen, key=lambda one: (-one[1], one[0].encode()))[:most]


_LEARNING = "models.unigram.learning.kernels"
TWINS: Mapping[str, Callable[..., object]] = {
    f"{_LEARNING}.arithmetic:logarithms": logarithm,
    f"{_LEARNING}.arithmetic:probabilities": exponential,
    f"{_LEARNING}.arithmetic:digammas": digamma,
    f"{_LEARNING}.expecting:expected_counts": expected,
    f"{_LEARNING}.expecting:best_paths": best_counts,
    f"{_LEARNING}.pruning:losses": alternatives,
    f"{_LEARNING}.seeding:count_points": characters,
    f"{_LEARNING}.seeding:measure": ends,
    f"{_LEARNING}.seeding:reaches": reach,
    f"{_LEARNING}.seeding:gather": ends,
    f"{_LEARNING}.seeding:settle": ends,
    f"{_LEARNING}.seeding:unite": ends,
    f"{_LEARNING}.seeding:candidates": seeds,
}
