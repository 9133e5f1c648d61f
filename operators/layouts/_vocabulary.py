"""What row steps know of a vocabulary's tokens: which are special, which go on with a word, which end a sentence."""

import unicodedata
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.layouts.kernels.masked_lm import CLOSES, GOES_ON, SPECIAL

__all__ = ["ordinary_ids", "sentence_ends", "token_bits"]

# What closes a sentence, whatever quotes and brackets stand behind it.
STOPS = frozenset(".!?\u2026\u3002\uff01\uff1f\uff0e\u061f\u06d4\u0964\u0965")
BEHIND = "\"')]}\u2019\u201d\u300d\u300f\u00bb"


def ordinary_ids(tokenizer: Any) -> npt.NDArray[np.uint32]:
    """The ids that a random token is drawn from: of tokens that are neither special nor empty, ascending."""
    some = np.array([bool(token) for token in tokenizer.tokens], np.bool_)
    some[list(tokenizer.reserved_ids)] = False
    found = np.flatnonzero(some).astype(np.uint32)
    if not len(found):
        raise ValueError("the vocabulary has no token that is not special")
    return found


def sentence_ends(tokenizer: Any) -> npt.NDArray[np.bool_]:
    """Of each token, whether a sentence ends with it: at a full stop, a question or exclamation mark, or a line's end."""
    ends = np.zeros(len(tokenizer), np.bool_)
    for i, token in enumerate(tokenizer.tokens):
        text = token.decode("utf-8", "replace")
        bare = text.rstrip().rstrip(BEHIND)
        ends[i] = "\n" in text or (bool(bare) and bare[-1] in STOPS)
    ends[list(tokenizer.reserved_ids)] = False
    return ends


def token_bits(tokenizer: Any) -> npt.NDArray[np.uint8]:
    """Of each token of a vocabulary: whether it is special, goes on with a word, ends outside of one; uint8."""
    tokens = list(tokenizer.tokens)
    # WordPiece spells what goes on with a word with two hashes in front, and nothing else does.
    hashes = 20 * sum(token.startswith(b"##") and len(token) > 2 for token in tokens) > len(tokens)
    bits = np.zeros(len(tokens), np.uint8)
    for i, token in enumerate(tokens):
        if hashes:
            goes_on, closes = token.startswith(b"##"), False
        else:
            goes_on, closes = _in_word(token, first=True), not _in_word(token, first=False)
        bits[i] = goes_on * GOES_ON | closes * CLOSES
    bits[list(tokenizer.reserved_ids)] = SPECIAL
    return bits


def _in_word(token: bytes, *, first: bool) -> bool:
    """Whether the first or the last character of a token is one that words go on with; a part of a character is."""
    text = token.decode("utf-8", "replace")
    character = (text[0] if first else text[-1]) if text else " "
    if character == "\ufffd":
        return True
    # Ideographs and kana are words of their own, as in BERT; marks and digits belong to words.
    code = ord(character)
    alone = (
        0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or code >= 0x20000
    )
    return not alone and (character.isalnum() or unicodedata.category(character)[0] == "M")
