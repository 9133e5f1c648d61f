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

from pairloom.operators.encode.encoder import TABLE_BYTES, Cuts, Encoder, WordKernel
from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.located import put_in, replaced, surrounded
from pairloom.operators.encode.placing import Segments
from pairloom.operators.encode.spans import opened
from pairloom.operators.encode.special import Strings, document_of, ends_of
from pairloom.operators.models import Located
from pairloom.operators.models.foreign import ForeignTables
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front import Front
from pairloom.operators.text.front.located import Locating
from pairloom.operators.text.front.normal import Normal

__all__ = ["FrontedEncoder", "FrontedTables", "has_flags"]

_APART_BYTES = 16 << 20  # for the words of texts whose tokens are asked for with their places


class FrontedTables(ABC):
    """The tables of a tokenizer of the library (`Compiled`); a family says how a word is encoded and how text is cut."""

    def __init__(self, library: ForeignTables, front: Front) -> None:
        self.library, self.front = library, front

    @abstractmethod
    def kernel(self) -> WordKernel:
        """How a word is encoded."""

    @abstractmethod
    def apart_kernel(self) -> WordKernel:
        """As `kernel`, but that what no piece spells has ids of its own, past all others."""

    @abstractmethod
    def place(self, values: npt.NDArray[np.uint32], segments: Segments, cuts: Cuts) -> Located:
        """Where the tokens are from that `apart_kernel` makes of segments, which `cuts` cut into words."""

    @abstractmethod
    def pieces(self) -> tuple[Cuts, Callable[[str], None]]:
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
        self._tables, self._pieces = tables, pieces
        self._apart: Encoder | None = None  # made when it is asked for, and the next
        self._locating: Locating | None = None
        self._apart_bytes = min(table_bytes, _APART_BYTES)
        self._normal = Normal(tables.front, self._library.normalizer, self._library.build_normalizer, seen)
        self._encoder = Encoder(
            tables.kernel(), pretokenizer=pieces, dtype=self._library.dtype, table_bytes=table_bytes
        )
        added = self._library.added
        self._special = frozenset(one.content for one in added.values() if one.special)
        # Strings that send a document to the library, with the tokens that they are: as they are written, and normalized.
        self._flagged = [(one.content, one.content) for one in added.values() if has_flags(one)]
        self._flagged_ids = [i for i, one in added.items() if has_flags(one)]
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
        text, kinds = opened(texts)
        text, kinds, late, sent = self._cut(text, kinds, self._special - set(wanted))
        ends = ends_of(kinds)
        begins = np.concatenate([[True], ends])[: len(ends)]
        normal = self._normal.normalize(text, begins, (kinds >= 0) | (kinds == k.NULL))
        sent = np.union1d(sent, document_of(kinds)[late.found_in(normal, kinds)])
        values, lists = self._encoder.encode(normal, kinds=kinds, documents=len(texts), **around)
        if not len(sent):
            return values, lists
        found, ends_found = self._library.encode_texts(texts.take(pa.array(sent)), wanted=wanted, **around)
        return put_in(values, lists, sent, found, ends_found)

    def locate_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
        special: pa.LargeListArray | None = None,
        special_ids: Mapping[str, int] = {},
    ) -> Located:
        """See `LocatingEncoder`: as the library says, which is asked where kernels do not know."""
        around: dict[str, Any] = {"prepend": prepend, "append": append, "missing_bytes": missing_bytes}
        text, kinds = opened(texts, special, special_ids)
        marked = np.isin(kinds >> 1, self._flagged_ids) & (kinds >= 0)
        sent = document_of(kinds)[marked]
        text, kinds, late, flagged = self._cut(text, kinds, self._special - set(wanted))
        begins = np.append(True, ends_of(kinds))[: len(kinds)]
        if self._locating is None:
            self._locating = Locating(self._normal, self._library.build_aligner)
        normal = self._locating.locate(text, begins, (kinds >= 0) | (kinds == k.NULL))
        document = document_of(kinds)
        unsure = document[normal.missing], document[late.found_in(normal.text, kinds)]
        sent = np.unique(np.concatenate([sent, flagged, *unsure]))
        found = None
        if len(sent) < len(texts) or not len(texts):
            segments = Segments(text=text, kinds=kinds, normal=normal, documents=len(texts))
            found = surrounded(self._placed(segments), kinds, prepend, append, self._library.dtype)
        if found is not None and not len(sent):
            return found
        rest = pa.array(sent)
        asked = {"wanted": wanted, "special_ids": special_ids, **around}
        asked["special"] = None if special is None else special.take(rest)
        others = self._library.locate_texts(texts.take(rest), **asked)
        return others if found is None else replaced(found, sent, others)

    def _cut(
        self, text: Text, kinds: npt.NDArray[np.int32], left: frozenset[str]
    ) -> tuple[Text, npt.NDArray[np.int32], Strings, npt.NDArray[np.int64]]:
        """Segments cut at added tokens, their kinds, the tokens that are looked for in normalized text, the documents to send."""
        if left not in self._wanted:
            self._wanted[left] = _active(self._flagged, left), _active(self._late, left)
        flagged, late = self._wanted[left]
        sent = document_of(kinds)[flagged.found_in(text, kinds)]
        return *self._first.cut(text, kinds, left), late, sent

    def _placed(self, segments: Segments) -> Located:
        if self._apart is None:
            self._apart = Encoder(
                self._tables.apart_kernel(),
                pretokenizer=self._pieces,
                dtype=np.dtype(np.uint32),
                table_bytes=self._apart_bytes,
            )
        nothing = np.zeros(0, np.uint32)
        values, _ = self._apart.encode(
            segments.normal.text,
            kinds=segments.kinds,
            documents=segments.documents,
            prepend=nothing,
            append=nothing,
        )
        return self._tables.place(values, segments, self._pieces)


def has_flags(added: Any) -> bool:
    """Whether an added token of the library takes white space with it, or stands for whole words only."""
    return bool(added.lstrip or added.rstrip or added.single_word)


def _active(strings: list[tuple[str, str]], left: Collection[str]) -> Strings:
    return Strings([(string, 0, token) for string, token in strings if token not in left])
