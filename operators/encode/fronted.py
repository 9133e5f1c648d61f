"""Encoding by kernels with a tokenizer of the `tokenizers` library, which does what they do not.

A document goes to the library where it has an added token that takes white space with it or stands for whole words only, or one
that is looked for in normalized text; all others are cut at added tokens, normalized (`text/front/`), cut into words and looked up
as those of any family.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.encoder import TABLE_BYTES, Encoder, WordKernel
from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.special import Strings, kinds_of
from pairloom.operators.models import Located
from pairloom.operators.models.foreign import ForeignTables
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.front import Front
from pairloom.operators.text.front.normal import Normal
from pairloom.operators.text.front.pieces import Pieces

__all__ = ["FrontedEncoder", "FrontedTables", "has_flags"]


class FrontedTables(ABC):
    """The tables of a tokenizer of the library (`Compiled`); a family says how a word is encoded and how text is cut."""

    def __init__(self, library: ForeignTables, front: Front) -> None:
        self.library, self.front = library, front

    @abstractmethod
    def kernel(self) -> WordKernel:
        """How a word is encoded."""

    @abstractmethod
    def pieces(self) -> tuple[Pieces, Callable[[str], None]]:
        """What cuts normalized text, for one encoder, and what has to be told of each character that it may have."""

    def encoder(self, *, memo: Any = None, table_bytes: int = TABLE_BYTES) -> "FrontedEncoder":
        """A new encoder; its table of words begins empty."""
        return FrontedEncoder(self, table_bytes)

    def memorized(self, words: Any) -> Any:
        """Nothing: words are cut from normalized text, which is not counted."""
        return None

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text that the library makes of ids, by kernels where they know its decoder."""
        return self.library.decode(values, offsets)


class FrontedEncoder:
    """Encodes texts, for one thread at a time; memory as of `Encoder`, and 6 MB for tables of characters."""

    def __init__(self, tables: FrontedTables, table_bytes: int) -> None:
        self._library = tables.library
        pieces, seen = tables.pieces()
        self._normal = Normal(tables.front, self._library.normalizer, self._library.build_normalizer, seen)
        self._encoder = Encoder(
            tables.kernel(), pretokenizer=pieces, dtype=self._library.dtype, table_bytes=table_bytes
        )
        added = self._library.added
        self._special = frozenset(one.content for one in added.values() if one.special)
        # Strings that send a document to the library, with the tokens that they are: as they are written, and normalized.
        self._flagged = [(one.content, one.content) for one in added.values() if has_flags(one)]
        late = [one.content for one in added.values() if one.normalized]
        self._late = [(self._normal.normalize_text(one, False).strip(" "), one) for one in late]
        apart = set(late)
        self._first = Strings(
            [(one.content, i, one.content) for i, one in added.items() if one.content not in apart]
        )
        self._wanted: dict[frozenset[str], tuple[Strings, Strings]] = {}

    @property
    def statistics(self) -> Mapping[str, int]:
        """As of `Encoder`; documents that went to the library have no words."""
        return self._encoder.statistics

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`."""
        around: dict[str, Any] = {"prepend": prepend, "append": append, "missing_bytes": missing_bytes}
        left = self._special - set(wanted)
        kinds, text = kinds_of(texts), text_of(texts)
        given = kinds if len(kinds) else np.full(len(text), k.TEXT_ENDS, np.int32)
        if left not in self._wanted:
            self._wanted[left] = _active(self._flagged, left), _active(self._late, left)
        flagged, late = self._wanted[left]
        sent = flagged.found_in(text, given)
        text, kinds = self._first.cut(text, given, left)
        ends = (kinds < k.TEXT) | ((kinds >= 0) & (kinds & 1 == 1))
        begins = np.concatenate([[True], ends])[: len(ends)]
        normal = self._normal.normalize(text, begins, (kinds >= 0) | (kinds == k.NULL))
        sent = np.union1d(sent, (np.cumsum(ends) - ends)[late.found_in(normal, kinds)])
        values, lists = self._encoder.encode(normal, kinds=kinds, documents=len(texts), **around)
        if not len(sent):
            return values, lists
        found, ends_found = self._library.encode_texts(texts.take(pa.array(sent)), wanted=wanted, **around)
        return _put_in(values, lists, sent, found, ends_found)

    def locate_texts(self, texts: pa.Array, **options: Any) -> Located:
        """See `LocatingEncoder`."""
        return self._library.locate_texts(texts, **options)


def has_flags(added: Any) -> bool:
    """Whether an added token of the library takes white space with it, or stands for whole words only."""
    return bool(added.lstrip or added.rstrip or added.single_word)


def _active(strings: list[tuple[str, str]], left: Collection[str]) -> Strings:
    return Strings([(string, 0, token) for string, token in strings if token not in left])


def _put_in(
    values: npt.NDArray[Any],
    lists: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    others: npt.NDArray[Any],
    ends: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The lists with others at some places."""
    parts, last = [], 0
    lengths = np.diff(lists)
    for i, place in enumerate(places.tolist()):
        parts += [values[last : lists[place]], others[ends[i] : ends[i + 1]]]
        last = int(lists[place + 1])
        lengths[place] = ends[i + 1] - ends[i]
    return np.concatenate([*parts, values[last:]]), np.concatenate([[0], np.cumsum(lengths)])
