"""Growing LZW's dictionary from text, and from word counts."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.counts.drawing import drawn_words
from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.slots import empty_slots
from pairloom.operators.learners import Target
from pairloom.operators.models.bpe.assembling import check_options
from pairloom.operators.models.lzw.kernels import grow_entries
from pairloom.operators.models.lzw.model import LZW
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary, byte_order
from pairloom.operators.vocabulary.tokens import to_alphabet

__all__ = ["dictionary_vocabulary", "grow_dictionary", "learn_lzw"]


def learn_lzw(
    counts: WordCounts,
    size: int,
    *,
    special_tokens: Sequence[str] = (),
    pretokenizer: Pretokenizer | None = None,
    normalizer: str = "none",
) -> Vocabulary:
    """Grow a vocabulary of at most `size` tokens: the 256 bytes, what LZW meets, then the special tokens.

    The words are gone through once, in the order of `drawn_words`, until there are enough tokens; what one has met never leaves
    its word. Raises ValueError where an option is wrong, RecipeError where a special token is a token of the text.

    >>> import pyarrow as pa
    >>> from pairloom.operators.counts import count_words
    >>> words = count_words(pa.array(["ab ab abc"]), Pretokenizer(scheme="whitespace"))
    >>> learn_lzw(words, 259).tokens[256:]
    (b' a', b'ab', b' ab')
    """
    target = Target(
        size=size,
        special_tokens=check_options(size, special_tokens),
        pretokenizer=pretokenizer or Pretokenizer(),
        normalizer=normalizer,
    )
    entries = grow_dictionary(text_of(counts.words), drawn_words(counts), size - len(target.special_tokens))
    return dictionary_vocabulary(entries[256:], target)


def dictionary_vocabulary(entries: Sequence[bytes], target: Target) -> Vocabulary:
    """A vocabulary of which the longest entry is taken at each place: the 256 bytes, as many entries as fit, the special tokens.

    Raises ValueError where an option is wrong, RecipeError where a special token is a token of the text.
    """
    specials = check_options(target.size, target.special_tokens)
    tokens = [bytes([byte]) for byte in byte_order().tolist()]
    tokens += entries[: max(0, target.size - len(specials) - 256)]
    made = set(tokens)
    for token in specials:
        if token.encode() in made or any(to_alphabet(entry) == token for entry in made):
            raise RecipeError(
                f"special token {token!r} is also a token of the text: both would have one id; choose one that does not occur"
            )
    return Vocabulary(
        tokens=[*tokens, *(token.encode() for token in specials)],
        model=LZW(),
        special_tokens=specials,
        special_ids=tuple(range(len(tokens), len(tokens) + len(specials))),
        pretokenizer=target.pretokenizer,
        normalizer=target.normalizer,
    )


def grow_dictionary(text: Text, words: Iterable[npt.NDArray[np.int64]], size: int) -> list[bytes]:
    """LZW's dictionary (Welch, 1984) of at most `size` entries: the 256 bytes in their order, then what it meets in the words.

    `words` are places in the text, some at a time. A phrase is the longest entry at a place; with the byte after it, if that is
    of the same word, it is the next entry, and the next phrase begins with that byte.
    """
    room = max(256, size)
    shorter, last = np.empty(room, np.int32), np.empty(room, np.uint8)
    keys = empty_slots(room)
    longer = np.empty(len(keys), np.int32)
    found = 256
    for some in words:
        if found >= room:
            break
        found = grow_entries(text.data, text.offsets, some, keys, longer, shorter, last, found)
    entries = [bytes([byte]) for byte in range(256)]
    for entry, byte in zip(shorter[256:found].tolist(), last[256:found].tolist(), strict=True):
        entries.append(entries[entry] + bytes([byte]))
    return entries
