"""Finding added tokens in text, as `tokenizers` does.

The leftmost is taken first, of those that start at one place the longest. Plain ones are found in any text; special ones only
where they are asked for, and where they are not, they stay text as a whole: nothing else is found inside of them. Those that
are looked for in normalized text come after all others, in what these have left. No token is looked for across the end of
another.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.kernels.special import cut_segments, find_tokens
from pairloom.operators.models import Entries
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.normalize import normalize

__all__ = ["AddedFinder", "Strings", "document_of", "ends_of", "kinds_of"]


class AddedFinder:
    """Cuts text at the added tokens of a vocabulary, and normalizes what is left."""

    def __init__(self, entries: Entries) -> None:
        late = set(entries.late_tokens)
        plain = set(entries.plain_tokens)
        # The library has the special ones first; that counts where two are one after normalizing.
        added = sorted(
            zip(entries.special_tokens, entries.special_ids, strict=True), key=lambda one: one[0] in plain
        )
        self._normalizer = entries.normalizer
        self._always = bool(plain)
        self._special = frozenset(entries.special_tokens) - plain
        self._ids = dict(added)
        self._first = Strings([(token, i, token) for token, i in added if token not in late])
        # What they are looked for by is normalized as the text is.
        self._late = Strings([(self._normalized(token), i, token) for token, i in added if token in late])

    def segments(
        self, texts: pa.Array, kinds: npt.NDArray[np.int32], wanted: Collection[str]
    ) -> tuple[Text, npt.NDArray[np.int32]]:
        """Normalized documents, cut at the tokens in them, and the kinds of the pieces (see `open_documents`).

        `kinds` are those of the documents, none where all are text. Of the special tokens, the `wanted` are found.
        """
        text, kinds = self.cut(text_of(texts), kinds, wanted)
        if self._normalizer != "none":
            text = text_of(normalize(_view(text), self._normalizer))
        if (self._always or wanted) and self._late:
            text, kinds = self._late.cut(text, kinds, self._special - set(wanted))
        return text, kinds

    def cut(
        self, text: Text, kinds: npt.NDArray[np.int32], wanted: Collection[str]
    ) -> tuple[Text, npt.NDArray[np.int32]]:
        """As `segments`, of documents as they are: cut at tokens that are found before text is normalized."""
        if (self._always or wanted) and self._first:
            text, kinds = self._first.cut(text, kinds, self._special - set(wanted))
        return text, kinds

    def found(
        self, texts: pa.Array, wanted: Collection[str], kinds: npt.NDArray[np.int32] | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of each special token in the documents that is `wanted`, the document and the id; see `segments` for `kinds`."""
        _, kinds = self.segments(texts, kinds_of(texts) if kinds is None else kinds, self._special)
        documents = document_of(kinds)
        hits = np.isin(kinds >> 1, [self._ids[token] for token in wanted]) & (kinds >= 0)
        return documents[hits].astype(np.int64), (kinds[hits] >> 1).astype(np.int64)

    def _normalized(self, token: str) -> str:
        found: str = normalize(pa.array([token], pa.large_string()), self._normalizer)[0].as_py()
        return found


class Strings:
    """Strings to be found, each with the id and the name of its token; of two that are one, the first counts."""

    def __init__(self, items: Sequence[tuple[str, int, str]]) -> None:
        by_bytes = {string.encode(): (i, name) for string, i, name in reversed(items) if string}
        strings = sorted(by_bytes)
        self._names = [by_bytes[string][1] for string in strings]
        self._data = np.frombuffer(b"".join(strings) + b"\0", np.uint8).copy()
        self._ends = np.cumsum([0, *map(len, strings)], dtype=np.int64)
        self._ids = np.array([by_bytes[string][0] for string in strings], dtype=np.int64)
        firsts = np.array([string[0] for string in strings], dtype=np.int64)
        self._first = np.searchsorted(firsts, np.arange(257)).astype(np.int64)

    def __bool__(self) -> bool:
        return bool(self._names)

    def cut(
        self, text: Text, kinds: npt.NDArray[np.int32], left: Collection[str]
    ) -> tuple[Text, npt.NDArray[np.int32]]:
        """Segments cut at the strings in them, but for those that are `left`; kinds as in `AddedFinder.segments`."""
        before = kinds if len(kinds) else np.full(len(text), k.TEXT_ENDS, np.int32)
        found = self._find(text, before, np.array([name in left for name in self._names], np.uint8))
        if not found.shape[1]:
            return text, kinds
        most = len(text) + 2 * found.shape[1]
        offsets, made = np.empty(most + 1, np.int64), np.empty(most, np.int32)
        used = cut_segments(
            np.array(text.offsets), before, found[0], found[1], found[2], found[3], offsets, made
        )
        return Text(data=text.data, offsets=offsets[: used + 1]), made[:used]

    def found_in(self, text: Text, kinds: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """The segments, each once, that have one of the strings; `kinds` are those of all segments."""
        if not self:
            return np.zeros(0, np.int64)
        return np.unique(self._find(text, kinds, np.zeros(len(self._names), np.uint8))[0])

    def _find(
        self, text: Text, kinds: npt.NDArray[np.int32], left: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.int64]:
        """Of each string that is found its segment, first byte, length and id, int64[4, n]."""
        room = 64
        while True:
            found = np.empty((4, room), np.int64)
            count = find_tokens(
                text.data,
                np.array(text.offsets),
                kinds,
                self._data,
                self._ends,
                self._ids,
                left,
                self._first,
                found,
            )
            if count <= room:
                return np.ascontiguousarray(found[:, :count])
            room = count


def kinds_of(texts: pa.Array) -> npt.NDArray[np.int32]:
    """The kinds of documents of text, some of them null; none where none is."""
    if not texts.null_count:
        return np.zeros(0, np.int32)
    valid = texts.is_valid().to_numpy(zero_copy_only=False)
    return np.where(valid, k.TEXT_ENDS, k.NULL).astype(np.int32)


def ends_of(kinds: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Which segments end a document."""
    return (kinds < k.TEXT) | ((kinds >= 0) & (kinds & 1 == 1))


def document_of(kinds: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """The document of each segment."""
    ends = ends_of(kinds)
    return np.cumsum(ends) - ends


def _view(text: Text) -> pa.Array:
    """Segments as an Arrow array, to be normalized."""
    return pa.LargeStringArray.from_buffers(len(text), pa.py_buffer(text.offsets), pa.py_buffer(text.data))
