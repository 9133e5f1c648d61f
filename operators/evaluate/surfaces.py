"""What tokens stand for in a text, where a vocabulary spells them in another way."""

import re

from pairloom.operators.text.front.reading import MARKER
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["surface", "surfaces"]

_BYTE = re.compile(rb"<0x[0-9A-F]{2}>")


def surfaces(vocabulary: Vocabulary) -> TokenTable:
    """The bytes of each token, see `surface`."""
    tokens = TokenTable.of(vocabulary.tokens)
    if vocabulary.model.spells:
        return tokens
    added = frozenset(vocabulary.special_ids)
    return TokenTable.of([token if i in added else _surface(token) for i, token in enumerate(tokens)])


def surface(vocabulary: Vocabulary, number: int) -> bytes:
    r"""The bytes of a token: U+2581 is a space, `<0x0A>` a byte, and `##` before what goes on a word is nothing.

    Of a vocabulary whose tokens spell their text, and of special tokens, what they are.

    >>> from pairloom.operators.learners import Target
    >>> from pairloom.operators.learners.characters import CharactersLearner
    >>> import pairloom as pl
    >>> found = CharactersLearner().learn(pl.count(["a"]), Target(size=300))
    >>> surface(found, 1 + 0x0A), surface(found, 0)
    (b'\n', b'<unk>')
    """
    token = vocabulary.tokens[number]
    return token if vocabulary.model.spells or number in vocabulary.special_ids else _surface(token)


def _surface(token: bytes) -> bytes:
    if _BYTE.fullmatch(token):
        return bytes([int(token[3:5], 16)])
    return token.removeprefix(b"##").replace(MARKER.encode(), b" ") if token != b"##" else token
