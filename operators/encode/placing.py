"""Where the tokens of normalized text are from, of the families whose text the `tokenizers` library normalizes.

Words are encoded once more, so that it shows what no piece spells: each such byte, or word, has an id of its own, past all others.
So the tokens of a text lie side by side in it, and each is from where its first byte begins and its last one ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import Cuts
from pairloom.operators.encode.kernels import places as k
from pairloom.operators.errors import CorruptionError
from pairloom.operators.models import Located
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front.located import LocatedText

__all__ = ["Segments", "Side", "Words"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Documents, so many, in segments of `text`, of some `kinds` (see `open_documents`), and these normalized."""

    text: Text
    kinds: npt.NDArray[np.int32]
    normal: LocatedText
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """Tokens that lie side by side, of so many bytes by id (`lengths`, uint32); ids from their number on are bytes.

    These become `byte_ids`, each from its character or, with `whole`, from all that no piece spells there; without any they are
    `unknown`, one for each character or, with `fuses`, for all in a row. With `spaced`, words begin with spaces.
    """

    lengths: npt.NDArray[np.uint32]
    unknown: int
    byte_ids: Sequence[int] = ()
    whole: bool = False
    fuses: bool = False
    spaced: bool = False

    def place(self, values: npt.NDArray[np.uint32], segments: Segments) -> Located:
        """The tokens of documents and where they are from; raises CorruptionError where values do not spell the text."""
        ids = np.array(self.byte_ids if len(self.byte_ids) else [self.unknown] * 256, np.uint32)
        some, none = (k.WHOLE, k.FUSED) if self.whole else (k.EACH, k.FUSED if self.fuses else k.ONE)
        rule = some if len(self.byte_ids) else none
        return _placed(k.place_pieces, values, (self.lengths, ids, rule, self.spaced), segments)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """Tokens of words that `cuts` cuts, of so many bytes by id, the first of a word and later ones; see `place_words`."""

    first: npt.NDArray[np.uint32]
    later: npt.NDArray[np.uint32]
    unknown: int

    def place(self, values: npt.NDArray[np.uint32], segments: Segments, cuts: Cuts) -> Located:
        """As of `Side`."""
        ends = [block.copy() for _, block in cuts.blocks(segments.normal.text)]
        words = np.concatenate([np.zeros(0, np.int64), *ends])
        return _placed(k.place_words, values, (self.first, self.later, self.unknown, words), segments)


def _placed(
    kernel: Callable[..., int],
    values: npt.NDArray[np.uint32],
    tables: tuple[object, ...],
    segments: Segments,
) -> Located:
    text, normal = segments.text, segments.normal
    ids = np.empty(len(values), np.uint32)
    out = np.empty((3, len(values)), np.int64)
    lists = np.zeros(segments.documents + 1, np.int64)
    used = kernel(
        values,
        *tables,
        segments.kinds,
        np.array(text.offsets),
        text.data,
        np.array(normal.text.offsets),
        normal.text.data,
        normal.places,
        ids,
        out,
        lists,
    )
    if used < 0:
        raise CorruptionError("tokens do not spell their normalized text: this is a bug")
    return Located(ids[:used], lists, *out[:, :used])
