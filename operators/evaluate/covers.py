"""Which tokens a text may be the beginning of: the valid encodings that cover it, for prompts that end inside a token.

    tokens   "a", "b", "ab", "ba"        covers of "a"    [a]  [ab]
    text     "aba" -> [ab][a]            covers of "ab"   [ab]             [a][b] is no encoding: "ab" is [ab]
                                         covers of "aa"   [a][a]  [a][ab]

A model over tokens gives a text that begins with `x` the probability of all covers of `x` together, whichever tokens it goes on
with (Phan et al., 2024, arXiv:2410.09303; Vieira et al., 2024, arXiv:2412.03719).
"""

from bisect import bisect_left

import numpy as np
import pyarrow as pa

from pairloom.operators.encode.tokenizer import Tokenizer

__all__ = ["covers", "encoded_bytes", "ends_inside"]


def covers(tokenizer: Tokenizer, text: str) -> list[tuple[int, ...]]:
    """The encodings, each of some text, that begin with `text` and whose last token begins inside of it.

    Ascending by where that token begins, the last first, then by its id. An encoding is what encoding its bytes gives; one that
    ends inside a character is taken as its bytes are. Of the empty text there is one, without tokens. Raises ValueError for a
    vocabulary whose tokens are not the bytes of a text, or that normalizes text.
    """
    vocabulary = tokenizer.vocabulary
    if not vocabulary.model.spells or vocabulary.normalizer != "none":
        raise ValueError("covers are of vocabularies whose tokens are the bytes of a text as it is")
    data = text.encode()
    if not data:
        return [()]
    added = set(vocabulary.added_ids)
    words = sorted((token, i) for i, token in enumerate(vocabulary.tokens) if token and i not in added)
    longest = max((len(token) for token, _ in words), default=0)
    starts = range(len(data) - 1, max(-1, len(data) - 1 - longest), -1)
    heads = encoded_bytes(tokenizer, [data[:start] for start in starts])
    found = []
    for start, head in zip(starts, heads, strict=True):
        rest = data[start:]
        at = bisect_left(words, (rest, -1))
        ids = []
        while at < len(words) and words[at][0].startswith(rest):
            ids.append(words[at][1])
            at += 1
        found += [(*head, i) for i in sorted(ids)]
    spelled = [b"".join(vocabulary.tokens[i] for i in one) for one in found]
    return [
        one for one, again in zip(found, encoded_bytes(tokenizer, spelled), strict=True) if list(one) == again
    ]


def ends_inside(tokenizer: Tokenizer, text: str, place: int) -> bool:
    """Whether a text that is cut behind its first `place` characters is cut inside a token.

    What stands before the cut is then encoded otherwise than as a part of the whole text, and a model that is asked to go on from
    there has not seen that.

    >>> import pairloom as pl
    >>> tokenizer = pl.Tokenizer(pl.learn(["a rose is a rose"], 262))
    >>> [ends_inside(tokenizer, "a rose", place) for place in (1, 3, 6)]
    [False, True, False]
    """
    whole, part = tokenizer.encode_one(text), tokenizer.encode_one(text[:place])
    return len(part) > len(whole) or not np.array_equal(whole[: len(part)], part)


def encoded_bytes(tokenizer: Tokenizer, texts: list[bytes]) -> list[list[int]]:
    """The ids of bytes, which need not be whole characters."""
    lengths = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    data = pa.py_buffer(b"".join(texts))
    column = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(lengths), data)
    found: list[list[int]] = tokenizer.encode(column).to_pylist()
    return found
