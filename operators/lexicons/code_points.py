"""Ids that are code points: a character of the Basic Multilingual Plane has its own number, and no vocabulary has another.

    0000-D7FF, F900-FFFF    the characters
    E000-E0FF               special tokens
    D800-DFFF, E100-F8FF    the bytes from 80 on, by which all other text is spelled, then pairs and triples of characters

After the Unicode-centric tokenizers of bvv (Bochkov, 2025, arXiv:2507.04886), which leave out what lies beyond the plane.
"""

from collections import Counter

import numpy as np

from pairloom.operators.counts import WordCounts
from pairloom.operators.text.pretokenize.patterns.properties import scripts_of

__all__ = ["SIZE", "SPECIAL", "frequent_ngrams", "tokens_of"]

SIZE = 1 << 16
SPECIAL = range(0xE000, 0xE100)
_FREE = (*range(0xD800, 0xE000), *range(0xE100, 0xF900))
ROOM = len(_FREE) - 128


def frequent_ngrams(counts: WordCounts, each: int) -> list[str]:
    """The `each` most frequent pairs, and triples, of characters of every script, of equal ones the first; the triples first.

    The script is that of the first letter. Where there are more than ids for them, the most frequent of all stay.

    >>> import pyarrow as pa
    >>> words = WordCounts(words=pa.array([b"aba", b"ab"], pa.large_binary()).sort(), counts=np.array([5, 2]))
    >>> frequent_ngrams(words, 1)
    ['aba', 'ab']
    """
    found: dict[int, Counter[str]] = {2: Counter(), 3: Counter()}
    for word, count in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True):
        text = word.decode("utf-8", "ignore")
        for size, counter in found.items():
            for place in range(len(text) - size + 1):
                counter[text[place : place + size]] += count
    taken: list[tuple[int, str]] = []
    for counter in found.values():
        by_script: dict[str | None, list[tuple[int, str]]] = {}
        for text, count in counter.items():
            if count > 1:
                by_script.setdefault(_script(text), []).append((-count, text))
        taken += [one for some in by_script.values() for one in sorted(some)[:each]]
    return sorted((text for _, text in sorted(taken)[:ROOM]), key=lambda text: (-len(text), text))


def tokens_of(ngrams: list[str], special_tokens: tuple[str, ...]) -> list[bytes]:
    """All 65,536 tokens; those that nothing spells are empty."""
    tokens = [b""] * SIZE
    for point in (*range(0xD800), *range(0xF900, SIZE)):
        tokens[point] = chr(point).encode()
    for place, special in zip(SPECIAL, special_tokens, strict=False):
        tokens[place] = special.encode()
    spelled = [bytes([byte]) for byte in range(128, 256)] + [text.encode() for text in ngrams]
    for place, token in zip(_FREE, spelled, strict=False):
        tokens[place] = token
    return tokens


def _script(text: str) -> str | None:
    letters = [ord(character) for character in text if character.isalpha()]
    return scripts_of(np.array(letters[:1], np.uint32))[0] if letters else None
