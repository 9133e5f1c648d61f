"""Where the tokens of roots and affixes are from: each is from what it spells there, a mark from nothing, before that.

text       KİTAPLAR in
tokens     <capitals> kitap lar ...    from byte 0 to 0, 0 to 6, 6 to 9, ...
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.encoder import Encoder
from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.located import surrounded
from pairloom.operators.encode.origins import origins_of
from pairloom.operators.encode.spans import opened
from pairloom.operators.encode.special import AddedFinder, document_of, ends_of
from pairloom.operators.errors import CorruptionError
from pairloom.operators.models import Located
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.normalize import normalize

if TYPE_CHECKING:
    from pairloom.operators.models.roots.tables import RootTables

__all__ = ["RootEncoder"]


class RootEncoder(Encoder):
    """Encodes with roots and affixes, and says where tokens are from; for one thread at a time."""

    def __init__(self, tables: "RootTables", *, memo: Any, table_bytes: int) -> None:
        entries = tables.entries
        self._spelling = tables.spelling
        self._entries = entries
        self._finder = AddedFinder(entries)
        super().__init__(
            tables.kernel(),
            pretokenizer=entries.pretokenizer,
            dtype=entries.dtype,
            normalizer=entries.normalizer,
            added=self._finder if entries.special_tokens else None,
            memo=memo,
            table_bytes=table_bytes,
        )

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
        """See `LocatingEncoder`: tokens lie side by side."""
        raw, kinds = self._finder.cut(*opened(texts, special, special_ids), wanted)
        parts = pa.LargeStringArray.from_buffers(len(raw), pa.py_buffer(raw.offsets), pa.py_buffer(raw.data))
        normalizer = self._entries.normalizer
        text = raw if normalizer == "none" else text_of(normalize(parts, normalizer))
        first = text.offsets - text.offsets[0]
        # Each segment by itself, as if it were a document.
        alone = np.where(kinds >= 0, kinds | 1, np.where(kinds == k.NULL, k.NULL, k.TEXT_ENDS))
        nothing = np.zeros(0, np.uint32)
        values, edges = self.encode(
            text,
            kinds=alone.astype(np.int32),
            documents=len(kinds),
            prepend=nothing,
            append=nothing,
            missing_bytes=missing_bytes,
        )
        owner = np.repeat(np.arange(len(kinds)), np.diff(edges))
        marked = kinds[owner] >= 0
        lengths = self._spelling.lengths(values.astype(np.uint32), edges)
        lengths[marked] = np.diff(first)[owner[marked]]
        high = np.cumsum(lengths)
        if not np.array_equal(np.concatenate([[0], high])[edges], first):
            raise CorruptionError("tokens of roots and affixes do not spell their text: this is a bug")
        low = high - lengths
        used = text.data[text.offsets[0] : text.offsets[-1]]
        origins = origins_of(parts, used, first, normalizer, np.zeros(0, np.int64), "bytes")
        begin = origins.begin[low]
        end = np.where(low == high, begin, origins.end[np.maximum(high, low + 1) - 1])
        begin[marked], end[marked] = 0, np.diff(raw.offsets)[owner[marked]]
        # From segments to documents: which each belongs to, and where it begins there.
        ends, document = ends_of(kinds), document_of(kinds)
        starts = np.concatenate([[0], np.flatnonzero(ends)[:-1] + 1]).astype(np.int64)
        shift = (raw.offsets[:-1] - raw.offsets[starts[document]])[owner]
        counts = np.bincount(document[owner], minlength=len(texts))
        lists = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        words = self._words(text, low, owner)
        words -= words[lists[:-1][document[owner]]]
        found = Located(values, lists, begin + shift, end + shift, words)
        return surrounded(found, kinds, prepend, append, self._entries.dtype)

    def _words(
        self, text: Text, low: npt.NDArray[np.int64], owner: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """The number of each token's word, ascending; `low` are the bytes where tokens begin, `owner` their segments."""
        ends = [block.copy() for _, block in self._entries.pretokenizer.blocks(text)]
        word = np.searchsorted(np.concatenate([np.zeros(0, np.int64), *ends]) - text.offsets[0], low, "right")
        other = (owner[1:] != owner[:-1]) | (word[1:] != word[:-1])
        return np.cumsum(np.append(False, other))[: len(low)].astype(np.int64)
