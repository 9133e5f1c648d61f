"""Merges that are found in one batch, over Python lists: the twin of their kernel."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "is_rejected", "merge_batch"]

BLANKS = b" \t\n\v\f\r"


def is_rejected(token: bytes) -> bool:
    r"""Whether no pair is merged to a token: for a blank inside of it, unless all of it is blank, and as two ends of lines.

    >>> [is_rejected(token) for token in (b" a", b"a b", b"  a", b"   ", b"\n\n", b"\n\n\n")]
    [False, True, True, False, True, False]
    """
    inside = any(byte in BLANKS for byte in token[1:])
    return inside and (token == b"\n\n" or not all(byte in BLANKS for byte in token))


def merge_batch(
    rows: Sequence[Sequence[int]],
    joins: Sequence[Sequence[bool]],
    merges: int,
    first: int,
    *,
    texts: Sequence[bytes] | None = None,
    least: int = 2,
) -> tuple[list[list[int]], list[tuple[int, int]], list[int]]:
    """The rows after at most so many merges, these, and how many tokens there are after each number of them.

    `texts` are the bytes of each of the `first` tokens of the vocabulary, where what they make together may be rejected.
    """
    spelled = None if texts is None else list(texts)
    made = [list(zip(ids, flags, strict=True)) for ids, flags in zip(rows, joins, strict=True)]
    pairs: list[tuple[int, int]] = []
    sizes = [sum(map(len, made))]
    for merge in range(merges):
        found = Counter((row[i - 1][0], row[i][0]) for row in made for i in range(1, len(row)) if row[i][1])
        if spelled is not None:
            found = Counter(
                {pair: n for pair, n in found.items() if not is_rejected(b"".join(spelled[i] for i in pair))}
            )
        best = min(found, key=lambda pair: (-found[pair], pair), default=None)
        if best is None or found[best] < least:
            break
        pairs.append(best)
        if spelled is not None:
            spelled.append(spelled[best[0]] + spelled[best[1]])
        for row in made:
            i = 0
            while i + 1 < len(row):
                if row[i + 1][1] and (row[i][0], row[i + 1][0]) == best:
                    row[i : i + 2] = [(first + merge, row[i][1])]
                i += 1
        sizes.append(sum(map(len, made)))
    return [[token for token, _ in row] for row in made], pairs, sizes


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.dynamic_bpe:merge_batch": merge_batch}
