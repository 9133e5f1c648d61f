"""SentencePiece: normalizing by rules, merging by scores, and sums of float32, each as it is meant."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["TWINS", "cut_words", "encode_bpe", "encode_unigram", "normalize", "places", "side_by_side"]

_MARKER = "\u2581"


def normalize(
    text: str,
    rules: Mapping[str, str],
    symbols: Sequence[str] = (),
    *,
    remove: bool = True,
    dummy: bool = True,
    suffix: bool = False,
    escape: bool = True,
) -> str:
    r"""The normal form of a text; with `escape`, a space stands for U+2581 in it.

    >>> normalize(" a\tb ", {"\t": " "})
    ' a b'
    """
    parts: list[str] = []
    at = 0
    while at < len(text):
        symbol = max((one for one in symbols if text.startswith(one, at)), key=len, default="")
        rule = max((one for one in rules if text.startswith(one, at)), key=len, default="")
        taken = symbol or rule or text[at]
        parts.append(symbol or (rules[rule] if rule else taken))
        at += len(taken)
    first = 0
    while remove and first < len(parts) and parts[first] == " ":
        first += 1
    if first == len(parts):
        return ""
    out = " " if dummy and not suffix else ""
    spaced = remove
    for part in parts[first:]:
        made = part.lstrip(" ") if spaced else part
        if made:
            spaced = remove and made.endswith(" ")
        out += made.replace(_MARKER, " ") if escape else made
    if remove:
        out = out.rstrip(" ")
    return out + (" " if dummy and suffix else "")


def encode_bpe(text: str, scores: Mapping[str, float]) -> list[str]:
    """The pieces of normalized text: of two neighbours, those that make the piece of the greatest score, the leftmost first.

    >>> encode_bpe("aaab", {"aa": -1.0, "ab": -2.0})
    ['aa', 'ab']
    """
    parts = list(text)
    while True:
        pairs = [
            (-scores[a + b], i)
            for i, (a, b) in enumerate(zip(parts, parts[1:], strict=False))
            if a + b in scores
        ]
        if not pairs:
            return parts
        _, i = min(pairs)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def encode_unigram(text: str, scores: Mapping[str, float], penalty: float) -> list[str]:
    """The pieces of normalized text whose scores have the greatest sum, in float32; a character without one has the `penalty`.

    Where a sum is beyond 100,000, it is taken from all that are known from there on.

    >>> encode_unigram("aab", {"a": -1.0, "ab": -1.5, "b": -1.0}, -12.0)
    ['a', 'ab']
    """
    best: list[tuple[np.float32, int] | None] = [(np.float32(0), 0)] + [None] * len(text)
    longest = max(map(len, scores), default=1)
    for start in range(len(text)):
        known = best[start]
        assert known is not None
        if abs(known[0]) > 100_000:
            best[start:] = [one and (one[0] - known[0], one[1]) for one in best[start:]]
            known = (np.float32(0), known[1])
        for end in range(start + 1, min(start + longest, len(text)) + 1):
            piece = text[start:end]
            score = scores.get(piece, penalty if end == start + 1 else None)
            other = best[end]
            if score is not None and (other is None or known[0] + np.float32(score) > other[0]):
                best[end] = (known[0] + np.float32(score), start)
    parts: list[str] = []
    end = len(text)
    while end:
        node = best[end]
        assert node is not None
        parts.append(text[node[1] : end])
        end = node[1]
    return parts[::-1]


def side_by_side(pieces: Sequence[str]) -> Callable[[str], bool]:
    """Whether some piece has two characters side by side, or two that share their bit of the filter."""
    pairs = {
        piece[i : i + 2] for piece in pieces for i in range(len(piece) - 1) if _wide(piece[i : i + 2]) == 2
    }
    bits = min(22, max(6, (16 * len(pairs)).bit_length()))

    def place(pair: str) -> int:
        return int.from_bytes(pair.encode(), "little") * 0x9E3779B97F4A7C15 % 2**64 >> (64 - bits)

    places = {place(pair) for pair in pairs}
    return lambda pair: not pieces or place(pair) in places


def _wide(text: str) -> int:
    return sum(0x800 <= ord(char) < 0x10000 for char in text)


def cut_words(text: str, pieces: Sequence[str] = (), before: str = "first") -> list[str]:
    """The words of normalized text: each begins with a space, and those of wide characters where no piece has two side by side.

    >>> cut_words("a  b c "), cut_words(" 日本語", ["日本", "語"])
    (['a', '  b', ' c', ' '], [' 日本', '語'])
    """
    beside = side_by_side(pieces)
    starts = []
    for i in range(1, len(text)):
        pair = text[i - 1 : i + 1]
        spaced = pair[1] == " " and before != "none" and (before == "each" or pair[0] != " ")
        apart = _wide(pair) == 2 and not beside(pair) and any(char in pieces for char in pair)
        if spaced or apart:
            starts.append(i)
    return [text[a:b] for a, b in itertools.pairwise([0, *starts, len(text)]) if a < b]


def places(
    text: str,
    rules: Mapping[str, str],
    symbols: Sequence[str] = (),
    *,
    remove: bool = True,
    dummy: bool = True,
    suffix: bool = False,
    escape: bool = True,
) -> list[int]:
    r"""For each byte of the normal form of a text, and behind the last, the byte of the text that it begins at.

    >>> places(" a\tb ", {"\t": " "})
    [1, 1, 2, 3, 4]
    """
    parts: list[tuple[str, int]] = []
    at = byte = 0
    while at < len(text):
        symbol = max((one for one in symbols if text.startswith(one, at)), key=len, default="")
        rule = max((one for one in rules if text.startswith(one, at)), key=len, default="")
        taken = symbol or rule or text[at]
        parts.append((symbol or (rules[rule] if rule else taken), byte))
        at, byte = at + len(taken), byte + len(taken.encode())
    while remove and parts and parts[0][0] == " ":
        parts.pop(0)
    if not parts:
        return [byte]
    out = [(" ", parts[0][1])] if dummy and not suffix else []
    spaced = remove
    for part, begins in parts:
        made = part.lstrip(" ") if spaced else part
        if made:
            spaced = remove and made.endswith(" ")
        made = made.replace(_MARKER, " ") if escape else made
        out += [(character, begins) for character in made for _ in character.encode()]
    while remove and out and out[-1][0] == " ":
        byte = out.pop()[1]
    if dummy and suffix:
        out.append((" ", byte))
    return [*(begins for _, begins in out), byte]


TWINS: Mapping[str, Callable[..., object]] = {
    "models.sentencepiece.kernels.block:encode_sums": encode_unigram,
    "models.sentencepiece.kernels.normalize:normalize": normalize,
    "models.sentencepiece.kernels.normalize:normalize_located": places,
    "text.front.kernels.spaces:cut_spaces": cut_words,
}
