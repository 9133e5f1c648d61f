"""What the tokens of one vocabulary are to another: each as a row of the other's ids, of one length for all."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import RecipeError
from pairloom.operators.text.arrays import Text
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["spelled_bytes", "surface_forms"]

_MARKER = "\u2581".encode()
_MARKED = ("unigram", "sentencepiece")  # models whose pieces have a marker for a space


def spelled_bytes(vocabulary: Vocabulary) -> list[bytes]:
    """The bytes of text that each token stands for; none for special ones.

    Raises RecipeError for a vocabulary of which that is not known.
    """
    reserved = set(vocabulary.added_ids) - {vocabulary.special_id(token) for token in vocabulary.plain_tokens}
    if vocabulary.model.spells:
        found = list(vocabulary.tokens)
    elif vocabulary.model.name in _MARKED:
        found = [_unmarked(token) for token in vocabulary.tokens]
    else:
        raise RecipeError(
            f"what the tokens of a vocabulary of the model {vocabulary.model.name!r} spell is not known: only those of bpe, lzw "
            "and unigram have surface forms"
        )
    return [b"" if i in reserved else token for i, token in enumerate(found)]


def surface_forms(
    base: Vocabulary, target: Vocabulary, width: int | None = None, pad: int = -1
) -> tuple[npt.NDArray[np.int32], int]:
    """int32[tokens of target, width]: each token as ids of the base, `pad` behind them; and how many rows were cut short.

    Without `width` it is that of the longest row, and none is cut. A special token is the one of its name, or else `pad` alone.
    Raises RecipeError where the tokens of one of the two are no bytes.

    >>> from pairloom.operators import Pretokenizer, count_words, learn_bpe
    >>> import pyarrow as pa
    >>> counts = count_words(pa.array(["aba aba"]), Pretokenizer())
    >>> forms, cut = surface_forms(learn_bpe(counts, 256), learn_bpe(counts, 257))
    >>> forms.shape, forms[-1].tolist(), cut
    ((257, 2), [64, 65], 0)
    """
    if not base.model.spells:
        raise RecipeError(
            f"the base is of the model {base.model.name!r}, whose tokens are no bytes: surface forms are of ids of bpe or lzw"
        )
    table, none = TokenTable.of(spelled_bytes(target)), np.zeros(0, np.uint32)
    text = Text(data=table.data, offsets=table.offsets)
    values, lists = (
        Tokenizer(base).word_encoder().encode(text, prepend=none, append=none, missing_bytes="drop")
    )
    ids, offsets = np.asarray(values, np.int64), np.asarray(lists, np.int64)
    lengths = np.diff(offsets)
    width = max(1, int(lengths.max(initial=1))) if width is None else width
    kept = np.minimum(lengths, width)
    forms = np.full((len(target), width), pad, np.int32)
    rows = np.repeat(np.arange(len(target)), kept)
    columns = np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept)
    forms[rows, columns] = ids[np.repeat(offsets[:-1], kept) + columns]
    ours = dict(zip(base.special_tokens, base.special_ids, strict=True))
    for name, i in zip(target.special_tokens, target.special_ids, strict=True):
        if name in ours and lengths[i] == 0:
            forms[i, 0] = ours[name]
    return forms, int((lengths > width).sum())


def _unmarked(piece: bytes) -> bytes:
    if len(piece) == 6 and piece.startswith(b"<0x") and piece.endswith(b">"):
        try:
            return bytes([int(piece[3:5], 16)])
        except ValueError:
            pass
    return piece.replace(_MARKER, b" ")
