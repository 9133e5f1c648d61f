"""Learning superwords: two stages of greedy merges, the second in longer pieces and with limits."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pairloom.operators.reference.models.bpe.learning import apply_merge, learn_merges, pair_counts
from pairloom.operators.text.pretokenize.patterns.properties import scripts_of

__all__ = ["TWINS", "learn_superwords", "passed_over", "script_of"]


def passed_over(
    token: bytes, max_words: int | None, forbid: Sequence[bytes], blocked: Sequence[bytes] = ()
) -> bool:
    """Whether a merge may not make this token.

    >>> passed_over(b"of the", 2, [b": "]), passed_over(b" of the end", 2, []), passed_over(b"a: b", 4, [b": "])
    (False, True, True)
    """
    if token in blocked or any(string in token for string in forbid):
        return True
    return max_words is not None and len([part for part in token.split(b" ") if part]) > max_words


def script_of(token: bytes) -> str | None:
    """The script of the first whole character of a token that is of one; None if none is.

    >>> script_of("1 да".encode()), script_of("日本".encode()[1:]), script_of("日".encode()[:2]), script_of(b"12")
    ('Cyrillic', 'Han', None, None)
    """
    points = np.array([ord(char) for char in token.decode(errors="ignore")], np.uint32)
    found = [name for name in scripts_of(points) if name not in (None, "Common", "Inherited")]
    return found[0] if found else None


def learn_superwords(
    words: Mapping[bytes, int],
    pieces: Mapping[bytes, int],
    transition: int,
    merges: int,
    max_words: int | None = None,
    forbid: Sequence[bytes] = (),
    min_count: int = 1,
    letters: bytes = bytes(range(256)),
) -> list[tuple[int, int]]:
    """Up to `transition` merges of `words`, then of `pieces` up to `merges` in all; byte `letters[i]` has the id i.

    >>> learn_superwords({b"aa": 2, b"b": 3}, {b"aabaab": 1}, 1, 9)
    [(97, 97), (256, 98), (257, 257)]
    """
    ids = {byte: i for i, byte in enumerate(letters)}
    learned = learn_merges(
        {tuple(ids[b] for b in w): n for w, n in words.items()}, 256, transition, min_count
    )
    tokens = [bytes([byte]) for byte in letters]
    current = {tuple(ids[b] for b in piece): n for piece, n in pieces.items()}
    for pair in learned:
        current = _merged(current, pair, len(tokens))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
    while len(learned) < merges:
        counts = pair_counts(current)
        for left, right in list(counts):
            if passed_over(tokens[left] + tokens[right], max_words, forbid):
                del counts[left, right]
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], p))
        if counts[pair] < max(1, min_count):
            break
        current = _merged(current, pair, len(tokens))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        learned.append(pair)
    return learned


def _merged(
    words: Mapping[tuple[int, ...], int], pair: tuple[int, int], product: int
) -> dict[tuple[int, ...], int]:
    merged: Counter[tuple[int, ...]] = Counter()
    for word, count in words.items():
        merged[apply_merge(word, pair, product)] += count
    return dict(merged)


TWINS: Mapping[str, Callable[..., object]] = {
    "models.bpe.kernels.limits:mark_rejected": passed_over,
}
